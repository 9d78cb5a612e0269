"""Problems of memory: what is needed at the end of a sequence was shown long before."""

from numbers import Integral

import numpy as np

from ..compat import Options
from .common import array_or_sequences, at_least, checked, draw_lengths, generator_from, symbols_as_channels
from .documentation import document

MASK_VALUE = -100  # label of a step that LSTMClassifier leaves out of losses and scores

# Symbols of the temporal order problem, in the order of their codes: start, end, four that distract, two that matter.
ORDER_SYMBOLS = "EBabcdXY"


@document(what="length", most="n_steps", least=" (but at least 2)")
@checked(n_steps=[at_least(2)])
def make_adding_problem(n_samples=1000, *, n_steps=100, ragged=False, random_state=None):
    """Generate the adding problem, in which y is the sum of two marked numbers.

    A regression problem. The first channel has independent numbers, uniform between 0 and 1. The second is 1 at one random
    step of the first half of the sequence (its first ``n_steps // 2`` steps) and at one of the second half, else 0. A constant
    prediction of 1 has a mean squared error of 1/6, the variance of y.

    Parameters
    ----------
    <<n_samples>>
    n_steps : int, default=100
        Length of the sequences, at least 2; if `ragged`, the largest length.
    <<ragged>>
    <<random_state>>

    Returns
    -------
    X : ndarray of shape (n_samples, n_steps, 2), or Sequences if `ragged`
        The number and the marker of each step.
    y : ndarray of shape (n_samples,)
        The sums of the two marked numbers, between 0 and 2.

    Raises
    ------
    <<out of range>>

    See Also
    --------
    make_temporal_order : A classification problem of the same kind.

    Notes
    -----
    Numbers from [0, 1) and one mark in each half are the version of [2]_ and [3]_. The original [1]_ has numbers from [-1, 1]
    and the first mark in the first ten steps, marks both ends by -1, and shifts and scales the sum.

    References
    ----------
    .. [1] S. Hochreiter and J. Schmidhuber (1997), "Long short-term memory", Neural Computation 9(8), experiment 4.
    .. [2] Q. Le, N. Jaitly and G. Hinton (2015), "A simple way to initialize recurrent networks of rectified linear units",
       arXiv:1504.00941.
    .. [3] M. Arjovsky, A. Shah and Y. Bengio (2016), "Unitary evolution recurrent neural networks", ICML.

    Examples
    --------
    >>> from sklstm.datasets import make_adding_problem
    >>> X, y = make_adding_problem(3, n_steps=6, random_state=0)
    >>> X.shape, y.shape
    ((3, 6, 2), (3,))
    >>> bool(y[0] == X[0, X[0, :, 1] == 1, 0].sum())
    True
    """
    generator = generator_from(random_state)
    lengths = draw_lengths(generator, n_samples, n_steps, 2, ragged)
    begins, halves = np.cumsum(lengths) - lengths, lengths // 2
    first, second = begins + generator.randint(0, halves), begins + generator.randint(halves, lengths)
    values = np.zeros((lengths.sum(), 2))
    values[:, 0] = generator.uniform(size=len(values))
    values[first, 1] = values[second, 1] = 1
    return array_or_sequences(values, lengths, ragged), values[first, 0] + values[second, 0]


@document(what="lag", most="lag", least=" (but at least 1)")
@checked(lag=[at_least(1)], n_copy=[at_least(1)], n_symbols=[at_least(2)], masked=["boolean"])
def make_copy_memory(n_samples=1000, *, lag=50, n_copy=10, n_symbols=8, masked=True, ragged=False, random_state=None):
    """Generate the copy memory problem: the first symbols must be repeated at the end.

    A classification of every step, for an estimator with ``return_sequences=True`` and ``categorical_features="all"``. A
    sequence shows `n_copy` symbols, independent and uniform, then ``lag - 1`` blanks and a delimiter, which asks for the symbols
    in the `n_copy` steps of blanks that follow. A symbol is to be recalled ``lag + n_copy`` steps after it was shown.

    Parameters
    ----------
    <<n_samples>>
    lag : int, default=50
        Number of steps from the last symbol shown to the delimiter; if `ragged`, the largest. The sequences have
        ``lag + 2 * n_copy`` steps.
    n_copy : int, default=10
        Number of symbols to remember.
    n_symbols : int, default=8
        Number of different symbols. Their codes are 0 to ``n_symbols - 1``, the code of the blank is `n_symbols`, that of the
        delimiter ``n_symbols + 1``.
    masked : bool, default=True
        Set y to the mask value -100 up to the delimiter, so that losses and scores are over the recalled symbols alone. With
        False it is the blank there, which is then to be predicted too, as in [2]_.
    <<ragged>>
    <<random_state>>

    Returns
    -------
    X : ndarray of shape (n_samples, lag + 2 * n_copy, 1), or Sequences if `ragged`
        The code of the symbol at each step.
    y : ndarray of int of shape (n_samples, lag + 2 * n_copy), or Sequences if `ragged`
        The code to predict at each step.

    Raises
    ------
    <<out of range>>

    See Also
    --------
    make_adding_problem : A problem with two numbers to remember.
    make_temporal_order : A problem with two or three symbols to remember.

    Notes
    -----
    A model that remembers nothing has an accuracy of ``1 / n_symbols`` over the recalled symbols and a log-loss of
    ``log(n_symbols)``; over all steps (``masked=False``) its log-loss is ``n_copy * log(n_symbols) / (lag + 2 * n_copy)``.

    References
    ----------
    .. [1] S. Hochreiter and J. Schmidhuber (1997), "Long short-term memory", Neural Computation 9(8).
    .. [2] M. Arjovsky, A. Shah and Y. Bengio (2016), "Unitary evolution recurrent neural networks", ICML, section 4.1.

    Examples
    --------
    Three symbols of two kinds (0, 1); the blank is 2, the delimiter 3:

    >>> from sklstm.datasets import make_copy_memory
    >>> X, y = make_copy_memory(1, lag=3, n_copy=3, n_symbols=2, masked=False, random_state=0)
    >>> X[0, :, 0].astype(int)
    array([0, 1, 1, 2, 2, 3, 2, 2, 2])
    >>> y[0]
    array([2, 2, 2, 2, 2, 2, 0, 1, 1])
    """
    generator = generator_from(random_state)
    lengths = draw_lengths(generator, n_samples, lag, 1, ragged) + 2 * n_copy
    ends = np.cumsum(lengths)
    blank, delimiter = n_symbols, n_symbols + 1
    shown = generator.randint(n_symbols, size=(n_samples, n_copy))
    codes = np.full(ends[-1], blank, dtype=np.intp)
    targets = np.full(ends[-1], MASK_VALUE if masked else blank, dtype=np.intp)
    codes[(ends - lengths)[:, np.newaxis] + np.arange(n_copy)] = shown
    codes[ends - n_copy - 1] = delimiter
    targets[(ends - n_copy)[:, np.newaxis] + np.arange(n_copy)] = shown
    X = symbols_as_channels(codes, n_symbols + 2, encode="ordinal")
    return array_or_sequences(X, lengths, ragged), array_or_sequences(targets, lengths, ragged)


