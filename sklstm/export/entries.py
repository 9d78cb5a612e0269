"""Weights of a network under the names and in the shapes of another package, and the reverse."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Entry:
    """Some weights of a network, and the weights of another package that they are converted to.

    Attributes
    ----------
    own : tuple of str
        Names in the network.
    other : tuple of str
        Names in the other package.
    to_other, from_other : callable
        Functions from the arrays of the network to those of the other package, and the reverse.
    """

    own: tuple
    other: tuple
    to_other: Callable
    from_other: Callable


def same(own, other):
    """The entry of an array that is the same on both sides."""
    return Entry((own,), (other,), lambda a: (a,), lambda a: (a,))


def transposed(own, other):
    """The entry of a matrix whose rows are outputs in the other package, as in `torch.nn.Linear`."""
    return Entry((own,), (other,), lambda a: (a.T,), lambda a: (a.T,))


def arrays_to_other(entries, own):
    """Dict of name to array in the other package, from those of the network."""
    named = (zip(e.other, e.to_other(*(own[name] for name in e.own)), strict=True) for e in entries)
    return {name: np.array(array, order="C") for pairs in named for name, array in pairs}


def arrays_from_other(entries, other):
    """Dict of name to array in the network, from those of the other package."""
    named = (zip(e.own, e.from_other(*(other[name] for name in e.other)), strict=True) for e in entries)
    return {name: array for pairs in named for name, array in pairs}


def expected_shapes(network, entries):
    """Dict of name to shape in the other package."""
    zeros = {name: np.zeros(shape, bool) for name, shape in network.layout.shapes.items()}
    return {name: array.shape for name, array in arrays_to_other(entries, zeros).items()}
