"""Cells, losses, optimisers and schedules are entries of tables: no other file decides by their names."""

import ast
import inspect
from pathlib import Path

import numpy as np
import pytest
import test_losses

import sklstm
from sklstm import LSTMClassifier, LSTMRegressor
from sklstm._kernels import _simd
from sklstm.network import (
    CELLS,
    CLASSIFICATION_LOSSES,
    LOSSES,
    REGRESSION_LOSSES,
    TIMESCALES,
    TimescaleBias,
    loss_of_classes,
)
from sklstm.network.cells import QUANTITIES
from sklstm.training import SCHEDULES, SOLVERS

ROOT = Path(sklstm.__file__).parent
# File -> names of the table in it, which no other file may compare anything with.
TABLES = {
    "network/cells.py": set(CELLS),
    "network/losses.py": set(LOSSES),
    "training/optimizers.py": set(SOLVERS),
    "training/schedules.py": set(SCHEDULES),
}
# Names of losses that are also names of parameters, as keys of a dict.
PARAMETERS = {"quantile", "quantiles"}


def compared_strings(tree, keys=True):
    """Strings that code compares something with: operands and their elements, patterns, and if asked for keys of dicts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            operands = [node.left, *node.comparators]
            parts = [part for operand in operands for part in getattr(operand, "elts", [operand])]
        elif isinstance(node, ast.MatchValue):
            parts = [node.value]
        elif isinstance(node, ast.Dict) and keys:
            parts = [key for key in node.keys if isinstance(key, ast.Constant) and key.value not in PARAMETERS]
        else:
            continue
        yield from ((part.value, part.lineno) for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str))


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_but_the_tables_compares_with_their_names(path):
    name = path.relative_to(ROOT).as_posix()
    names = set().union(*(names for table, names in TABLES.items() if table != name))
    strings = compared_strings(ast.parse(path.read_text()), keys="export" not in path.parts)  # which has tables of other terms
    assert not [f"{name}:{line}: {text!r}" for text, line in strings if text in names]


@pytest.mark.parametrize(
    "code",
    ["a == 'gru'", "'gru' != a", "a in ('lstm', 'gru')", "'quantile' in a", "{'gru': 1}[a]", "match a:\n    case 'gru': pass"],
)
def test_the_search_finds_comparisons(code):
    names = {name for names in TABLES.values() for name in names}
    assert any(text in names for text, _ in compared_strings(ast.parse(code)))


# ---- cells ----


def test_every_cell_of_the_kernels_has_an_entry():
    assert list(CELLS) == list(_simd.cells())


@pytest.mark.parametrize("name", CELLS)
def test_an_entry_agrees_with_that_of_the_kernels(name):
    cell = CELLS[name]
    assert set(cell.gates) <= set(QUANTITIES)
    assert len(cell.gates) in (0, cell.n_input)
    assert {cell.forget_gate, cell.update_gate, cell.input_gate} - {None} <= set(cell.gates)
    assert cell.n_extra == (0 if cell.extra is None else len(cell.extra.initial))
    assert cell.restore_gates or cell.n_blocks >= len(cell.gates)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("timescales", TIMESCALES)
def test_biases_of_input_gates_mirror_those_of_forget_gates(name, timescales):
    cell = CELLS[name]
    b = TimescaleBias(timescales, 50).draw(name, 4, np.random.default_rng(0)).reshape(cell.n_bias, 4)
    kept = [cell.block(gate) for gate in (cell.forget_gate, cell.update_gate) if gate]
    for block in kept:
        assert (b[block] >= 0).all() and b[block].any()  # "multiscale" is clipped at 0
        if cell.input_gate:
            np.testing.assert_array_equal(b[cell.block(cell.input_gate)], -b[block])
    others = set(range(cell.n_bias)) - set(kept) - ({cell.block(cell.input_gate)} if cell.input_gate else set())
    assert not b[sorted(others)].any()


# ---- losses ----


def test_a_regressor_takes_every_loss_of_quantities():
    (options,) = LSTMRegressor._parameter_constraints["loss"]
    assert options.options == {"auto", *REGRESSION_LOSSES}
    of_lists = {loss.for_several_quantiles for loss in REGRESSION_LOSSES.values()} - {None}
    of_labels = {name for name, loss in LOSSES.items() if loss.decide}
    assert set(LOSSES) == set(REGRESSION_LOSSES) | of_lists | of_labels


@pytest.mark.parametrize("estimator", [LSTMClassifier, LSTMRegressor])
def test_documentation_names_every_entry(estimator):
    losses = CLASSIFICATION_LOSSES if estimator is LSTMClassifier else REGRESSION_LOSSES
    tables = {"cell": CELLS, "solver": SOLVERS, "learning_rate": SCHEDULES, "loss": losses}
    for parameter, table in tables.items():
        if parameter in estimator().get_params():
            described = inspect.getdoc(estimator).partition(f"\n{parameter} : ")[2].partition("\n")[0]
            assert all(f'"{name}"' in described for name in table), parameter


@pytest.mark.parametrize("n_classes", [2, 3, 7])
def test_decisions_and_contrasts_agree(n_classes):
    name, n_scores = loss_of_classes(n_classes)
    loss, scores = LOSSES[name], np.random.default_rng(0).normal(size=(50, n_scores))
    codes = loss.decide(scores)
    assert set(codes) == set(range(n_classes))
    np.testing.assert_array_equal(codes, loss.inverse_link(scores).argmax(axis=1))
    # The class that is decided on stands out from the others.
    contrasts = [(loss.contrast(np.full(50, code), n_scores) * scores).sum(axis=1) for code in range(n_classes)]
    np.testing.assert_array_equal(np.argmax(contrasts, axis=0), codes)


# ---- lists of the tests ----


def test_the_tests_of_losses_have_all_of_the_regressor():
    elsewhere = {"gaussian_mixture"}  # test_mixture.py: it is no function of predictions
    assert {parameters["loss"] for parameters in test_losses.LOSSES.values()} | elsewhere == set(REGRESSION_LOSSES)
