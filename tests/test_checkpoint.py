"""A fit that is interrupted and continued from its checkpoint equals one that was never interrupted."""

import errno
import multiprocessing
import os
import signal
import threading
import warnings

import numpy as np
import pytest

from sklstm import LSTMClassifier, LSTMRegressor, archive, files

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Killed(Exception):
    pass


class KillAfter:
    """A callback, as scikit-learn's, that raises when so many epochs are done."""

    def __init__(self, n_epochs):
        self.n_epochs = n_epochs

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "epoch" and context.task_id + 1 == self.n_epochs:
            raise Killed


@pytest.fixture
def problem(rng):
    X = [rng.normal(size=(rng.integers(3, 9), 2)) for _ in range(150)]
    return X, np.array([["no", "yes"][int(x.sum() > 0)] for x in X])


def same_bits(a, b):
    timeless = [[{k: v for k, v in row.items() if k != "seconds"} for row in model.history_] for model in (a, b)]
    return (
        a._theta.tobytes() == b._theta.tobytes()
        and timeless[0] == timeless[1]
        and a._state.rng.bit_generator.state == b._state.rng.bit_generator.state
        and all(np.array_equal(v, b._state.optimizer[k]) for k, v in a._state.optimizer.items())
        and a.best_validation_score_ == b.best_validation_score_
    )


CONFIGURATIONS = {
    "defaults": {},
    "poolings": {"pooling": ("last", "max", "attention")},
    "early stopping": {"early_stopping": True, "n_iter_no_change": 6},
    "sgd, adaptive": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.1,
        "n_iter_no_change": 2,
        "tol": 0.05,
    },
    "projection": {"proj_size": 3, "recurrent_dropout": 0.2, "num_layers": 2},
    "cosine, dropout": {"learning_rate": "cosine", "dropout": 0.2, "recurrent_dropout": 0.2, "num_layers": 2},
    "onecycle, rmsprop": {"solver": "rmsprop", "learning_rate": "onecycle"},
    "plateau, adamw": {"solver": "adamw", "learning_rate": "plateau", "n_iter_no_change": 4, "tol": 0.05},
    "truncated, categories": {"bptt_steps": 3, "categorical_features": [1]},
}


