"""Weights of a network and what they are in another package: names and arrays, there and back."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Entry:
    """Some weights of a network, and what they are elsewhere.

    Attributes
    ----------
    own : tuple of str
        Names in the network.
    theirs : tuple of str
        Names elsewhere.
    there, back : callable
        From the arrays of one side to those of the other.
    """

    own: tuple
    theirs: tuple
    there: Callable
    back: Callable


def same(own, theirs):
    """The entry of an array that is the same on both sides."""
    return Entry((own,), (theirs,), lambda a: (a,), lambda a: (a,))


def transposed(own, theirs):
    """The entry of a matrix whose rows are outputs there, as in `torch.nn.Linear`."""
    return Entry((own,), (theirs,), lambda a: (a.T,), lambda a: (a.T,))


def given_there(entries, own):
    """Dict of name to array elsewhere, from the network's."""
    named = (zip(e.theirs, e.there(*(own[name] for name in e.own)), strict=True) for e in entries)
    return {name: np.array(array, order="C") for pairs in named for name, array in pairs}


def given_back(entries, theirs):
    """Dict of name to array in the network, from those elsewhere."""
    named = (zip(e.own, e.back(*(theirs[name] for name in e.theirs)), strict=True) for e in entries)
    return {name: array for pairs in named for name, array in pairs}


def expected_shapes(network, entries):
    """Dict of name to shape elsewhere."""
    zeros = {name: np.zeros(shape, bool) for name, shape in network.layout.shapes.items()}
    return {name: array.shape for name, array in given_there(entries, zeros).items()}
