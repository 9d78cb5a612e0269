"""The embedded Reber grammar: strings whose last symbol but one repeats the second."""

import numpy as np

from ..compat import StrOptions
from ..sequences.refusals import array_of
from .common import array_or_sequences, checked, generator_from, symbols_as_channels
from .documentation import document

REBER_SYMBOLS = "BTSXPVE"  # in the order of their codes

# Reber's grammar: for each state the symbols that may come, and the state to which each leads; 7 is the end.
REBER = [
    {"B": 1},
    {"T": 2, "P": 3},
    {"S": 2, "X": 4},
    {"T": 3, "V": 5},
    {"X": 3, "S": 6},
    {"P": 4, "V": 6},
    {"E": 7},
]


def embedded(grammar):
    """The grammar of B T s T E and B P s P E for all strings s of a grammar; its last state is the end."""
    n = len(grammar)
    end = 2 + 2 * (n + 2)
    states = [{"B": 1}, {}]
    for symbol in "TP":
        first = len(states)
        states[1][symbol] = first
        states += [{inner: first + state for inner, state in edges.items()} for edges in grammar]
        states += [{symbol: first + n + 1}, {"E": end}]
    return [*states, {}]


# In codes.
EMBEDDED = [{REBER_SYMBOLS.index(symbol): state for symbol, state in edges.items()} for edges in embedded(REBER)]
LEGAL = np.array([[code in edges for code in range(len(REBER_SYMBOLS))] for edges in EMBEDDED])  # (n_states, n_symbols)


@document()
@checked(targets=[StrOptions({"symbol", "legal"})])
def make_embedded_reber(n_samples=1000, *, targets="symbol", encode="onehot", random_state=None):
    """Generate strings of the embedded Reber grammar, to predict the next symbol.

    A classification of every step, for an estimator with ``return_sequences=True``. A string is B, then T or P, then a string of
    Reber's grammar, then the same T or P again, then E. Where the grammar leaves a choice, both symbols have probability 1/2: the
    next symbol cannot be predicted there, but which ones are legal can. To predict the last symbol but one, a model must remember
    the second.

    Parameters
    ----------
    <<n_samples>>
    targets : {"symbol", "legal"}, default="symbol"
        What y holds: the next symbol, or 0/1 indicators (multilabel) of all symbols that are legal next.
    <<encode>>
    <<random_state>>

    Returns
    -------
    X : Sequences
        The strings without their last symbol, with 7 channels for the symbols B, T, S, X, P, V, E (`REBER_SYMBOLS`); for
        ``encode="ordinal"`` with one channel of codes, 0 to 6. They have at least 8 steps, and 11 on average.
    y : Sequences
        The code of the next symbol at each step of X (int, one channel), or 7 indicators (int).

    Raises
    ------
    <<out of range>>

    See Also
    --------
    reber_legal_next : The symbols that are legal after each step of a string.

    References
    ----------
    .. [1] A. Reber (1967), "Implicit learning of artificial grammars", Journal of Verbal Learning and Verbal Behavior 6(6).
    .. [2] A. Cleeremans, D. Servan-Schreiber and J. McClelland (1989), "Finite state automata and simple recurrent networks",
       Neural Computation 1(3).
    .. [3] S. Fahlman (1991), "The recurrent cascade-correlation architecture", NeurIPS.
    .. [4] S. Hochreiter and J. Schmidhuber (1997), "Long short-term memory", Neural Computation 9(8), experiment 1.

    Examples
    --------
    >>> from sklstm.datasets import REBER_SYMBOLS, make_embedded_reber
    >>> X, y = make_embedded_reber(2, encode="ordinal", random_state=0)
    >>> "".join(REBER_SYMBOLS[int(code)] for code in X[0][:, 0])
    'BTBPVPSET'
    >>> "".join(REBER_SYMBOLS[code] for code in y[0][:, 0])
    'TBPVPSETE'
    """
    generator = generator_from(random_state)
    strings = [_draw_string(generator) for _ in range(n_samples)]
    lengths = np.array([len(string) - 1 for string in strings])
    X = symbols_as_channels(np.concatenate([string[:-1] for string in strings]), len(REBER_SYMBOLS), encode)
    if targets == "symbol":
        y = np.concatenate([string[1:] for string in strings])
    else:
        y = np.concatenate([_legal_next(string[:-1]) for string in strings]).astype(np.intp)
    return array_or_sequences(X, lengths, ragged=True), array_or_sequences(y, lengths, ragged=True)


