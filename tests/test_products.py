"""The two kinds of matrix product: each against NumPy, the choice between them, and sources that need no GCC."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from reference import relative_error

from sklstm import LSTMClassifier
from sklstm._kernels import _product, choices
from sklstm.network.workspace import aligned_empty

KERNELS = Path(__file__).parents[1] / "sklstm" / "_kernels"

AVAILABLE = _product.CHOICES if "tiles" in _product.KINDS else _product.KINDS

each_kind = pytest.mark.parametrize("kind", _product.KINDS)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def run_python(code, **environment):
    return subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, env=os.environ | environment)


@each_kind
@each_dtype
@pytest.mark.parametrize("m", [1, 2, 6, 7, 12, 13, 40])
@pytest.mark.parametrize("k, n", [(1, 1), (3, 5), (17, 16), (8, 33), (64, 100)])
@pytest.mark.parametrize("transpose", ["neither", "A", "B"])
def test_product_equals_that_of_numpy(rng, kind, dtype, m, k, n, transpose):
    transpose_a, transpose_b = transpose == "A", transpose == "B"
    A = rng.normal(size=(k, m) if transpose_a else (m, k)).astype(dtype)
    B = rng.normal(size=(n, k) if transpose_b else (k, n)).astype(dtype)
    C = rng.normal(size=(m, n)).astype(dtype)
    expected = (A.T if transpose_a else A).astype(float) @ (B.T if transpose_b else B) + (C if transpose_a else 0)
    buffer = aligned_empty((max(1, _product.packed_elements(k, n, C.itemsize)),), dtype)
    _product.multiply_by(kind, A, B, C, buffer, transpose_a, transpose_b, 1, True)
    # A sum of k products of numbers around 1.
    np.testing.assert_allclose(C, expected, rtol=0, atol=20 * k * np.finfo(dtype).eps)


# It is about tiles alone, which a build without vectors leaves out on purpose; those of other builds run it.
@pytest.mark.skipif("tiles" not in _product.KINDS, reason="this build has no vectors")
@each_dtype
def test_a_row_of_tiles_does_not_depend_on_the_others(rng, dtype):
    A, B = rng.normal(size=(29, 37)).astype(dtype), rng.normal(size=(37, 50)).astype(dtype)
    buffer = aligned_empty((_product.packed_elements(37, 50, A.itemsize),), dtype)
    whole = np.empty((29, 50), dtype)
    _product.multiply_by("tiles", A, B, whole, buffer, False, False, 1, True)
    for n_rows in range(1, 29):
        part = np.empty((n_rows, 50), dtype)
        _product.multiply_by("tiles", A[:n_rows], B, part, buffer, False, False, 1, False)
        np.testing.assert_array_equal(part, whole[:n_rows])


# ---- the choice ----

GRADIENT = f"""
import os, sys
sys.path[:0] = [{os.path.dirname(__file__)!r}]
import numpy as np
from problems import Problem
rng = np.random.default_rng(0)
sequences = [rng.normal(size=(n, 3)) for n in (3, 1, 9, 9, 2, 30)]
problem = Problem(sequences, "multinomial_log_loss", eval(os.environ['HIDDEN']), bidirectional=True)
print(repr([problem.gradients()[0].tolist(), problem.scores().ravel().tolist()]))
"""


@pytest.mark.parametrize("hidden_sizes", [(21, 21), (129,)])  # the second so wide that by default BLAS makes its gradients
def test_all_choices_give_the_same_gradient_and_scores(hidden_sizes):
    results = [run_python(GRADIENT, SKLSTM_PRODUCTS=choice, HIDDEN=repr(hidden_sizes)) for choice in AVAILABLE]
    (gradient, scores), *others = (map(np.array, eval(result.stdout)) for result in results)
    for other_gradient, other_scores in others:
        # Sums of some dozen products in another order.
        assert relative_error(gradient, other_gradient) < 1e-13 and relative_error(scores, other_scores) < 1e-13


@pytest.mark.parametrize("choice", AVAILABLE)
def test_the_choice_is_forced_and_shown(choice):
    shown = run_python("import sklstm; sklstm.show_versions()", SKLSTM_PRODUCTS=choice).stdout
    assert f"products: {choice} (SKLSTM_PRODUCTS={choice})" in shown


def test_a_wide_layer_has_the_same_bits_for_any_n_jobs(rng):
    X, y = rng.normal(size=(64, 6, 4)), np.arange(64) % 2
    fits = [LSTMClassifier(129, max_iter=2, random_state=0, n_jobs=n_jobs).fit(X, y) for n_jobs in (1, 2)]
    for name, weights in fits[0].weights_.items():
        np.testing.assert_array_equal(fits[1].weights_[name], weights)


def test_validation_has_the_same_bits_for_any_n_jobs(rng):
    # Whose scores decide when to stop: many sequences, so that there are chunks for two threads.
    X, y = rng.normal(size=(600, 9, 4)).astype(np.float32), np.arange(600) % 2
    options = {"max_iter": 2, "random_state": 0, "early_stopping": True, "validation_fraction": 0.5}
    fits = [LSTMClassifier(33, n_jobs=n_jobs, **options).fit(X, y) for n_jobs in (1, 2)]
    assert fits[0].validation_loss_curve_ == fits[1].validation_loss_curve_
    np.testing.assert_array_equal(fits[0].predict_proba(X), fits[1].predict_proba(X))


def test_an_unknown_kind_is_refused():
    error = run_python("import sklstm", SKLSTM_PRODUCTS="mkl").stderr
    assert "SKLSTM_PRODUCTS must be one of both, tiles, blas or unset, got 'mkl'" in error


def test_a_choice_that_is_not_available_is_refused(monkeypatch):
    monkeypatch.setenv("SKLSTM_PRODUCTS", "tiles")
    with pytest.raises(ImportError, match=r"SKLSTM_PRODUCTS=tiles is not available .* this build; available: blas\."):
        choices.choose("SKLSTM_PRODUCTS", _product.CHOICES, ("blas",), "blas")


@pytest.mark.parametrize(
    "platform, built_with, loaded, expected",
    [
        ("linux", "accelerate", [], False),
        ("darwin", "accelerate", [], True),
        ("darwin", "Accelerate", [], True),
        ("darwin", "scipy-openblas", ["blas"], False),
        ("darwin", "openblas", [], False),  # one that threadpoolctl does not find
        ("darwin", "blas", ["blas", "openmp"], False),  # conda's generic one, which OpenBLAS stands in for
        ("darwin", "blas", ["openmp"], True),  # or Accelerate
    ],
)
def test_accelerate_is_recognised(monkeypatch, platform, built_with, loaded, expected):
    configuration = {"Build Dependencies": {"blas": {"name": built_with}}}
    monkeypatch.setattr(choices.sys, "platform", platform)
    monkeypatch.setattr("scipy.show_config", lambda mode: configuration)
    monkeypatch.setattr("threadpoolctl.threadpool_info", lambda: [{"user_api": name} for name in loaded])
    assert choices.is_accelerate() is expected


# ---- compilers without vectors ----

WITHOUT_GCC = """
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#undef __GNUC__
#define __attribute__(x) a compiler that is not GCC has no attributes
#include "{source}"
"""


# It asks the compiler itself. Who tests an installed wheel may have none; CI builds with one.
@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
@pytest.mark.parametrize("source", sorted(path.name for path in KERNELS.glob("*.c")))
def test_the_loops_are_plain_c_where_there_are_no_vectors(tmp_path, source):
    path = tmp_path / "source.c"
    path.write_text(WITHOUT_GCC.format(source=source))
    flags = ["-std=c99", "-pedantic-errors", "-Wall", "-Werror", "-fsyntax-only", f"-I{KERNELS}", "-DSKLSTM_NO_VECTORS"]
    result = subprocess.run(["cc", *flags, path], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