@document(what="length", most="n_steps", least=" (but at least 10)")
@checked(n_steps=[at_least(10)], n_bits=[Options(Integral, {2, 3})])
def make_temporal_order(n_samples=1000, *, n_steps=100, n_bits=3, encode="onehot", ragged=False, random_state=None):
    """Generate the temporal order problem: y encodes the order of the symbols X and Y.

    A classification problem with ``2 ** n_bits`` classes. A sequence begins with E, ends with B, and has independent and uniform
    symbols a, b, c, d between them, but X or Y at `n_bits` random places far apart. The class says which of the two came at
    each place.

    Parameters
    ----------
    <<n_samples>>
    n_steps : int, default=100
        Length of the sequences, at least 10; if `ragged`, the largest length.
    n_bits : {2, 3}, default=3
        Number of X and Y in a sequence: 2 is experiment 6a of [1]_, 3 is 6b.
    <<encode>>
    <<ragged>>
    <<random_state>>

    Returns
    -------
    X : ndarray of shape (n_samples, n_steps, 8), or Sequences if `ragged`
        The symbols, with channels in the order E, B, a, b, c, d, X, Y; for ``encode="ordinal"`` one channel of codes, 0 to 7.
    y : ndarray of int of shape (n_samples,)
        The classes, 0 to ``2 ** n_bits - 1``: the binary number whose digits are 0 for X and 1 for Y, in their order.

    Raises
    ------
    <<out of range>>

    See Also
    --------
    make_adding_problem : A regression problem of the same kind.

    Notes
    -----
    Place k (k = 0, 1, ...) is uniform over the n // 10 + 1 steps from max(n // 10, k n // n_bits) on, in a sequence of n
    steps. For n = 100 these are the places of [1]_: 10 to 20 and 50 to 60, or 10 to 20, 33 to 43 and 66 to 76.

    References
    ----------
    .. [1] S. Hochreiter and J. Schmidhuber (1997), "Long short-term memory", Neural Computation 9(8), experiment 6.

    Examples
    --------
    >>> from sklstm.datasets import make_temporal_order
    >>> X, y = make_temporal_order(1, n_steps=12, encode="ordinal", random_state=0)
    >>> "".join("EBabcdXY"[int(code)] for code in X[0, :, 0]), y
    ('EXbaYdddXdbB', array([2]))
    """
    generator = generator_from(random_state)
    lengths = draw_lengths(generator, n_samples, n_steps, 10, ragged)
    ends = np.cumsum(lengths)
    begins, width = ends - lengths, lengths // 10
    codes = generator.randint(ORDER_SYMBOLS.index("a"), ORDER_SYMBOLS.index("d") + 1, size=ends[-1])
    codes[begins], codes[ends - 1] = ORDER_SYMBOLS.index("E"), ORDER_SYMBOLS.index("B")
    bits = generator.randint(2, size=(n_samples, n_bits))
    for k in range(n_bits):
        first = np.maximum(width, k * lengths // n_bits)
        codes[begins + generator.randint(first, first + width + 1)] = ORDER_SYMBOLS.index("X") + bits[:, k]
    X = symbols_as_channels(codes, len(ORDER_SYMBOLS), encode)
    return array_or_sequences(X, lengths, ragged), bits @ 2 ** np.arange(n_bits)[::-1]
