"""Blocks of time, for validation on windows that overlap."""

import numpy as np


def blocks_of(starts, length, group, offsets, n_blocks):
    """Block of each window, -1 where a window crosses the border between two.

    Parameters
    ----------
    starts : ndarray of int of shape (n_windows,)
        Row of the first step of each window.
    length : int
        Number of steps of a window and its horizon.
    group : ndarray of int of shape (n_windows,)
        Series of each window.
    offsets : ndarray of int of shape (n_series + 1,)
        Series i is the rows ``offsets[i]`` to ``offsets[i + 1] - 1``.
    n_blocks : int

    Returns
    -------
    ndarray of int of shape (n_windows,)
    """
    first, n_steps = starts - offsets[group], np.diff(offsets)[group]
    block, block_of_end = n_blocks * first // n_steps, n_blocks * (first + length - 1) // n_steps
    return np.where(block == block_of_end, block, -1)
