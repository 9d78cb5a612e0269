"""Docstrings and README: the examples run, and the names in them exist."""
import doctest
import inspect
import re
import subprocess
import sys
from functools import reduce
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.multiclass import check_classification_targets

import sklstm
import sklstm.datasets
import sklstm.export
import sklstm.inspection
import sklstm.metrics
import sklstm.preprocessing
from sklstm import LSTMClassifier, LSTMForecaster, LSTMOutlierDetector, LSTMRegressor, LSTMSeq2Seq, Sequences
from sklstm.preprocessing import PerStep, RelativeRegressor, SequenceTokenizer, with_static

README = (Path(__file__).parent.parent / "README.md").read_text()
BOTH = [LSTMClassifier, LSTMRegressor]
each_estimator = pytest.mark.parametrize("estimator", [*BOTH, LSTMSeq2Seq, LSTMOutlierDetector])


# Docstring -> package that its example imports, and that need not be installed.
IMPORTED = {"Sequences.from_arrow": "pyarrow", "to_torch": "torch"}


def public_docstrings():
    names = [name for name in sklstm.__all__ if callable(getattr(sklstm, name)) and name not in ("load", "save")]
    items = {name: getattr(sklstm, name) for name in names}
    items |= {name: getattr(sklstm.preprocessing, name) for name in sklstm.preprocessing.__all__}
    items |= {name: getattr(sklstm.metrics, name) for name in sklstm.metrics.__all__}
    items |= {name: getattr(sklstm.export, name) for name in sklstm.export.__all__}
    for name, item in items.items():
        yield name, item
        if inspect.isclass(item):
            for member, value in inspect.getmembers(item, inspect.isroutine):
                if not member.startswith("_") and value.__module__.startswith("sklstm"):
                    yield f"{name}.{member}", value


@pytest.mark.parametrize(("name", "item"), list(public_docstrings()))
def test_examples_in_docstrings(name, item):
    if name in IMPORTED:
        pytest.importorskip(IMPORTED[name])
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


@pytest.mark.parametrize("estimator", [PerStep, RelativeRegressor, SequenceTokenizer])
def test_every_parameter_of_a_transformer_is_documented(estimator):
    parameters = inspect.signature(estimator).parameters
    assert documented(estimator, "Parameters") == list(parameters)


@pytest.mark.parametrize("estimator", [*BOTH, LSTMSeq2Seq, LSTMOutlierDetector, LSTMForecaster])
def test_every_parameter_is_documented_with_its_default(estimator):
    parameters = inspect.signature(estimator).parameters
    assert documented(estimator, "Parameters") == list(parameters)
    for name, parameter in parameters.items():
        if name.startswith("beta"):
            continue  # documented together
        default = parameter.default
        shown = repr(default).replace("'", '"')
        (line,) = re.findall(rf"^\s*{name} : .*$", estimator.__doc__, flags=re.MULTILINE)
        found = re.search(r"default=(.*)$", line).group(1)
        assert found == shown or float(found) == default, line


@each_estimator
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_fitted_attribute_is_documented(estimator):
    X = with_static(np.random.default_rng(0).normal(size=(10, 3, 2)), {"age": np.arange(10.0)}).with_times(np.arange(30))
    y = ["ab", "b"] * 5 if estimator is LSTMSeq2Seq else np.arange(10) % 2
    model = estimator(hidden_size=2, max_iter=1).fit(X, y)
    computed = {name for name in dir(estimator) if isinstance(getattr(estimator, name, None), property)}
    fitted = {name for name in {*vars(model), *computed} if name.endswith("_") and not name.startswith("_")}
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


def test_importing_loads_nothing_heavy():
    # scikit-learn may load pandas of itself.
    heavy = "{'matplotlib', 'pandas', 'polars', 'pyarrow', 'awkward', 'narwhals', 'onnx', 'torch', 'tqdm'}"
    code = (
        "import sys, sklearn.metrics, sklearn.compose, sklearn.feature_extraction; before = set(sys.modules);"
        "import sklstm, sklstm.preprocessing, sklstm.inspection, sklstm.datasets, sklstm.export;"
        f"print({heavy} & set(sys.modules) - before)"
    )
    assert subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


def test_container_is_documented():
    assert documented(Sequences, "Parameters") == list(inspect.signature(Sequences).parameters)


# ---- numpydoc ----

# Text begins beside the quotes, as in scikit-learn, and what one line says needs no second one.
EXEMPT = {"GL01", "ES01"}
OF_THE_CLASS = {"EX01", "SA01"}  # examples and "See Also" of methods


def public_paths():
    """Names to import by, with the rules that do not apply."""
    modules = (sklstm, sklstm.preprocessing, sklstm.inspection, sklstm.datasets, sklstm.metrics, sklstm.export)
    public = {module: module.__all__ for module in modules}
    for module, names in public.items():
        for name in names:
            item = getattr(module, name)
            if not callable(item):
                continue
            path = f"{module.__name__}.{name}"
            yield pytest.param(path, EXEMPT, id=path)
            for member, value in inspect.getmembers(item) if inspect.isclass(item) else []:
                function = value.fget if isinstance(value, property) else value
                if not member.startswith("_") and getattr(function, "__module__", "").startswith("sklstm"):
                    yield pytest.param(f"{path}.{member}", EXEMPT | OF_THE_CLASS, id=f"{path}.{member}")


@pytest.mark.parametrize(("path", "exempt"), list(public_paths()))
def test_numpydoc_finds_nothing(path, exempt):
    validate = pytest.importorskip("numpydoc.validate").validate
    assert [f"{code} {text}" for code, text in validate(path)["errors"] if code not in exempt] == []


