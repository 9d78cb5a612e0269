"""The path of a fit and of a prediction is the one that the docstring of the package shows."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

import sklstm
from sklstm import LSTMRegressor

ROOT = Path(sklstm.__file__).parent
X = np.random.default_rng(0).normal(size=(8, 5, 2))
Y = X[:, :, 0].sum(axis=1)


def documented(title):
    """The calls that follow a line of the docstring: a list of (name, file)."""
    block = sklstm.__doc__.split(title)[1].split("\n\n")[1]
    calls = re.findall(r"^ +(\S+) \((\S+)\)$", block, flags=re.MULTILINE)
    assert len(calls) == len(block.splitlines())
    return calls


PATHS = {
    "fit": (documented("A fit, from call to call"), lambda model: model.fit(X, Y)),
    "predict": (documented("A prediction, for"), lambda model: model.predict(X)),
}


def python_frames(frame):
    """Frames of the package that lead to a frame, from the outermost on, as (qualified name, file)."""
    result = []
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        # With products by BLAS alone, predictions pass through one more function, which holds BLAS at one thread.
        if path.is_relative_to(ROOT) and frame.f_code.co_name != "limited":
            result.insert(0, (frame.f_code.co_qualname, path.relative_to(ROOT).as_posix()))
        frame = frame.f_back
    return result


@pytest.mark.parametrize("name", PATHS)
def test_calls_are_the_documented_ones(name):
    path, act = PATHS[name]
    expected = [(call, file) for call, file in path if file.endswith(".py")]
    innermost = ROOT / expected[-1][1], expected[-1][0].rpartition(".")[2]
    model, found = LSTMRegressor(3, max_iter=1, batch_size=len(X), random_state=0).fit(X, Y), []

    def profile(frame, event, arg):
        # Compared with the innermost documented call of Python: what follows it is a kernel.
        if event == "call" and not found and (Path(frame.f_code.co_filename), frame.f_code.co_name) == innermost:
            found.extend(python_frames(frame))

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        act(model)
    finally:
        sys.setprofile(before)
    assert [file for _, file in found] == [file for _, file in expected]
    # Methods are documented without their class where the class is that of the estimator.
    assert all(f".{there}".endswith(f".{call}") for (there, _), (call, _) in zip(found, expected, strict=True)), found


@pytest.mark.parametrize("name", PATHS)
def test_documented_kernels_are_there(name):
    kernels = [(call, file) for call, file in PATHS[name][0] if not file.endswith(".py")]
    assert kernels
    for call, file in kernels:
        if not (ROOT / file).exists():
            pytest.skip("an installed package has no sources of the kernels")
        defined = rf"\b{call.rpartition('.')[2]}\b\)?\(|CELL_FUNCTION(_OF_ALL)?\(\s*{call}\b"
        assert re.search(defined, (ROOT / file).read_text()), call


def test_a_fit_passes_few_calls_and_files():
    path = PATHS["fit"][0]
    assert len(path) <= 13
    assert len({file for _, file in path}) <= 7
