"""Write the golden files of this version: small models and their predictions. Usage: make.py [--again]

Each version of sklstm has its folder, which stays as it is: the files say that later versions read them. Only those of a
development version may be written again, with --again.
"""

import json
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning

import sklstm
from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.persistence import save

FOLDER = Path(__file__).parent / sklstm.__version__


def sequences(dtype, codes=False):
    """Ragged sequences of two channels; with `codes` the first is one of three."""
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(length, 2)).round(3) for length in (3, 1, 5, 2, 4, 3, 2, 5, 1, 4)]
    for x in X if codes else ():
        x[:, 0] = rng.integers(3, size=len(x))
    return [x.astype(dtype) for x in X]


def models():
    """Name -> estimator, X, y."""
    common = {"max_iter": 3, "learning_rate_init": 0.05, "random_state": 0}
    X32, X64, codes = sequences(np.float32), sequences(np.float64), sequences(np.float64, codes=True)
    sums = np.array([x.sum() for x in X64])
    labels = np.where(sums < -0.5, "low", np.where(sums < 0.5, "middle", "high"))
    return {
        "classifier_float32": (LSTMClassifier(3, **common, class_weight={"low": 2.0}), X32, labels),
        "regressor_two_layers": (LSTMRegressor((3, 2), bidirectional=True, **common), X64, 100 + 10 * sums),
        "gru_attention": (LSTMClassifier(2, cell="gru", pooling="attention", **common), X64, sums > 0),
        "quantiles": (LSTMRegressor(2, cell="peephole", loss="quantile", quantile=[0.9, 0.1], **common), X64, sums),
        "embeddings": (LSTMRegressor(2, categorical_features=[0], embedding_dim=2, solver="sgd", **common), codes, sums),
    }


def answers(model, X):
    methods = ("predict", "predict_proba", "encode")
    return {method: getattr(model, method)(X).tolist() for method in methods if hasattr(model, method)}


def main():
    if FOLDER.exists():
        if "--again" not in sys.argv or ".dev" not in sklstm.__version__:
            sys.exit(f"{FOLDER} is there already, and stays as it is (--again writes that of a development version again).")
        shutil.rmtree(FOLDER)
    FOLDER.mkdir()
    warnings.simplefilter("ignore", ConvergenceWarning)
    for name, (model, X, y) in models().items():
        model.fit(X, y)
        save(model, FOLDER / f"{name}.npz")
        content = {"class": type(model).__name__, "dtype": X[0].dtype.name, "X": [x.tolist() for x in X], "y": y.tolist()}
        (FOLDER / f"{name}.json").write_text(json.dumps(content | {"answers": answers(model, X)}) + "\n")
        print(f"{FOLDER.name}/{name}.npz: {(FOLDER / f'{name}.npz').stat().st_size} bytes")


if __name__ == "__main__":
    main()
