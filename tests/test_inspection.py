"""The public names of `sklstm.inspection` and their docstrings."""

import doctest
import inspect
import re

import pytest
from test_docs import documented

from sklstm import inspection

DISPLAYS = [getattr(inspection, name) for name in inspection.__all__ if name.endswith("Display")]
FUNCTIONS = [getattr(inspection, name) for name in inspection.__all__ if not name.endswith("Display")]
METHODS = [
    getattr(display, name)
    for display in DISPLAYS
    for name in ("from_estimator", "from_predictions", "plot")
    if hasattr(display, name)
]


def test_public_names():
    assert len(DISPLAYS) == 10 and len(FUNCTIONS) == 6
    assert inspection.__all__ == sorted(inspection.__all__)


@pytest.mark.parametrize("item", [*DISPLAYS, *FUNCTIONS], ids=lambda item: item.__name__)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_examples_in_docstrings(item):
    if item in DISPLAYS:
        pytest.importorskip("matplotlib").use("Agg")
    runner = doctest.DocTestRunner()
    (test,) = doctest.DocTestFinder(recurse=False).find(item, item.__name__, globs={})
    assert test.examples and runner.run(test).failed == 0


@pytest.mark.parametrize("item", [*DISPLAYS, *FUNCTIONS, *METHODS], ids=lambda item: item.__qualname__)
def test_every_parameter_is_documented_with_its_default(item):
    parameters = {name: p for name, p in inspect.signature(item).parameters.items() if name != "self"}
    assert documented(item, "Parameters") == list(parameters)
    text = inspect.getdoc(item)
    for name, parameter in parameters.items():
        if parameter.default is not parameter.empty:
            (line,) = re.findall(rf"^{name} : .*$", text, flags=re.MULTILINE)
            shown = re.search(r"default=(.*)$", line).group(1)
            default = f'"{parameter.default}"' if isinstance(parameter.default, str) else parameter.default
            assert shown == str(default) or float(shown) == default, line
    assert "<<" not in text


@pytest.mark.parametrize("item", [*FUNCTIONS, *METHODS], ids=lambda item: item.__qualname__)
def test_every_function_says_what_it_returns_and_raises(item):
    assert re.search(r"^Returns\n-------\n", inspect.getdoc(item), flags=re.MULTILINE)
    assert re.search(r"^Raises\n------\n", inspect.getdoc(item), flags=re.MULTILINE)


@pytest.mark.parametrize("display", DISPLAYS, ids=lambda display: display.__name__)
def test_every_attribute_of_a_display_is_documented(display):
    methods = (method for name, method in inspect.getmembers(display, inspect.isroutine) if name in vars(display))
    text = "".join(map(inspect.getsource, methods))  # that of the class is not found by its public module
    written = set(re.findall(r"self\.([a-z_]+_)\b(?!\()", text))
    assert written == set(documented(display, "Attributes"))
