"""Progress of a fit: the bar, the lines, the history, and scikit-learn's callbacks."""

import builtins
import io
import re
import subprocess
import sys
import textwrap
import warnings

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklstm import LSTMClassifier, LSTMRegressor, load, save

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def problem(rng):
    X = rng.normal(size=(90, 6, 2))
    return X, X[:, :, 0].sum(axis=1)


@pytest.fixture
def no_tqdm(monkeypatch):
    importing = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.split(".")[0] == "tqdm":
            raise ImportError(name)
        return importing(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)


LINE = r"Epoch \d/3  loss [\d.e-]+  val_loss [\d.e-]+  val_score -?[\d.]+  rate [\d.e-]+  [\d.]+ s  \(at most \d+:\d\d left\)"


def test_lines_without_tqdm(problem, capsys, no_tqdm):
    model = LSTMRegressor(4, max_iter=3, early_stopping=True, verbose=1, random_state=0).fit(*problem)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and all(re.fullmatch(LINE, line) for line in lines), lines
    assert f"loss {model.loss_curve_[1]:.4g} " in lines[1]
    assert f"val_score {model.validation_scores_[1]:.4f} " in lines[1]


def test_a_bar_with_tqdm(problem, capsys):
    pytest.importorskip("tqdm")
    model = LSTMRegressor(4, max_iter=3, verbose=1, random_state=0).fit(*problem)
    out, err = capsys.readouterr()
    assert out == ""
    last = re.split(r"[\r\n]", err.strip())[-1]
    assert "3/3" in last and f"loss={model.loss_curve_[-1]:.4g}" in last and "rate=" in last


def test_verbose_2_prints_lines_though_tqdm_is_there(problem, capsys):
    LSTMRegressor(4, max_iter=3, verbose=2, solver="lbfgs", random_state=0).fit(*problem)
    out, err = capsys.readouterr()
    assert [line.split()[1] for line in out.splitlines()] == ["1/3", "2/3", "3/3"] and err == ""


def test_silence(problem, capsys):
    LSTMRegressor(4, max_iter=3, random_state=0).fit(*problem)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_quiet_in_parallel_workers(backend, tmp_path):
    # In a process of its own: what workers print goes to the terminal and not to pytest.
    code = f"""
        import joblib, numpy as np, warnings
        warnings.simplefilter("ignore")
        from sklearn.model_selection import cross_val_score
        from sklstm import LSTMRegressor
        X = np.random.default_rng(0).normal(size=(30, 4, 1))
        with joblib.parallel_config({backend!r}):
            cross_val_score(LSTMRegressor(2, max_iter=2, verbose=1), X, X.sum(axis=(1, 2)), cv=2, n_jobs=2)
    """
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)  # not where the sources are
    assert result.returncode == 0, result.stderr
    assert "poch" not in result.stdout + result.stderr


class Broken(io.StringIO):
    """Output that fails from the n-th time on."""

    def __init__(self, error, n=1):
        super().__init__()
        self.error, self.left = error, n

    def write(self, text):
        self.left -= 1
        if self.left < 0:
            raise self.error
        return super().write(text)


def closed():
    file = io.StringIO()
    file.close()
    return file


OUTPUTS = {
    "closed": closed,
    "broken pipe": lambda: Broken(BrokenPipeError(32, "Broken pipe")),
    "full disk, later": lambda: Broken(OSError(28, "No space left on device"), 9),
    "an encoding": lambda: Broken(UnicodeEncodeError("ascii", "ü", 0, 1, "ordinal not in range(128)")),
    "an error of a notebook": lambda: Broken(RuntimeError("no kernel")),
    "no file": object,
}


@pytest.mark.parametrize("verbose", [1, 2, "1 without tqdm"])
@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.filterwarnings("ignore:The progress of the fit is no longer shown")
def test_output_that_fails_does_not_end_a_fit(problem, name, verbose, monkeypatch, request):
    if verbose == "1 without tqdm":
        request.getfixturevalue("no_tqdm")
    output = OUTPUTS[name]()
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr(sys, "stderr", output)
    model = LSTMRegressor(4, max_iter=8, verbose=int(str(verbose)[0]), random_state=0).fit(*problem)
    assert model.n_iter_ == 8
    assert np.array_equal(model._theta, LSTMRegressor(4, max_iter=8, random_state=0).fit(*problem)._theta)


def test_output_that_fails_is_named_once(problem, monkeypatch):
    monkeypatch.setattr(sys, "stdout", closed())
    with pytest.warns(RuntimeWarning, match=r"no longer shown.*closed file.*Set verbose=0") as caught:
        model = LSTMRegressor(4, max_iter=8, verbose=2, random_state=0).fit(*problem)
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert model.set_params(verbose=0).fit(*problem).n_iter_ == 8  # the advice
        assert model.set_params(verbose=2).fit(*problem).n_iter_ == 8  # and no fit is lost for that warning


def test_no_output_at_all(problem, monkeypatch):
    # As under pythonw, and for services without a terminal.
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    for verbose in (1, 2):
        assert LSTMRegressor(4, max_iter=3, verbose=verbose, random_state=0).fit(*problem).n_iter_ == 3


