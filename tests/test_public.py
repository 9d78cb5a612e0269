"""Paths of public names, as pickles and other files contain them."""

import inspect
import io
import pickle
import pkgutil
import sys
from importlib import import_module

import cloudpickle
import joblib
import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler
from test_layers import INTERNAL

import sklstm
from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm.preprocessing import PerStep, RelativeRegressor, SequenceTokenizer

PACKAGES = ["sklstm", *(f"sklstm.{info.name}" for info in pkgutil.iter_modules(sklstm.__path__) if info.ispkg)]
PUBLIC = [
    (package, name)
    for package in PACKAGES
    if package.removeprefix("sklstm.") not in INTERNAL
    for name in import_module(package).__all__
    if hasattr(getattr(import_module(package), name), "__module__")
]
X, y = np.random.default_rng(0).normal(size=(12, 3, 2)), np.arange(12) % 2
QUICK = {"hidden_size": 2, "max_iter": 1, "random_state": 0}
OBJECTS = {
    "LSTMClassifier": lambda: LSTMClassifier(**QUICK).fit(X, y),
    "LSTMRegressor": lambda: LSTMRegressor(**QUICK).fit(X, X[:, -1]),
    "Sequences": lambda: Sequences.from_list(X),
    "Stream": lambda: LSTMClassifier(**QUICK).fit(X, y).stream(),
    "preprocessing.PerStep": lambda: PerStep(StandardScaler()).fit(X),
    "preprocessing.RelativeRegressor": lambda: RelativeRegressor(LSTMRegressor(**QUICK), target=0).fit(X, X[:, -1, 0]),
    "preprocessing.SequenceTokenizer": lambda: SequenceTokenizer().fit(["to be or", "not to be"]),
    "inspection.training_curves": lambda: sklstm.inspection.training_curves,
    "preprocessing.make_windows": lambda: sklstm.preprocessing.make_windows,
    "datasets.make_seasonal": lambda: sklstm.datasets.make_seasonal,
}
DUMPS = {"pickle": pickle.dumps, "cloudpickle": cloudpickle.dumps}


def joblib_dumps(value):
    file = io.BytesIO()
    joblib.dump(value, file)
    return file.getvalue()


class Reader(pickle.Unpickler):
    """Notes the paths that a pickle asks for."""

    def __init__(self, dumped):
        super().__init__(io.BytesIO(dumped))
        self.paths = set()

    def find_class(self, module, name):
        self.paths.add(f"{module}.{name}")
        return super().find_class(module, name)


@pytest.mark.parametrize(("package", "name"), PUBLIC)
def test_a_public_name_is_its_path(package, name):
    item = getattr(import_module(package), name)
    assert (item.__module__, item.__qualname__) == (package, name)
    assert pickle.loads(pickle.dumps(item)) is item


@pytest.mark.parametrize("how", DUMPS)
@pytest.mark.parametrize("name", OBJECTS)
def test_pickles_hold_public_paths_only(name, how):
    reader = Reader(DUMPS[how](OBJECTS[name]()))
    reader.load()
    public = {f"{package}.{public}" for package, public in PUBLIC}
    ours = {path for path in reader.paths if path.startswith("sklstm")}
    assert f"sklstm.{name}" in ours and ours <= public


@pytest.mark.parametrize("name", OBJECTS)
def test_files_of_joblib_hold_public_paths_only(name):
    dumped = joblib_dumps(OBJECTS[name]())
    package, _, public = f"sklstm.{name}".rpartition(".")
    assert package.encode() in dumped and public.encode() in dumped
    private = [module for module in sys.modules if module.startswith("sklstm.") and module not in dict(PUBLIC)]
    assert not [module for module in private if module.encode() in dumped]


def test_pickles_that_name_the_defining_modules_are_read():
    model = OBJECTS["LSTMClassifier"]()
    dumped = pickle.dumps(model, protocol=0)
    assert dumped.count(b"csklstm\nLSTMClassifier\n") == 1
    before = dumped.replace(b"csklstm\n", b"csklstm.estimators.classifier\n")
    np.testing.assert_array_equal(pickle.loads(before).predict(X), model.predict(X))


def test_the_source_of_methods_and_functions_is_found():
    assert inspect.getsourcefile(LSTMClassifier.predict_proba).endswith("classifier.py")
    assert "def predict_proba" in inspect.getsource(LSTMClassifier.predict_proba)
    assert inspect.getsourcefile(sklstm.load).endswith("persistence.py")
    assert inspect.getmodule(LSTMClassifier) is sklstm
