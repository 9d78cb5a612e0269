"""The docstrings: their examples run, and they describe every parameter and attribute; the README's example runs too."""
import doctest
import inspect
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sklstm
import sklstm.preprocessing
from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm.preprocessing import PerStep, SequenceTokenizer

README = Path(__file__).parent.parent / "README.md"


def public_docstrings():
    items = {name: getattr(sklstm, name) for name in ("LSTMClassifier", "LSTMRegressor", "Sequences", "show_versions")}
    items |= {name: getattr(sklstm.preprocessing, name) for name in sklstm.preprocessing.__all__}
    for name, item in items.items():
        yield name, item
        if inspect.isclass(item):
            for member, value in inspect.getmembers(item, inspect.isroutine):
                if not member.startswith("_") and value.__module__.startswith("sklstm"):
                    yield f"{name}.{member}", value


@pytest.mark.parametrize(("name", "item"), list(public_docstrings()))
def test_examples_in_docstrings(name, item):
    runner = doctest.DocTestRunner()
    for test in doctest.DocTestFinder(recurse=False).find(item, name, globs={}):
        assert runner.run(test).failed == 0


def documented(item, section):
    """Names that a numpydoc section of a docstring describes."""
    text = inspect.cleandoc(item.__doc__)
    body = re.search(rf"^{section}\n-+\n(.*?)(?=^\S[^\n]*\n-+\n|\Z)", text, flags=re.MULTILINE | re.DOTALL)
    if body is None:
        return []
    lines = re.findall(r"^(\S.*?) : ", body.group(1), flags=re.MULTILINE)
    return [name.lstrip("*") for line in lines for name in line.split(", ")]


@pytest.mark.parametrize("estimator", [PerStep, SequenceTokenizer])
def test_every_parameter_of_a_transformer_is_documented(estimator):
    parameters = inspect.signature(estimator).parameters
    assert documented(estimator, "Parameters") == list(parameters)


@pytest.mark.parametrize("estimator", [LSTMClassifier, LSTMRegressor])
def test_every_parameter_is_documented_with_its_default(estimator):
    parameters = inspect.signature(estimator).parameters
    assert documented(estimator, "Parameters") == list(parameters)
    for name, parameter in parameters.items():
        if name.startswith("beta"):
            continue  # documented together
        default = parameter.default
        shown = f'"{default}"' if isinstance(default, str) else default
        (line,) = re.findall(rf"^\s*{name} : .*$", estimator.__doc__, flags=re.MULTILINE)
        found = re.search(r"default=(.*)$", line).group(1)
        assert found == str(shown) or float(found) == default, line


@pytest.mark.parametrize("estimator", [LSTMClassifier, LSTMRegressor])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_fitted_attribute_is_documented(estimator):
    model = estimator(hidden_size=2, max_iter=1).fit(np.random.default_rng(0).normal(size=(10, 3, 2)), np.arange(10) % 2)
    fitted = {name for name in vars(model) if name.endswith("_") and not name.startswith("_")} | {"weights_"}
    assert fitted | {"feature_names_in_"} == set(documented(estimator, "Attributes"))


@pytest.mark.parametrize(("name", "item"), list(public_docstrings()))
def test_every_argument_of_a_method_is_documented(name, item):
    if inspect.isclass(item):
        return
    # Those that scikit-learn writes (metadata routing, score) are its own.
    arguments = [p for p in inspect.signature(item).parameters if p != "self"]
    described = documented(item, "Parameters")
    assert not described or described == arguments, name


def test_no_placeholder_is_left():
    for _, item in public_docstrings():
        assert "<<" not in item.__doc__ and not re.search(r"(?<!mathrm)\{[a-z_]+\}", item.__doc__.replace("\\", ""))


def test_the_readmes_example_runs_without_a_warning(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    result = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0 and not result.stderr, result.stderr


def test_importing_loads_nothing_heavy():
    # scikit-learn may load pandas of itself.
    heavy = "{'matplotlib', 'pandas', 'polars', 'pyarrow', 'awkward', 'narwhals', 'torch', 'tqdm'}"
    code = (
        "import sys, sklearn.metrics, sklearn.compose, sklearn.feature_extraction; before = set(sys.modules);"
        f"import sklstm, sklstm.preprocessing; print({heavy} & set(sys.modules) - before)"
    )
    assert subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


def test_container_is_documented():
    assert documented(Sequences, "Parameters") == list(inspect.signature(Sequences).parameters)