def test_history_has_one_row_per_epoch(problem):
    model = LSTMRegressor(4, max_iter=7, early_stopping=True, random_state=0).fit(*problem)
    assert [row["epoch"] for row in model.history_] == list(range(1, 8))
    assert [row["loss"] for row in model.history_] == model.loss_curve_
    names = {"epoch", "loss", "learning_rate", "gradient_norm", "seconds", "validation_loss", "validation_score"}
    assert all(set(row) == names and all(np.isfinite(value) for value in row.values()) for row in model.history_)
    assert all(row["seconds"] > 0 for row in model.history_)


# ---- scikit-learn's callbacks ----

with_callbacks = pytest.mark.skipif(
    not hasattr(LSTMClassifier, "set_callbacks"), reason="scikit-learn before 1.9 has no callbacks"
)


class Recorder:
    """Notes what it is called with; may ask to stop."""

    def __init__(self, stop_after=None):
        self.calls, self.scores, self.stop_after = [], [], stop_after

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None):
        self.calls.append(f"begin {context.task_name} {context.task_id}")
        self.metadata = metadata

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None):
        self.calls.append(f"end {context.task_name} {context.task_id}")
        if fitted_estimator is not None:
            self.scores.append((context.task_name, fitted_estimator.score(X, y), fitted_estimator.n_iter_))
        return context.task_id + 1 == self.stop_after


@with_callbacks
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_callbacks_follow_the_epochs(problem, solver):
    X, y = problem
    recorder = Recorder()
    model = LSTMRegressor(4, max_iter=3, solver=solver, learning_rate="constant", random_state=0).set_callbacks(recorder)
    model.fit(X, y, sample_weight=np.ones(90))
    epochs = [f"{word} epoch {k}" for k in range(3) for word in ("begin", "end")]
    assert recorder.calls == ["setup", "begin fit 0", *epochs, "end fit 0", "teardown"]
    assert recorder.metadata["sample_weight"].shape == (90,)
    assert [(name, n) for name, _, n in recorder.scores] == [("epoch", 1), ("epoch", 2), ("epoch", 3), ("fit", 3)]
    # What a callback got is the estimator that a shorter fit makes, and does not disturb this one.
    plain = LSTMRegressor(4, max_iter=3, solver=solver, learning_rate="constant", random_state=0).fit(X, y)
    assert np.array_equal(model._theta, plain._theta) and recorder.scores[-1][1] == recorder.scores[-2][1] == plain.score(X, y)
    shorter = LSTMRegressor(4, max_iter=1, solver=solver, learning_rate="constant", random_state=0).fit(X, y)
    assert recorder.scores[0][1] == shorter.score(X, y)
    assert set(vars(model)) - set(vars(plain)) == {"_skl_callbacks"}


@with_callbacks
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_callback_may_end_the_fit(problem, solver):
    recorder = Recorder(stop_after=2)
    model = LSTMRegressor(4, max_iter=9, solver=solver, random_state=0).set_callbacks(recorder).fit(*problem)
    assert model.n_iter_ == 2
    assert recorder.calls[-3:] == ["end epoch 1", "end fit 0", "teardown"]


@with_callbacks
def test_what_a_callback_gets_under_early_stopping_is_the_best_so_far(problem):
    X, y = problem
    recorder = Recorder()
    model = LSTMRegressor(4, max_iter=30, early_stopping=True, learning_rate_init=0.3, random_state=0).set_callbacks(recorder)
    model.fit(X, y)
    best = model.best_epoch_ - 1
    assert best < model.n_iter_ - 1, "the last epoch is not to be the best, or this test shows nothing"
    assert {score for _, score, _ in recorder.scores[best:]} == {model.score(X, y)}


@with_callbacks
def test_callbacks_are_torn_down_when_a_fit_fails(problem):
    X, y = problem
    recorder = Recorder()
    model = LSTMRegressor(4).set_callbacks(recorder)
    with pytest.raises(ValueError):
        model.fit(X, y[:-1])
    assert recorder.calls[-1] == "teardown"
    assert set(vars(model)) - set(model.get_params()) == {"_skl_callbacks"}


@with_callbacks
def test_scoring_monitor_inside_a_grid_search(problem):
    from sklearn.callback import ScoringMonitor

    X, y = problem
    monitor = ScoringMonitor(scoring="r2")
    model = LSTMRegressor(max_iter=4, random_state=0).set_callbacks(monitor)
    GridSearchCV(model, {"hidden_size": [2, 4]}, cv=2, refit=False).fit(X, y)
    rows = monitor.get_logs().data
    # Two candidates, two folds, four epochs and the fit as a whole.
    assert [row["task_name"] for row in rows].count("epoch") == 16 and len(rows) == 20
    assert all(np.isfinite(row["r2"]) for row in rows)


@with_callbacks
def test_progress_bar(problem, capsys):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    model = make_pipeline(LSTMRegressor(4, max_iter=4, random_state=0)).set_callbacks(ProgressBar())
    model.fit(*problem)
    assert "LSTMRegressor" in capsys.readouterr().out


@with_callbacks
def test_clones_and_files(problem, tmp_path):
    X, y = problem
    recorder = Recorder()
    model = LSTMRegressor(4, max_iter=2, random_state=0).set_callbacks(recorder).fit(X, y)
    assert clone(model)._skl_callbacks == [recorder]
    save(model, tmp_path / "model")
    assert np.array_equal(load(tmp_path / "model").predict(X), model.predict(X))
    joblib.dump(clone(model).set_callbacks().fit(X, y), io.BytesIO())