@pytest.mark.skipif(not hasattr(LSTMClassifier, "set_callbacks"), reason="scikit-learn before 1.9 has no callbacks")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("parameters", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_a_resumed_fit_ends_with_the_same_bits(problem, tmp_path, parameters, dtype):
    X, y = problem
    X = [np.column_stack([x[:, 0], (x[:, 1] > 0)]).astype(dtype) for x in X]
    common = dict(hidden_size=5, max_iter=14, random_state=3) | parameters
    whole = LSTMClassifier(**common).fit(X, y)
    assert same_bits(LSTMClassifier(**common, checkpoint=tmp_path / "whole").fit(X, y), whole)
    for n_epochs in {1, 2, whole.n_iter_ // 2, whole.n_iter_}:
        path = tmp_path / str(n_epochs)
        with pytest.raises(Killed):
            LSTMClassifier(**common, checkpoint=path).set_callbacks(KillAfter(n_epochs)).fit(X, y)
        resumed = LSTMClassifier(**common, checkpoint=path, n_jobs=2, verbose=0)
        assert same_bits(resumed.fit(X, y), whole)
        # Done: the same fit has nothing left to do, and neither changes the file nor what a further fit would draw.
        before = path.read_bytes()
        again = LSTMClassifier(**common, checkpoint=path).fit(X, y)
        assert same_bits(again, whole) and path.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"whole", *map(str, {1, 2, whole.n_iter_ // 2, whole.n_iter_})}


def test_without_a_random_state_the_numbers_of_the_interrupted_fit_are_drawn(problem, tmp_path):
    X, y = problem
    path = tmp_path / "checkpoint"
    first = LSTMClassifier(4, max_iter=3, early_stopping=True, checkpoint=path).fit(X, y)
    again = LSTMClassifier(4, max_iter=3, early_stopping=True, checkpoint=path).fit(X, y)
    assert same_bits(first, again)


def test_a_further_fit_resumes_from_the_same_start(problem, tmp_path):
    X, y = problem
    start = LSTMClassifier(4, max_iter=3, random_state=0).fit(X, y)
    parameters = start.get_params() | {"warm_start": True, "max_iter": 5}

    def further(path, begun=start):
        model = LSTMClassifier(**parameters | {"checkpoint": path})
        vars(model).update({k: v for k, v in vars(begun).items() if k not in parameters})
        return model

    whole = further(None).fit(X, y)
    first = further(tmp_path / "checkpoint").fit(X, y)
    assert same_bits(first, whole) and first.n_iter_ == 8
    assert same_bits(further(tmp_path / "checkpoint").fit(X, y), whole)
    # What has been done is another start.
    with pytest.raises(ValueError, match="initial weights"):
        first.fit(X, y)


CHANGES = {
    "alpha": ({"alpha": 0.5}, r"alpha \(there 1e-05, here 0.5\)"),
    "random_state": ({"random_state": 1}, "random_state"),
    "max_iter": ({"max_iter": 4}, r"max_iter \(there 3, here 4\)"),
    "class_weight": ({"class_weight": {"yes": 2}}, "class_weight"),
}


@pytest.mark.parametrize("change, word", CHANGES.values(), ids=CHANGES)
def test_checkpoints_of_other_parameters(problem, tmp_path, change, word):
    X, y = problem
    path = tmp_path / "checkpoint"
    model = LSTMClassifier(4, max_iter=3, random_state=0, checkpoint=path).fit(X, y)
    before = path.read_bytes()
    model.set_params(**change)
    with pytest.raises(ValueError, match=f"is of another fit.*{word}") as caught:
        model.fit(X, y)
    assert str(path) in str(caught.value) and "delete this one" in str(caught.value)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["checkpoint"]


def test_checkpoints_of_other_data(problem, tmp_path):
    X, y = problem
    path = tmp_path / "checkpoint"
    weights = np.ones(len(y))
    model = LSTMClassifier(4, max_iter=3, random_state=0, checkpoint=path)
    model.fit(X, y, weights, X[:20], y[:20], weights[:20])
    before = path.read_bytes()
    changed = [x.copy() for x in X]
    changed[7][1, 0] += 1e-9
    flipped = np.where(np.arange(len(y)) == 3, np.where(y == "yes", "no", "yes"), y)
    other = np.where(np.arange(len(y)) == 3, 2.0, 1.0)
    cases = [
        ((changed, y, weights, X[:20], y[:20], weights[:20]), r"X \(data\)"),
        ((X, flipped, weights, X[:20], y[:20], weights[:20]), r"y \(data\)"),
        ((X, y, other, X[:20], y[:20], weights[:20]), r"sample weights \(data\)"),
        ((X, y, weights, changed[:20], y[:20], weights[:20]), r"X \(validation data\)"),
        ((X, y, weights, X[:20], flipped[:20], weights[:20]), r"y \(validation data\)"),
        ((X, y, weights, X[:20], y[:20], other[:20]), r"sample weights \(validation data\)"),
        ((X, y, weights), r"X \(validation data\)"),
        (([x.astype(np.float32) for x in X], y, weights, X[:20], y[:20], weights[:20]), r"X \(data\)"),
    ]
    for arguments, word in cases:
        with pytest.raises(ValueError, match=word):
            model.fit(*arguments)
        assert path.read_bytes() == before
    assert model.fit(X, y, weights, X[:20], y[:20], weights[:20]).n_iter_ == 3


def test_files_that_are_no_checkpoint(problem, tmp_path):
    X, y = problem
    path = tmp_path / "checkpoint"
    model = LSTMClassifier(4, max_iter=3, random_state=0, checkpoint=path).fit(X, y)
    good = path.read_bytes()
    model_file = tmp_path / "model"
    from sklstm import save

    save(model, model_file)
    contents = [b"", b"a text", good[: len(good) // 2], good[:-1], good + b"\0", model_file.read_bytes()]
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 4
    for content in [*contents, bytes(flipped)]:
        path.write_bytes(content)
        unfitted = LSTMClassifier(4, max_iter=3, random_state=0, checkpoint=path)
        with pytest.raises(ValueError, match="checkpoint"):
            unfitted.fit(X, y)
        assert path.read_bytes() == content
        assert "_theta" not in vars(unfitted)


def test_states_that_do_not_fit_the_network(problem, tmp_path):
    X, y = problem
    path = tmp_path / "checkpoint"
    LSTMClassifier(4, max_iter=3, random_state=0, checkpoint=path).fit(X, y)
    good = archive.read_archive(path, "checkpoint")

    def damaged(change):
        tree = archive.read_archive(path, "checkpoint")
        change(tree)
        return tree

    changes = [
        lambda tree: tree.pop("rng"),
        lambda tree: tree.update(rng=None),
        lambda tree: tree["state"].pop("best"),
        lambda tree: tree["state"].update(theta=tree["state"]["theta"][:-1].copy()),
        lambda tree: tree["state"].update(best_theta=tree["state"]["theta"].astype(np.float32)),
        lambda tree: tree["state"].update(n_epochs="three"),
        lambda tree: tree["state"]["optimizer"].pop("m"),
        lambda tree: tree["state"]["optimizer"].update(v=np.zeros((2, 2))),
        lambda tree: tree["state"].update(n_stalled=None),
        lambda tree: tree["state"].update(history=[None, 1, "2"]),
        lambda tree: tree["state"].update(solver="sgd"),
    ]
    for change in changes:
        archive.write_archive(path, damaged(change), "checkpoint")
        with pytest.raises(ValueError, match="checkpoint"):
            LSTMClassifier(4, max_iter=3, random_state=0, checkpoint=path).fit(X, y)
        archive.write_archive(path, good, "checkpoint")


def test_a_full_disk_does_not_end_the_fit(problem, tmp_path, monkeypatch):
    X, y = problem
    path = tmp_path / "checkpoint"
    common = dict(hidden_size=4, max_iter=8, random_state=0)
    n_written, fsync = 0, os.fsync

    def full(descriptor):
        nonlocal n_written
        n_written += 1
        if n_written > 6:  # the directory is synchronised too: three epochs
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(RuntimeWarning, match="No space left on device.*last checkpoint") as caught:
        model = LSTMClassifier(**common, checkpoint=path).fit(X, y)
    assert len([w for w in caught if w.category is RuntimeWarning]) == 1  # and not one per epoch
    monkeypatch.setattr(os, "fsync", fsync)
    assert same_bits(model, LSTMClassifier(**common).fit(X, y))
    assert os.listdir(tmp_path) == ["checkpoint"]
    assert archive.read_archive(path, "checkpoint")["state"]["n_epochs"] == 3
    assert same_bits(LSTMClassifier(**common, checkpoint=path).fit(X, y), model)


def file_in_the_way(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    return tmp_path / "file" / "checkpoint"


def read_only_folder(tmp_path):
    (tmp_path / "folder").mkdir(mode=0o555)
    if os.access(tmp_path / "folder", os.W_OK):
        pytest.skip("this user may write everywhere")
    return tmp_path / "folder" / "checkpoint"


def made(make):
    """A path at which `make` put something that is no file."""

    def path(tmp_path):
        make(tmp_path / "made")
        return tmp_path / "made"

    return path


# Name -> path, and type of the error.
NOT_WRITABLE = {
    "no folder": (lambda tmp_path: tmp_path / "tpyo" / "checkpoint", FileNotFoundError),
    "no home": (lambda tmp_path: "~/tpyo/checkpoint", FileNotFoundError),
    "a folder": (lambda tmp_path: tmp_path, IsADirectoryError),
    "a folder to be": (lambda tmp_path: f"{tmp_path / 'new'}{os.sep}", IsADirectoryError),
    "below a file": (file_in_the_way, NotADirectoryError),
    "read-only folder": (read_only_folder, PermissionError),
    "a long name": (lambda tmp_path: tmp_path / ("n" * 300), OSError),
    "a FIFO": (made(os.mkfifo), OSError),
    "a link to itself": (made(lambda path: path.symlink_to(path)), OSError),
    "a device": (lambda tmp_path: "/dev/null", OSError),
    "empty": (lambda tmp_path: "", ValueError),
    "a null character": (lambda tmp_path: "check\0point", ValueError),
}


class NotRead:
    """An X that must not be looked at."""

    def __array__(self, *args, **kwargs):
        pytest.fail("X was read")

    __len__ = __iter__ = __getitem__ = __array__


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="paths of POSIX")
@pytest.mark.parametrize("name", NOT_WRITABLE)
def test_paths_that_cannot_be_written_are_errors_before_X_is_read(problem, tmp_path, monkeypatch, name):
    monkeypatch.setenv("HOME", str(tmp_path))
    make, error = NOT_WRITABLE[name]
    path = make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    model = LSTMClassifier(4, max_iter=3, random_state=0, checkpoint=path)
    with pytest.raises(error) as caught:
        model.fit(NotRead(), NotRead())
    assert repr(os.fspath(path)) in str(caught.value) and "Pass the path of a file" in str(caught.value)
    assert ".tmp" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before
    assert not model.__sklearn_is_fitted__()
    assert model.set_params(checkpoint=tmp_path / "good").fit(*problem).n_iter_ == 3  # the advice


def test_a_disk_that_is_full_at_the_start_is_an_error(problem, tmp_path, monkeypatch):
    class Full:
        def __init__(self, descriptor, mode):
            self.file = open(descriptor, mode)

        def __enter__(self):
            return self

        def __exit__(self, *exc_info):
            self.file.close()

        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "open", Full, raising=False)
    with pytest.raises(OSError, match=r"could not be written \(No space left on device\)") as caught:
        LSTMClassifier(4, checkpoint=tmp_path / "checkpoint").fit(*problem)
    assert caught.value.errno == errno.ENOSPC and os.listdir(tmp_path) == []


def test_checkpoints_in_the_home_directory(problem, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    model = LSTMClassifier(4, max_iter=3, random_state=0, checkpoint="~/checkpoint")
    assert same_bits(model.fit(*problem), model.fit(*problem))
    assert os.listdir(tmp_path) == ["checkpoint"] and model.checkpoint == "~/checkpoint"


def _fit_in_child(path, X, y, parameters):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        LSTMRegressor(**parameters, checkpoint=path).fit(X, y)


def _epochs_of(path):
    return archive.read_archive(path, "checkpoint")["state"]["n_epochs"] if path.exists() else 0


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="children are forked, to be quick")
def test_killed_at_twenty_random_moments(tmp_path):
    # SIGKILL leaves no chance to clean up: whatever is on the disk has to do.
    rng = np.random.default_rng(5)
    X = rng.normal(size=(400, 10, 2)).astype(np.float32)
    y = X[:, :, 0].sum(axis=1)
    parameters = dict(hidden_size=12, max_iter=25, early_stopping=True, n_iter_no_change=100, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = LSTMRegressor(**parameters, checkpoint=tmp_path / "whole").fit(X, y)
    seconds_of_an_epoch = min(row["seconds"] for row in whole.history_)
    fork = multiprocessing.get_context("fork")
    n_killed, path = 0, None
    epochs = set()
    while n_killed < 20:
        if path is None or rng.random() < 0.3:  # else the same fit is killed once more
            path = tmp_path / f"checkpoint-{n_killed}"
        child = fork.Process(target=_fit_in_child, args=(path, X, y, parameters))
        child.start()
        # A random epoch, then a random moment of it: a machine that is slow to start a process still sees every epoch.
        epoch = rng.integers(parameters["max_iter"])
        while child.is_alive() and _epochs_of(path) < epoch:
            child.join(0.001)
        child.join(rng.uniform(0, 2) * seconds_of_an_epoch)
        if not child.is_alive():
            path = None  # it was done
            child.close()
            continue
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        n_killed += 1
        epochs.add(_epochs_of(path))
        copy = tmp_path / "copy"
        copy.unlink(missing_ok=True)
        if path.exists():
            copy.write_bytes(path.read_bytes())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert same_bits(LSTMRegressor(**parameters, checkpoint=copy).fit(X, y), whole)
    assert len(epochs) >= 5  # at different moments, that is


def test_checkpoints_of_two_fits_at_once(problem, tmp_path):
    X, y = problem
    models = [LSTMClassifier(4, max_iter=5, random_state=k, checkpoint=tmp_path / str(k)) for k in range(2)]
    threads = [threading.Thread(target=model.fit, args=(X, y)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, model in enumerate(models):
        assert same_bits(model, LSTMClassifier(4, max_iter=5, random_state=k).fit(X, y))


def test_partial_fit_has_no_checkpoint(problem, tmp_path):
    X, y = problem
    LSTMClassifier(4, checkpoint=tmp_path / "checkpoint").partial_fit(X, y, ["no", "yes"])
    assert os.listdir(tmp_path) == []
