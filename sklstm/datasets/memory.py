"""Problems of memory: what is needed at the end was said long before."""

from numbers import Integral

import numpy as np

from ..compat import Interval, Options, validate_params
from ..sequences.refusals import refused_as
from .drawing import A_PARAMETER, COMMON, draw_lengths, generator_from, in_form, symbols_as_channels

LEFT_OUT = -100  # label of a step that LSTMClassifier leaves out

# Symbols of the temporal order problem, in the order of their codes: start, end, four that distract, two that matter.
ORDER_SYMBOLS = "EBabcdXY"


@refused_as(*A_PARAMETER)
@validate_params(
    {**COMMON, "n_steps": [Interval(Integral, 2, None, closed="left")]},
    prefer_skip_nested_validation=True,
)
def make_adding_problem(n_samples=1000, *, n_steps=100, ragged=False, random_state=None):
    """Make the adding problem: the sum of the two numbers that are marked.

    Regression. The first channel has independent numbers, uniform between 0 and 1. The second is 1 at one random step of
    the first half of the sequence (its first ``n_steps // 2`` steps) and at one of the second half, else 0. To answer 1
    whatever the sequence has a mean squared error of 1/6, the variance of y.

    Parameters
    ----------
    n_samples : int, default=1000
        Sequences.
    n_steps : int, default=100
        Length of the sequences, at least 2; the longest if `ragged`.
    ragged : bool, default=False
        Draw the length of each sequence uniformly from ``n_steps / 2`` (but at least 2) to `n_steps`.
    random_state : int, RandomState or None, default=None
        Pass an int for the same data at every call. None draws fresh entropy.

    Returns
    -------
    X : ndarray of shape (n_samples, n_steps, 2), or Sequences if `ragged`
        Number and marker of each step.
    y : ndarray of shape (n_samples,)
        Sums of the two marked numbers, between 0 and 2.

    Raises
    ------
    ValueError
        If a parameter is out of its range (`InvalidParameterError`).

    See Also
    --------
    make_temporal_order : The same kind of memory, for classification.

    Notes
    -----
    Numbers from [0, 1) and one mark per half are the version of [2]_ and [3]_. The original [1]_ has numbers from [-1, 1], the
    first mark in the first ten steps, -1 as marker of both ends, and shifts and scales the sum.

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
    return in_form(values, lengths, ragged), values[first, 0] + values[second, 0]


@refused_as(*A_PARAMETER)
@validate_params(
    {
        **COMMON,
        "lag": [Interval(Integral, 1, None, closed="left")],
        "n_copy": [Interval(Integral, 1, None, closed="left")],
        "n_symbols": [Interval(Integral, 2, None, closed="left")],
        "masked": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def make_copy_memory(n_samples=1000, *, lag=50, n_copy=10, n_symbols=8, masked=True, ragged=False, random_state=None):
    """Make the copy memory problem: repeat at the end the symbols that were shown at the beginning.

    Classification of every step, for ``return_sequences=True`` and ``categorical_features="all"``. A sequence shows
    `n_copy` symbols, independent and uniform, then ``lag - 1`` blanks and a delimiter, which asks for the answer in the
    `n_copy` steps of blanks that follow. A symbol is recalled ``lag + n_copy`` steps after it was shown.

    Parameters
    ----------
    n_samples : int, default=1000
        Sequences.
    lag : int, default=50
        Steps between the last symbol shown and the delimiter, which is the last of them; the most if `ragged`. The
        sequences have ``lag + 2 * n_copy`` steps.
    n_copy : int, default=10
        Symbols to remember.
    n_symbols : int, default=8
        Different symbols. Their codes are 0 to ``n_symbols - 1``, that of the blank is `n_symbols`, that of the delimiter
        ``n_symbols + 1``.
    masked : bool, default=True
        Give y the mask value -100 up to the delimiter, so that training and scores are over the recalled symbols. With
        False it is the blank there, which is to be answered too, as in [2]_.
    ragged : bool, default=False
        Draw the lag of each sequence uniformly from ``lag / 2`` (but at least 1) to `lag`.
    random_state : int, RandomState or None, default=None
        Pass an int for the same data at every call. None draws fresh entropy.

    Returns
    -------
    X : ndarray of shape (n_samples, lag + 2 * n_copy, 1), or Sequences if `ragged`
        Code of the symbol at each step.
    y : ndarray of int of shape (n_samples, lag + 2 * n_copy), or Sequences if `ragged`
        Code of the answer at each step.

    Raises
    ------
    ValueError
        If a parameter is out of its range (`InvalidParameterError`).

    See Also
    --------
    make_adding_problem : Two numbers to remember.
    make_temporal_order : Two or three symbols to remember.

    Notes
    -----
    Who remembers nothing has an accuracy of ``1 / n_symbols`` over the recalled symbols and a log-loss of
    ``log(n_symbols)``; over all steps (``masked=False``) a log-loss of ``n_copy * log(n_symbols) / (lag + 2 * n_copy)``.

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
    answers = np.full(ends[-1], LEFT_OUT if masked else blank, dtype=np.intp)
    codes[(ends - lengths)[:, np.newaxis] + np.arange(n_copy)] = shown
    codes[ends - n_copy - 1] = delimiter
    answers[(ends - n_copy)[:, np.newaxis] + np.arange(n_copy)] = shown
    X = symbols_as_channels(codes, n_symbols + 2, encoded=True)
    return in_form(X, lengths, ragged), in_form(answers, lengths, ragged)


@refused_as(*A_PARAMETER)
@validate_params(
    {
        **COMMON,
        "n_steps": [Interval(Integral, 10, None, closed="left")],
        "n_bits": [Options(Integral, {2, 3})],
        "encoded": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def make_temporal_order(n_samples=1000, *, n_steps=100, n_bits=3, encoded=False, ragged=False, random_state=None):
    """Make the temporal order problem: which of X and Y came first, which second, which third.

    Classification into ``2 ** n_bits`` classes. A sequence begins with E, ends with B, and has independent and uniform
    symbols a, b, c, d between them, but X or Y at `n_bits` random places far apart. The class is which of the two came at
    each place.

    Parameters
    ----------
    n_samples : int, default=1000
        Sequences.
    n_steps : int, default=100
        Length of the sequences, at least 10; the longest if `ragged`.
    n_bits : {2, 3}, default=3
        How many X and Y there are: experiments 6a and 6b of [1]_.
    encoded : bool, default=False
        Return the symbols as integer codes in one channel, for ``categorical_features="all"``, instead of one 0/1 channel
        for each.
    ragged : bool, default=False
        Draw the length of each sequence uniformly from ``n_steps / 2`` (but at least 10) to `n_steps`.
    random_state : int, RandomState or None, default=None
        Pass an int for the same data at every call. None draws fresh entropy.

    Returns
    -------
    X : ndarray of shape (n_samples, n_steps, 8), or Sequences if `ragged`
        Symbols in the order E, B, a, b, c, d, X, Y; with `encoded` one channel of codes, 0 to 7.
    y : ndarray of int of shape (n_samples,)
        Classes, 0 to ``2 ** n_bits - 1``: the binary number whose digits are 0 for X and 1 for Y, the first symbol first.

    Raises
    ------
    ValueError
        If a parameter is out of its range (`InvalidParameterError`).

    See Also
    --------
    make_adding_problem : The same kind of memory, for regression.

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
    >>> X, y = make_temporal_order(1, n_steps=12, encoded=True, random_state=0)
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
    X = symbols_as_channels(codes, len(ORDER_SYMBOLS), encoded)
    return in_form(X, lengths, ragged), bits @ 2 ** np.arange(n_bits)[::-1]
