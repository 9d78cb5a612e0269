"""A plugin for pytest, for runs that are slow for each test: ``-p one_in --one-in N`` keeps every Nth case of a function."""

from itertools import groupby


def pytest_addoption(parser):
    parser.addoption("--one-in", type=int, default=1, metavar="N", help="keep the first, the N+1st, ... case of a test function")


def pytest_collection_modifyitems(config, items):
    functions = [list(cases) for _, cases in groupby(items, key=lambda item: getattr(item, "originalname", item.nodeid))]
    kept = [item for cases in functions for item in cases[:: config.getoption("--one-in")]]
    config.hook.pytest_deselected(items=list(set(items) - set(kept)))
    items[:] = kept