# ---- the README ----

BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
# Pages whose blocks follow one another.
PAGES = ("anomalies", "ctc", "devices", "forecasting", "onnx", "seq2seq", "weights")
# Package that the code of a block imports -> packages without which the block is skipped.
NEEDED = {"pandas": ("pandas", "narwhals"), "torch": ("torch",)}


def section(title):
    """Text of a section of the README, up to the next of its level."""
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", README, flags=re.MULTILINE | re.DOTALL).group(1)


def rows(text):
    """Cells of the tables in a text, row by row, without the lines that make their heads."""
    return [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|") and not set(line) <= set("|-: ")]


@pytest.mark.parametrize("code", BLOCKS, ids=[f"block {k}" for k in range(len(BLOCKS))])
@pytest.mark.filterwarnings("error", "ignore::DeprecationWarning")  # of other packages among each other
def test_examples_in_the_readme_run_and_print_what_they_say(code, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for package in [package for name, needed in NEEDED.items() if f"import {name}" in code for package in needed]:
        pytest.importorskip(package)
    if "Display" in code:
        pytest.importorskip("matplotlib").use("Agg")
    exec(code, {})
    printed, errors = capsys.readouterr()
    assert not errors
    # "print(...)  # this: what it means" prints this.
    said = re.findall(r"^print\(.*\)(?:  # (.*))?$", code, flags=re.MULTILINE)
    for line, comment in zip(printed.splitlines(), said, strict=True):
        assert not comment or comment == line or comment.startswith(f"{line}: ")


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.filterwarnings("error", "ignore::DeprecationWarning")
def test_examples_in_pages_run_and_print_what_they_say(page, tmp_path, monkeypatch, capsys):
    text = (Path(__file__).parent.parent / "docs" / f"{page}.md").read_text()
    code = "\n".join(re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL))
    for package in ("onnx", "onnxruntime") if "import onnxruntime" in code else ():
        pytest.importorskip(package)
    test_examples_in_the_readme_run_and_print_what_they_say(code, tmp_path, monkeypatch, capsys)


@each_estimator
def test_the_readme_says_what_every_parameter_is_for(estimator):
    named = set(re.findall(r"`(\w+)", section("Parameters by purpose")))
    assert set(inspect.signature(estimator).parameters) <= named


def test_what_the_readme_translates_other_names_to_is_there():
    known = {"fit"}
    for estimator in BOTH:
        known |= {*inspect.signature(estimator).parameters, *inspect.signature(estimator.fit).parameters, *dir(estimator)}
        known |= set(documented(estimator, "Attributes")) | {"set_callbacks"}  # which scikit-learn has from 1.9 on
    table = rows(section("Coming from Keras, PyTorch or skorch"))
    assert len(table) > 20 and {len(row) for row in table} == {5}
    for name in re.findall(r"`([\w.]+)", " ".join(row[-1] for row in table)):
        assert name in known or reduce(getattr, name.removeprefix("sklstm.").split("."), sklstm)


def test_functions_and_displays_in_the_readme_are_all_there_are():
    named = set(re.findall(r"`(\w+)`", " ".join(map("|".join, rows(section("After the fit"))))))
    assert set(sklstm.inspection.__all__) <= named


ERRORS = [first for first, _ in rows(section("Errors you may have searched for"))[1:]]
QUOTED = [span[1] for first in ERRORS for span in re.findall(r"(`+) ?(.+?) ?\1(?!`)", first)]
THREE_D, ONE_HOT = np.zeros((6, 5, 3)), np.eye(2)[[0, 1, 0, 1, 0, 1]]
CAUSES = {
    "a scaler": lambda: StandardScaler().fit(THREE_D),
    "sequences of different lengths": lambda: np.array([[1.0, 2.0], [3.0]]),
    "one sequence": lambda: check_array(THREE_D[0, 0]),
    "one-hot labels, split": lambda: next(StratifiedKFold(2).split(THREE_D, ONE_HOT)),
    "one-hot labels, scored": lambda: accuracy_score(ONE_HOT, [0, 1, 0, 1, 0, 1]),
    "quantities as classes": lambda: check_classification_targets([0.5, 1.5, 2.5]),
    "a text": lambda: check_array([["lying"]], dtype=float),
    "a missing value": lambda: check_array([[np.nan]], input_name="X"),
    "a table with one row per step": lambda: check_consistent_length(range(9), range(4)),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_the_readme_quotes_errors_as_they_are(cause):
    with pytest.raises(ValueError) as caught:
        CAUSES[cause]()
    assert [quote for quote in QUOTED if quote.removeprefix("ValueError: ") in str(caught.value)]


TORCH_CAUSES = {
    "dtype": lambda torch: torch.nn.LSTM(3, 4)(torch.zeros(5, 2, 3, dtype=torch.float64)),
    "channels first": lambda torch: torch.nn.LSTM(3, 4, batch_first=True)(torch.zeros(5, 3, 6)),
    "different lengths": lambda torch: torch.stack([torch.zeros(3, 3), torch.zeros(4, 3)]),
    "codes": lambda torch: torch.nn.CrossEntropyLoss()(torch.zeros(3, 2), torch.zeros(3, dtype=torch.int32)),
    "labels": lambda torch: torch.from_numpy(np.array(["a", "b"])),
}


@pytest.mark.parametrize("cause", TORCH_CAUSES)
def test_the_readme_quotes_errors_of_pytorch(cause):
    torch = pytest.importorskip("torch", minversion="2.13")  # texts change
    with pytest.raises((RuntimeError, TypeError, ValueError)) as caught:
        TORCH_CAUSES[cause](torch)
    assert [quote for quote in QUOTED if quote in str(caught.value)]