def reber_legal_next(string):
    """Find the symbols that may come next in the embedded Reber grammar, after each step of a string.

    Parameters
    ----------
    string : str, or array-like of shape (n_steps,), (n_steps, 1) or (n_steps, 7)
        A string of the grammar, or the beginning of one: as text, as codes, or as 0/1 channels, which are the formats of
        `make_embedded_reber` and of a model's predictions.

    Returns
    -------
    ndarray of bool of shape (n_steps, 7)
        Whether each of `REBER_SYMBOLS` may follow the first t + 1 symbols, in row t. None may follow a whole string.

    Raises
    ------
    ValueError
        If the string is not one of the grammar; the message names the first symbol that is not legal. Also if it has none of
        these formats.

    See Also
    --------
    make_embedded_reber : Random strings of the grammar.

    Examples
    --------
    With X from `make_embedded_reber` and a fitted model, this expression says whether all predictions are legal:
    ``all(reber_legal_next(x)[np.arange(len(x)), p.ravel()].all() for x, p in zip(X, model.predict(X)))``.

    >>> import numpy as np
    >>> from sklstm.datasets import REBER_SYMBOLS, reber_legal_next
    >>> ["".join(np.array(list(REBER_SYMBOLS))[legal]) for legal in reber_legal_next("BTBTXSE")]
    ['TP', 'B', 'TP', 'SX', 'SX', 'E', 'T']
    """
    return _legal_next(_codes(string))


def _draw_string(generator):
    """Codes of a string of the embedded grammar, a list of int."""
    state, string = 0, []
    while edges := list(EMBEDDED[state].items()):
        code, state = edges[generator.randint(len(edges)) if len(edges) > 1 else 0]
        string.append(code)
    return string


def _legal_next(codes):
    state, states = 0, []
    for step, code in enumerate(codes):
        if code not in EMBEDDED[state]:
            legal = [REBER_SYMBOLS[other] for other in EMBEDDED[state]]
            raise ValueError(
                f"The string is not of the embedded Reber grammar: its symbol {step} (counted from 0) is {REBER_SYMBOLS[code]!r},"
                f" legal is {' or '.join(legal) or 'none: the string is at its end'}. Pass the symbols from the first B on."
            )
        state = EMBEDDED[state][code]
        states.append(state)
    return LEGAL[states]


def _codes(string):
    """Codes, a list of int, of a string in any format."""
    n = len(REBER_SYMBOLS)
    expected = f"Pass text, codes (n_steps,) from 0 to {n - 1}, or 0/1 channels (n_steps, {n})."
    if isinstance(string, str):
        codes = np.array([REBER_SYMBOLS.find(symbol) for symbol in string], dtype=np.intp)
        if (codes < 0).any():
            raise ValueError(f"The string has the symbol {string[codes.argmin()]!r}; the symbols are {', '.join(REBER_SYMBOLS)}.")
        return codes.tolist()
    values = array_of("string", string, expected)
    if values.ndim == 2 and values.shape[1] == n and ((values == 0) | (values == 1)).all() and (values.sum(axis=1) == 1).all():
        return values.argmax(axis=1).tolist()
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or values.dtype.kind not in "iuf" or not np.isin(values, range(n)).all():
        raise ValueError(f"string is neither text nor codes nor channels, got {values.dtype} of shape {values.shape}. {expected}")
    return values.astype(np.intp).tolist()
