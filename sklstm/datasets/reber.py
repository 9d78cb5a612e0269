"""The embedded Reber grammar: strings whose last symbol but one repeats the second."""

import numpy as np

from ..compat import StrOptions, validate_params
from ..sequences.refusals import array_of, refused_as
from .drawing import A_PARAMETER, COMMON, generator_from, in_form, symbols_as_channels

REBER_SYMBOLS = "BTSXPVE"  # in the order of their codes

# Reber's grammar: for each state the symbols that may come, and the state that each leads to; 7 is the end.
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


@refused_as(*A_PARAMETER)
@validate_params(
    {
        "n_samples": COMMON["n_samples"],
        "targets": [StrOptions({"symbol", "legal"})],
        "encoded": ["boolean"],
        "random_state": COMMON["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_embedded_reber(n_samples=1000, *, targets="symbol", encoded=False, random_state=None):
    """Make strings of the embedded Reber grammar: which symbol comes next.

    Classification of every step, for ``return_sequences=True``. A string is B, then T or P, then a string of Reber's
    grammar, then again that T or P, then E. Where the grammar leaves a choice, each of the two symbols is as likely. The next
    symbol cannot be known then, but which ones are legal can; to know it for the last but one, the second symbol must be
    remembered.

    Parameters
    ----------
    n_samples : int, default=1000
        Strings.
    targets : {"symbol", "legal"}, default="symbol"
        Whether y is the next symbol, or 0/1 indicators (multilabel) of all that are legal there.
    encoded : bool, default=False
        Return the symbols of X as integer codes in one channel, for ``categorical_features="all"``, instead of one 0/1
        channel for each.
    random_state : int, RandomState or None, default=None
        Pass an int for the same data at every call. None draws fresh entropy.

    Returns
    -------
    X : Sequences
        The strings without their last symbol, with 7 channels for the symbols B, T, S, X, P, V, E (`REBER_SYMBOLS`); with
        `encoded` one channel of codes, 0 to 6. They have 8 steps and more, 11 in the mean.
    y : Sequences
        For each step of X the code of the next symbol (int, one channel), or 7 indicators (int).

    Raises
    ------
    ValueError
        If a parameter is out of its range (`InvalidParameterError`).

    See Also
    --------
    reber_legal_next : Which symbols are legal after each step of a string.

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
    >>> X, y = make_embedded_reber(2, encoded=True, random_state=0)
    >>> "".join(REBER_SYMBOLS[int(code)] for code in X[0][:, 0])
    'BTBPVPSET'
    >>> "".join(REBER_SYMBOLS[code] for code in y[0][:, 0])
    'TBPVPSETE'
    """
    generator = generator_from(random_state)
    strings = [_draw_string(generator) for _ in range(n_samples)]
    lengths = np.array([len(string) - 1 for string in strings])
    X = symbols_as_channels(np.concatenate([string[:-1] for string in strings]), len(REBER_SYMBOLS), encoded)
    if targets == "symbol":
        y = np.concatenate([string[1:] for string in strings])
    else:
        y = np.concatenate([_legal_next(string[:-1]) for string in strings]).astype(np.intp)
    return in_form(X, lengths, ragged=True), in_form(y, lengths, ragged=True)


def reber_legal_next(string):
    """Tell which symbols may come next in the embedded Reber grammar, after each step of a string.

    Parameters
    ----------
    string : str, or array-like of shape (n_steps,), (n_steps, 1) or (n_steps, 7)
        A string of the grammar or the beginning of one: text, codes, or 0/1 channels, as `make_embedded_reber` returns them
        and as a model predicts them.

    Returns
    -------
    ndarray of bool of shape (n_steps, 7)
        Row t says which of `REBER_SYMBOLS` may follow the first t + 1 symbols; none follows the last of a whole string.

    Raises
    ------
    ValueError
        If the string is not one of the grammar, with the first symbol that is not legal, or is neither text nor codes.

    See Also
    --------
    make_embedded_reber : Strings of the grammar.

    Examples
    --------
    Whether all predictions are legal, where X, y are those of `make_embedded_reber`:
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
    """Codes, a list of int, of a string in any form."""
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
