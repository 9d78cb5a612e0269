"""FastAPI under uvicorn and gunicorn: every prediction of a server is that of the model itself, to the bit."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import pytest
from clients.easy import MARKS, classifier, problem

from sklstm import save

pytestmark = MARKS

HOST, LIMIT = "127.0.0.1", 60  # seconds for a server to start, and for each answer
# A socket that listens already is handed down: no other process can take the port between.
COMMANDS = {
    "uvicorn": lambda fd: ["uvicorn", "--fd", str(fd), "--log-level", "warning", "clients.server:app"],
    "gunicorn": lambda fd: [
        *("gunicorn", "--bind", f"fd://{fd}", "--preload", "--workers", "2", "--no-control-socket"),
        *("--worker-class", "uvicorn.workers.UvicornWorker", "--log-level", "warning", "clients.server:app"),
    ],
}
N_WORKERS = {"uvicorn": 1, "gunicorn": 2}
N_REQUESTS, N_CLIENTS, N_SESSIONS = 300, 8, 6
N_REPLACED = 8  # workers


@contextmanager
def serving(command, folder, **environment):
    """The port of a server, which has ended with all its workers when the block is left."""
    listening = socket.create_server((HOST, 0), backlog=256)
    path = os.pathsep.join(filter(None, [str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH")]))
    with listening, (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *COMMANDS[command](listening.fileno())],
            env=os.environ | {"PYTHONPATH": path, "SERVED_FOLDER": str(folder)} | environment,
            cwd=folder,  # which they import from: not the checkout, which is not compiled
            pass_fds=[listening.fileno()],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            port = listening.getsockname()[1]
            wait_until_ready(process, port, folder / "log")
            yield port
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_until_ready(process, port, log):
    end = time.monotonic() + LIMIT
    while process.poll() is None and time.monotonic() < end:
        try:
            return ask(port, "GET", "/ready", limit=5)
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"The server did not start:\n{log.read_text()}")


def ask(port, method, path, value=None, connection=None, limit=LIMIT):
    """The answer to one request, on a connection of its own unless there is one."""
    link = connection or HTTPConnection(HOST, port, timeout=limit)
    try:
        link.request(method, path, json.dumps(value), {"Content-Type": "application/json"})
        response = link.getresponse()
        body = response.read()
        assert response.status == 200, body
        return json.loads(body)
    finally:
        if connection is None:
            link.close()


@pytest.fixture(scope="module")
def model():
    X, y, _ = problem()
    return classifier(hidden_size=16, max_iter=3).fit(X, y)


SERVERS = {"uvicorn": ("uvicorn", 1), "gunicorn": ("gunicorn", 1), "gunicorn, n_jobs=2": ("gunicorn", 2)}


@pytest.fixture(scope="module", params=SERVERS.values(), ids=SERVERS)
def server(request, model, tmp_path_factory):
    """Name and port of a server; the parent of gunicorn's workers has fitted before it forks them."""
    command, n_jobs = request.param
    folder = tmp_path_factory.mktemp("served")
    save(model.set_params(n_jobs=n_jobs), folder / "model.npz")
    with serving(command, folder, **{"WARM_UP": "1"} if command == "gunicorn" else {}) as port:
        yield command, port


def test_predictions_of_many_clients_at_once(server, model):
    command, port = server
    X = problem(N_REQUESTS + 40, seed=1)[0]
    # One sequence, or forty for two threads; of T or T - 1 steps.
    bodies = [X[k : k + (40 if k % 10 == 0 else 1), k % 2 :] for k in range(N_REQUESTS)]
    with ThreadPoolExecutor(N_CLIENTS) as clients:
        answers = list(clients.map(lambda body: ask(port, "POST", "/predict", body.tolist()), bodies))
    for body, answer in zip(bodies, answers, strict=True):
        np.testing.assert_array_equal(answer["probabilities"], model.predict_proba(body))
    workers, end = {answer["worker"] for answer in answers}, time.monotonic() + LIMIT
    while len(workers) < N_WORKERS[command] and time.monotonic() < end:
        workers.add(ask(port, "POST", "/predict", X[:1].tolist())["worker"])
    assert len(workers) == N_WORKERS[command]


def test_workers_fit(server):
    X = problem(60, seed=2)[0]
    expected = classifier(max_iter=2).fit(X, X[:, :, 0].sum(axis=1) > 0).predict_proba(X)
    with ThreadPoolExecutor(4) as clients:
        for answer in clients.map(lambda _: ask(server[1], "POST", "/fit", X.tolist()), range(8)):
            np.testing.assert_array_equal(answer["probabilities"], expected)


def test_streams_kept_in_the_memory_of_a_worker(server, model):
    X = problem(N_SESSIONS, seed=3)[0]

    def session(k):
        connection = HTTPConnection(HOST, server[1], timeout=LIMIT)  # one connection leads to one worker
        try:
            return [ask(server[1], "POST", f"/kept/{k}", step.tolist(), connection) for step in X[k]]
        finally:
            connection.close()

    with ThreadPoolExecutor(N_SESSIONS) as clients:
        sessions = list(clients.map(session, range(N_SESSIONS)))
    for x, answers in zip(X, sessions, strict=True):
        assert len({answer["worker"] for answer in answers}) == 1
        for t, answer in enumerate(answers):
            np.testing.assert_array_equal(np.ravel(answer["probabilities"]), model.predict_proba([x[: t + 1]])[0])


def test_streams_that_any_worker_continues(server, model):
    X = problem(N_SESSIONS, seed=4)[0]

    def session(k):
        return [ask(server[1], "POST", f"/stored/{k}", step.tolist()) for step in X[k]]

    with ThreadPoolExecutor(N_SESSIONS) as clients:
        sessions = list(clients.map(session, range(N_SESSIONS)))
    for x, answers in zip(X, sessions, strict=True):
        for t, answer in enumerate(answers):
            np.testing.assert_array_equal(np.ravel(answer["probabilities"]), model.predict_proba([x[: t + 1]])[0])


def test_what_is_no_sequence_is_an_error_and_the_server_lives_on(server, model):
    port = server[1]
    with pytest.raises(AssertionError, match="Internal Server Error"):
        ask(port, "POST", "/predict", [[[1.0]]])
    X = problem(1)[0]
    np.testing.assert_array_equal(ask(port, "POST", "/predict", X.tolist())["probabilities"], model.predict_proba(X))


def test_workers_that_are_forked_while_a_thread_of_their_parent_fits(model, tmp_path):
    save(model, tmp_path / "model.npz")
    X = problem(60, seed=5)[0]
    fitted_there = classifier(max_iter=2).fit(X, X[:, :, 0].sum(axis=1) > 0).predict_proba(X)
    predicted, workers = model.predict_proba(X), []
    with serving("gunicorn", tmp_path, FIT_BESIDE="1") as port:
        before = (tmp_path / "fits").stat().st_size
        while len(workers) < N_REPLACED:
            connection = HTTPConnection(HOST, port, timeout=20)
            assert ask(port, "GET", "/ready", connection=connection)["blas as before"]
            for path, expected in (("/predict", predicted), ("/fit", fitted_there), ("/predict", predicted)):
                worker = ask(port, "POST", path, X.tolist(), connection)
                np.testing.assert_array_equal(worker["probabilities"], expected)
            connection.close()
            workers.append(worker["worker"])
            os.kill(workers[-1], signal.SIGKILL)  # its parent forks another in its place
        assert (tmp_path / "fits").stat().st_size > before
    assert len(set(workers)) == N_REPLACED
