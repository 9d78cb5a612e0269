"""Fixtures for all tests."""

import signal

import numpy as np
import pytest
from sklearn.datasets import load_digits

LONG = "test_named_problems.py"  # has single tests of a minute or two
LENGTHS = [3, 1, 5, 5, 2, 1, 7]  # some of length 1, some equally long, in no order


def pytest_collection_modifyitems(items):
    """Begin with the long tests: of two workers one would have the last of them while the other has nothing to do."""
    items.sort(key=lambda item: item.path.name != LONG)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def ragged(rng):
    """A list of sequences (n_steps, 3) of different lengths."""
    return [rng.normal(size=(length, 3)) for length in LENGTHS]


@pytest.fixture(scope="session")
def digits():
    """Images of digits as sequences of 8 rows with 8 pixels: X (1797, 8, 8), y (1797,)."""
    X, y = load_digits(return_X_y=True)
    return X.reshape(-1, 8, 8), y


@pytest.fixture(autouse=True)
def interruptible():
    """SIGINT raises KeyboardInterrupt, also where the tests run in the background of a shell, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
