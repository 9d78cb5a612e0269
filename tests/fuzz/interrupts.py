"""Ctrl-C at a random line of the package: nothing is lost, nothing half done, and the process works on."""

import os
import sys
import tempfile
import warnings

import numpy as np
import threadpoolctl

from sklstm import Sequences, load, save

from .models import bits, data, fitted, state_of, unfitted

KINDS = "lstm", "gru", "bidirectional", "attention", "per step", "categorical", "regressor", "deep", "flat"


class Countdown:
    """A trace function that raises KeyboardInterrupt at the nth line that runs in the package, once."""

    def __init__(self, n):
        self.n, self.line, self.seen, self.places = n, None, 0, []

    def __call__(self, frame, event, argument):
        if not frame.f_globals.get("__name__", "").startswith("sklstm"):
            return None
        if event == "line":
            self.seen += 1
            if self.n is None:
                self.places.append((frame.f_code, frame.f_lineno))
            elif self.seen == self.n:
                self.line = f"{frame.f_globals['__name__']}:{frame.f_lineno}"
                raise KeyboardInterrupt
        return self


def traced(call, n):
    """Run the call with an interrupt at line n (None: nowhere). Its countdown, and whether it was interrupted."""
    countdown, before = Countdown(n), sys.gettrace()
    sys.settrace(countdown)
    try:
        call()
    except KeyboardInterrupt:
        return countdown, True
    finally:
        sys.settrace(before)
    return countdown, False


def _blas():
    return [library["num_threads"] for library in threadpoolctl.threadpool_info()]


OPERATIONS = {
    "fit": lambda m, X, y, path: m.fit(X, y),
    "fit again": lambda m, X, y, path: m.set_params(max_iter=2).fit(X, y),
    "fit with threads": lambda m, X, y, path: m.set_params(n_jobs=2, batch_size=3).fit(X, y),
    "early stopping": lambda m, X, y, path: m.fit(X, y, X_val=X, y_val=y),
    "warm_start": lambda m, X, y, path: m.set_params(warm_start=True).fit(X, y),
    "partial_fit": lambda m, X, y, path: m.partial_fit(X, y),
    "predict": lambda m, X, y, path: m.predict(X),
    "predict one": lambda m, X, y, path: m.predict(X[:1]),
    "encode": lambda m, X, y, path: m.encode(X),
    "score": lambda m, X, y, path: m.score(X, y),
    "save": lambda m, X, y, path: save(m, path),
    "load": lambda m, X, y, path: load(path),
    "checkpoint": lambda m, X, y, path: m.set_params(checkpoint=path + ".fit", max_iter=3).fit(X, y),
    "stream": lambda m, X, y, path: [s := m.stream(), s.step(X[0][0]), s.state, s.step(X[0][1]), s.reset()],
    "sequences": lambda m, X, y, path: m.predict(Sequences.from_list(X)[::-1]),
}
TRAINS = {"fit", "fit again", "fit with threads", "early stopping", "warm_start", "partial_fit", "checkpoint"}
LINES = {}  # (operation, recipe) -> the lines that run, one after the other


def trial(seed):
    """One interrupt: where it was, and what is wrong afterwards (empty if nothing is)."""
    rng = np.random.default_rng(seed)
    name = list(OPERATIONS)[rng.integers(len(OPERATIONS))]
    kinds = [kind for kind in KINDS if name not in ("stream", "sequences") or kind not in ("bidirectional", "attention", "flat")]
    recipe = kinds[rng.integers(len(kinds))]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _trial(rng, name, recipe, os.path.join(folder, "model"))


def _trial(rng, name, recipe, path):
    X, y = data(recipe)
    operation = OPERATIONS[name]
    if (name, recipe) not in LINES:
        save(fitted(recipe), path)
        LINES[name, recipe] = traced(lambda: operation(fitted(recipe), X, y, path), None)[0].places
        if os.path.exists(path + ".fit"):
            os.unlink(path + ".fit")
    save(fitted(recipe), path)
    reference = bits(fitted(recipe).predict(X))
    model, blas = fitted(recipe), _blas()
    before = state_of(model.set_params(warm_start=False))
    n = _line(rng, LINES[name, recipe])
    countdown, interrupted = traced(lambda: operation(model, X, y, path), n)
    what = f"{name} of {recipe}, line {n} of {len(LINES[name, recipe])} ({countdown.line})"
    try:
        return what, _wrong(name, recipe, model, countdown, interrupted, blas, before, reference, path)
    except Exception as error:
        return what, f"the model is broken: {type(error).__name__}: {error}"


def _line(rng, lines):
    """Any line that runs, or, as often, one of the places in the code, which run once as a rule or a thousand times."""
    if rng.integers(2):
        return int(rng.integers(1, len(lines) + 1))
    places = list(dict.fromkeys(lines))
    chosen = places[rng.integers(len(places))]
    return int(rng.choice([k for k, place in enumerate(lines, start=1) if place == chosen]))


def _wrong(name, recipe, model, countdown, interrupted, blas, before, reference, path):
    X, y = data(recipe)
    if countdown.line is not None and not interrupted:
        return "the interrupt was swallowed"
    if _blas() != blas:
        return f"BLAS has {_blas()} threads, had {blas}"
    as_it_was = state_of(model.set_params(**unfitted(recipe).get_params())) == before
    if name not in TRAINS and not as_it_was:
        return "the model is changed"
    if as_it_was and bits(model.predict(X)) != reference:
        return "the model is as it was, but predicts otherwise"
    # Fitted soundly: finite predictions, and what goes on from it and through a file does so.
    for part in np.atleast_1d(np.asarray(model.predict(X), dtype=object)).ravel():
        if not np.isfinite(np.asarray(part, float)).all():
            return "predictions are not finite"
    save(model, path + ".2")
    if bits(load(path + ".2").predict(X)) != bits(model.predict(X)):
        return "a model that was interrupted is another one when it is loaded"
    if not as_it_was and not 1 <= model.n_iter_ == len(model.loss_curve_):
        return f"n_iter_={model.n_iter_}, but {len(model.loss_curve_)} entries in loss_curve_"
    if bits(model.set_params(warm_start=False).fit(X, y).predict(X)) != reference:
        return "the next fit has other bits"
    try:
        load(path)
    except Exception as error:
        return f"the file that was there is lost: {error}"
    left = [entry for entry in os.listdir(os.path.dirname(path)) if entry.startswith(".sklstm")]
    if left:
        return f"a temporary file was left: {left}"
    if name == "checkpoint":
        resumed = unfitted(recipe, checkpoint=path + ".fit", max_iter=3).fit(X, y)
        straight = unfitted(recipe, max_iter=3).fit(X, y)
        if bits(resumed.predict(X)) != bits(straight.predict(X)):
            return "resumed from its checkpoint, the fit has other bits"
    return ""
