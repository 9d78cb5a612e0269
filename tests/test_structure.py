"""What keeps the sources easy to find one's way in: sizes, and private names of others in one place."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "sklstm"  # the checkout: an installed package has no Cython sources
MOST_LINES = 450  # of a file
MOST_STATEMENT_LINES = 60  # of a function, without its docstring, blank lines and comments; constructors with their lists apart
SOURCES = sorted(path for path in ROOT.rglob("*") if path.suffix in {".py", ".pyx", ".pxd", ".h"})
PYTHON = [path for path in SOURCES if path.suffix == ".py"]


def name_of(path):
    return str(path.relative_to(ROOT))


def test_there_are_sources():
    assert len(SOURCES) > 100


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_file_is_long(path):
    assert len(path.read_text().splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", PYTHON, ids=name_of)
def test_every_function_fits_on_a_screen(path):
    text = path.read_text()
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and node.name != "__init__":
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            spanned = {n for statement in body for n in range(statement.lineno, statement.end_lineno + 1)}
            code = [n for n in spanned if lines[n - 1].strip() and not lines[n - 1].strip().startswith("#")]
            assert len(code) <= MOST_STATEMENT_LINES, f"{node.name} has {len(code)} lines"


def private_imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "sklearn":
            names = [*node.module.split(".")[1:], *(alias.name for alias in node.names)]
            yield from (name for name in names if name.startswith("_"))


@pytest.mark.parametrize("path", [path for path in PYTHON if path.name != "compat.py"], ids=name_of)
def test_private_names_of_scikit_learn_stand_in_compat(path):
    assert not list(private_imports(path))


def test_compat_has_such_names():
    assert list(private_imports(ROOT / "compat.py"))
