"""Ctrl-C keeps the completed epochs on the estimator and raises KeyboardInterrupt."""

import copy
import os
import re
import signal
import sys

import joblib
import numpy as np
import pytest
from sklearn.ensemble import BaggingRegressor
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import sklstm.estimators.callbacks as callbacks
import sklstm.estimators.fitting as fitting
import sklstm.training.loop as loop
import sklstm.training.state as state
import sklstm.training.stopping as stopping
from sklstm import LSTMRegressor
from sklstm.estimators.progress import Progress

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.default_rng(0).normal(size=(12, 3, 2))
Y = X[:, :, 0].sum(axis=1)


def model(**parameters):
    return LSTMRegressor(**{"hidden_size": 2, "max_iter": 6, "learning_rate": "constant", "random_state": 0} | parameters)


def content(estimator):
    """A hash of everything but times."""
    left_out = ("_skl_callbacks", "history_", "max_iter")
    held = copy.deepcopy({key: value for key, value in vars(estimator).items() if key not in left_out})
    if "_state" in held:
        held["_state"].history = None
    return joblib.hash(held)


@pytest.fixture
def interrupt(monkeypatch):
    """Ctrl-C when the third epoch of a fit is shown."""
    shown = []

    def show(progress, row):
        shown.append(row["epoch"])
        if row["epoch"] == 3:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Progress, "show", show)
    return shown


MANY = {
    "grid search": GridSearchCV(model(), {"alpha": [1e-3, 1e-2]}, cv=2, error_score=0.0),
    "pipeline": make_pipeline(FunctionTransformer(), model()),
    "bagging": BaggingRegressor(make_pipeline(FunctionTransformer(lambda X: X[:, :, None]), model()), n_estimators=3),
}


@pytest.mark.parametrize("name", MANY)
def test_what_is_around_a_fit_ends_with_it(name, interrupt):
    with pytest.raises(KeyboardInterrupt):
        MANY[name].fit(X[:, :, 0] if name == "bagging" else X, Y)
    assert interrupt == [1, 2, 3]


def test_cross_validation_and_loops_end(interrupt):
    with pytest.raises(KeyboardInterrupt):
        cross_validate(model(), X, Y, cv=2)
    with pytest.raises(KeyboardInterrupt, match="The 3 epochs that are done are kept"):
        for _ in range(3):
            model().fit(X, Y)
    assert interrupt == [1, 2, 3] * 2


@pytest.mark.parametrize("parameters", [{}, {"early_stopping": True, "validation_fraction": 0.3}, {"solver": "lbfgs"}], ids=str)
def test_the_advice_continues_the_fit(parameters, interrupt, monkeypatch):
    whole = model(**parameters, max_iter=3).fit
    estimator = model(**parameters)
    with pytest.raises(KeyboardInterrupt) as caught:
        estimator.fit(X, Y)
    assert "set_params(warm_start=True).fit(X, y)" in str(caught.value)
    monkeypatch.undo()
    assert content(estimator) == content(whole(X, Y))
    assert estimator.set_params(warm_start=True).fit(X, Y).n_iter_ > 3


@pytest.mark.parametrize("warm_start", [False, True])
def test_the_advice_continues_a_fit_with_a_checkpoint(warm_start, interrupt, monkeypatch, tmp_path):
    estimator = model(warm_start=warm_start, checkpoint=tmp_path / "fit.ckpt")
    with pytest.raises(KeyboardInterrupt) as caught:
        estimator.fit(X, Y)
    advice = re.search(r"set_params\(.*?\)\.fit\(X, y\)", str(caught.value)).group()
    monkeypatch.undo()
    resumed = model(checkpoint=tmp_path / "fit.ckpt").fit(X, Y)  # and another estimator continues from the checkpoint
    np.testing.assert_array_equal(resumed.predict(X), model().fit(X, Y).predict(X))
    assert eval(f"estimator.{advice}", {"estimator": estimator, "X": X, "y": Y}).n_iter_ > 3


def test_a_second_interrupt_keeps_the_epochs_too(interrupt, monkeypatch):
    def close(progress):
        raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "close", close)
    estimator = model()
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X, Y)
    assert estimator.n_iter_ == len(estimator.loss_curve_) == 3
    monkeypatch.undo()
    assert content(estimator) == content(model(max_iter=3).fit(X, Y))


def test_a_chunk_counts_as_a_whole_or_not_at_all(monkeypatch):
    def interrupt(progress, row):
        raise KeyboardInterrupt

    estimator = model().partial_fit(X, Y)
    before = content(estimator)
    with monkeypatch.context() as patch:
        patch.setattr(Progress, "show", interrupt)
        with pytest.raises(KeyboardInterrupt):
            estimator.partial_fit(X, Y)
    assert content(estimator) == before


def test_an_error_that_is_no_interrupt_leaves_the_estimator_as_it_was(monkeypatch):
    def fail(progress, row):
        if row["epoch"] == 3:
            raise SystemError("of a callback")

    estimator = model().fit(X, Y)
    before = content(estimator)
    monkeypatch.setattr(Progress, "show", fail)
    with pytest.raises(SystemError):
        estimator.fit(X, Y)
    assert content(estimator) == before


@pytest.mark.skipif(not hasattr(LSTMRegressor, "set_callbacks"), reason="scikit-learn before 1.9 has no callbacks")
@pytest.mark.parametrize("fails", [False, True])
def test_callbacks_see_the_end_of_an_interrupted_fit(fails):
    class Callback:
        calls = ()

        def setup(self, estimator, context):
            self.calls = ["setup"]

        def teardown(self, estimator, context):
            self.calls.append("teardown")

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            self.calls.append(f"end {context.task_name} {context.task_id}")
            if context.task_name == "fit" and fails:
                raise ValueError("of a callback")
            if context.task_id == 1:
                raise KeyboardInterrupt

    callback = Callback()
    estimator = model().set_callbacks(callback)
    with pytest.raises(KeyboardInterrupt) as caught:
        estimator.fit(X, Y)
    assert estimator.n_iter_ == 2
    assert callback.calls == ["setup", "end epoch 0", "end epoch 1", "end fit 0", "teardown"]
    assert bool(getattr(caught.value, "__notes__", [])) == fails


FILES = {module.__file__ for module in (fitting, loop, stopping, state, callbacks)}


@pytest.mark.parametrize("incremental", [False, True])
def test_an_interrupt_at_any_line_leaves_a_whole_model(incremental):
    """What was there before, or the model of so many epochs."""
    start = model(max_iter=1, warm_start=True).fit(X, Y)

    def act(estimator):
        return estimator.partial_fit(X, Y) if incremental else estimator.set_params(max_iter=2).fit(X, Y)

    wholes = {content(start)}
    for n in (1, 2):
        further = copy.deepcopy(start)
        wholes.add(content(act(further) if incremental else further.set_params(max_iter=n).fit(X, Y)))
    n, fired, traced = 0, True, sys.gettrace()
    while fired:
        n, estimator, count, fired = n + 7, copy.deepcopy(start), 0, False

        def trace(frame, event, arg, n=n):
            nonlocal count, fired
            if frame.f_code.co_filename not in FILES:
                return None
            count += event == "line"
            if count == n and event == "line":
                fired = True
                raise KeyboardInterrupt
            return local

        def local(frame, event, arg, trace=trace):
            trace(frame, event, arg)
            return local

        sys.settrace(trace)
        try:
            act(estimator)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(traced)
        assert content(estimator) in wholes, n
    assert n > 200
