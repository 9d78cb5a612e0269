"""A model behind HTTP, as services are written: loaded once, before any worker is forked; streams kept by session."""

import os
import pickle
import threading
from pathlib import Path

import numpy as np
from clients.easy import classifier, problem
from fastapi import FastAPI
from threadpoolctl import threadpool_info

from sklstm import load

FOLDER = Path(os.environ["SERVED_FOLDER"])
MODEL = load(FOLDER / "model.npz")
STREAMS = {}


def blas_threads():
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


BLAS_THREADS = blas_threads()  # which a fit sets to one for as long as it takes

if "WARM_UP" in os.environ:  # what many do before the fork, and what starts threads in the parent
    classifier(n_jobs=2, max_iter=2).fit(*problem()[:2])
    MODEL.predict_proba(problem()[0])


def fit_again_and_again():
    """Another estimator, with a helper thread; a byte in a file for each fit tells of it."""
    X, y, _ = problem()
    with (FOLDER / "fits").open("ab", buffering=0) as fits:
        while True:
            classifier(n_jobs=2, max_iter=2).fit(X, y)
            fits.write(b".")


if "FIT_BESIDE" in os.environ:  # in the process that forks the workers, as a service does that trains its next model
    threading.Thread(target=fit_again_and_again, daemon=True).start()

app = FastAPI()


@app.get("/ready")
def ready():
    return {"worker": os.getpid(), "blas as before": blas_threads() == BLAS_THREADS}


@app.post("/predict")
def predict(X: list[list[list[float]]]):
    return {"worker": os.getpid(), "probabilities": MODEL.predict_proba(X).tolist()}


@app.post("/fit")
def fit(X: list[list[list[float]]]):
    """A model that is fitted in the worker, by its X, and what it predicts."""
    X = np.array(X)
    labels = X[:, :, 0].sum(axis=1) > 0
    return {"worker": os.getpid(), "probabilities": classifier(n_jobs=2, max_iter=2).fit(X, labels).predict_proba(X).tolist()}


@app.post("/kept/{session}")
def step_of_a_kept_stream(session: str, step: list[float]):
    """In the memory of the worker that the session's connection leads to."""
    if session not in STREAMS:
        STREAMS[session] = MODEL.stream("predict_proba")
    return {"worker": os.getpid(), "probabilities": STREAMS[session].step(step).tolist()}


@app.post("/stored/{session}")
def step_of_a_stored_stream(session: str, step: list[float]):
    """Between two steps in a file, so that any worker continues it."""
    path = FOLDER / f"{session}.stream"
    stream = pickle.loads(path.read_bytes()) if path.exists() else MODEL.stream("predict_proba")
    probabilities = stream.step(step)
    path.write_bytes(pickle.dumps(stream))
    return {"worker": os.getpid(), "probabilities": probabilities.tolist()}
