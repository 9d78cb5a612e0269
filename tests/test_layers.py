"""Imports point down the layers."""

import ast
from pathlib import Path

import pytest

import sklstm

ROOT = Path(sklstm.__file__).parent
# From the bottom; a module may import from its own layer and those before it.
LAYERS = ["_kernels", "sequences", "network", "training", "preprocessing", "estimators", "forecasting"]
# Layers that users import nothing from.
INTERNAL = {*LAYERS} - {"preprocessing"}
# Modules below all layers, which anything may import; they import from the kernels alone.
GROUND = {"archive", "compat", "docstrings", "files", "parallel", "public"}
SIDE_DOORS = {"datasets", "export", "inspection", "metrics"}  # folders beside the layers, which no layer imports


def imported_modules(path):
    """Dotted names, below the package, of what a file imports from the package."""
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            yield from (
                [*base, *node.module.split(".")] if node.module else [*base, alias.name] for alias in node.names
            )
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "sklstm":
            yield from ([*node.module.split(".")[1:], alias.name] for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1:] for alias in node.names if alias.name.split(".")[0] == "sklstm")


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path):
    parts = path.relative_to(ROOT).parts
    if path.stem in GROUND and len(parts) == 1:
        allowed = {*GROUND, "_kernels"}
    elif parts[0] in LAYERS:
        allowed = {*GROUND, *LAYERS[: LAYERS.index(parts[0]) + 1]}
    else:
        return  # the package's own door, and modules beside the layers
    for target in imported_modules(path):
        assert target and target[0] in allowed, f"{'/'.join(parts)} imports {'.'.join(target)}"


def test_preprocessing_knows_data_only():
    for path in (ROOT / "preprocessing").glob("*.py"):
        for target in imported_modules(path):
            assert target[0] in {*GROUND, "sequences", "preprocessing"}, f"{path.name} imports {'.'.join(target)}"


def test_no_imports_go_in_circles():
    names = {path.relative_to(ROOT).with_suffix("").parts for path in ROOT.rglob("*.py")}
    packages = {parts[:-1] for parts in names if parts[-1] == "__init__"}
    imports = {}
    for parts in names:
        found = {tuple(target) for target in imported_modules(ROOT.joinpath(*parts).with_suffix(".py"))}
        found |= {target[:-1] for target in found}  # of ``from .module import name``
        # What a package exports it has from its modules: those are the circles that count.
        imports[parts] = {target for target in found if target in names and target not in packages}
    done, open_ones = set(), []

    def visit(module):
        assert module not in open_ones, " -> ".join(map(".".join, [*open_ones[open_ones.index(module) :], module]))
        if module not in done:
            open_ones.append(module)
            for target in sorted(imports[module]):
                visit(target)
            done.add(open_ones.pop())

    for module in sorted(imports):
        visit(module)


def test_the_layers_are_all_there():
    assert {path.name for path in ROOT.iterdir() if path.is_dir() and path.name != "__pycache__"} == {*LAYERS, *SIDE_DOORS}


def test_kernels_import_no_numpy_headers():
    # In the checkout: an installed package has no Cython sources.
    sources = list((Path(__file__).parent.parent / "sklstm" / "_kernels").glob("*.p[yx]*"))
    assert sources
    for path in sources:
        assert "cimport numpy" not in path.read_text(), path.name
