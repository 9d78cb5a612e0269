"""Search for likely outputs, token by token: greedy, and along a beam. Pure functions of a callable that predicts a token.

``step(sources, states, codes) -> logs, states`` is given m hypotheses: the numbers (m,) of the inputs that they belong to, a
list of arrays (m, ...), and the codes (m,) of their last tokens, 0 before the first. It returns the logarithms (m, n_codes) of
the probabilities of the next token, and the states behind it. Code 0 is the end of an output. An output has at least one token.
"""

from dataclasses import dataclass

import numpy as np

END = 0  # code of the end of an output, and of its start as what the decoder reads first


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """An output.

    Attributes
    ----------
    codes : ndarray of int of shape (n_tokens,)
        Of its tokens, without the end.
    log_probability : float
        Of the tokens and of the end behind them.
    """

    codes: np.ndarray
    log_probability: float

    @property
    def per_step(self):
        """Logarithm of the probability per token, of which the end is one."""
        return self.log_probability / (len(self.codes) + 1)


def greedy(step, states, n, max_length):
    """The outputs whose tokens are each the most likely one behind those before it.

    Parameters
    ----------
    step : callable
    states : list of ndarray of shape (n, ...)
        Before the first token.
    n : int
        Number of inputs.
    max_length : int
        Tokens of an output at most.

    Returns
    -------
    list of Hypothesis of length n
    """
    live, codes, totals = np.arange(n), np.zeros(n, dtype=np.intp), np.zeros(n)
    writers, written = [np.zeros(0, dtype=np.intp)], [np.zeros(0, dtype=np.intp)]
    for t in range(max_length + 1):
        if not len(live):
            break
        logs, states = step(live, states, codes)
        logs = _allowed(logs, t, max_length)
        codes = logs.argmax(axis=1)
        totals[live] += logs[np.arange(len(live)), codes]
        continues = codes != END
        live, codes, states = live[continues], codes[continues], [state[continues] for state in states]
        writers.append(live)
        written.append(codes)
    writers = np.concatenate(writers)
    tokens = np.concatenate(written)[np.argsort(writers, kind="stable")]
    parts = np.split(tokens, np.cumsum(np.bincount(writers, minlength=n))[:-1])
    return [Hypothesis(part, total) for part, total in zip(parts, totals.tolist(), strict=True)]


def beam_search(step, states, n, max_length, width):
    """Likely outputs of each input, the best first.

    Outputs are ordered by the logarithm of their probability per token, so that short ones have no advantage; those that are less
    likely than the greedy output come after all others. With a beam as wide as there are outputs, this is an exhaustive search.

    Parameters
    ----------
    step, states, n, max_length
        As in `greedy`, whose outputs are among those that are compared.
    width : int
        Hypotheses of an input that are continued at a time, and outputs that are returned at most.

    Returns
    -------
    list of list of Hypothesis
    """
    first = greedy(step, states, n, max_length)
    finished = [[] for _ in range(n)]
    sources, codes, totals = np.arange(n), np.zeros(n, dtype=np.intp), np.zeros(n)
    tokens = np.zeros((n, 0), dtype=np.intp)
    for t in range(max_length + 1):
        if not len(sources):
            break
        logs, states = step(sources, states, codes)
        rows, codes, totals = _best(sources, totals[:, np.newaxis] + _allowed(logs, t, max_length), width)
        for k in np.flatnonzero(codes == END):
            finished[sources[rows[k]]].append(Hypothesis(tokens[rows[k]], float(totals[k])))
        rows, codes, totals = (part[codes != END] for part in (rows, codes, totals))
        kept = _promising(sources[rows], totals / (t + 2), finished, width)
        rows, codes, totals = rows[kept], codes[kept], totals[kept]
        sources, states = sources[rows], [state[rows] for state in states]
        tokens = np.concatenate([tokens[rows], codes[:, np.newaxis]], axis=1)
    return [_in_order(*found, width) for found in zip(finished, first, strict=True)]


def _allowed(logs, t, max_length):
    """Logarithms of the probabilities where an output of t tokens may end; of what may not follow, -inf."""
    logs = logs.copy()
    if t == 0:
        logs[:, END] = -np.inf
    if t == max_length:
        logs[:, END + 1 :] = -np.inf
    return logs


def _best(sources, totals, width):
    """Of the continuations (m, n_codes) of hypotheses, those that the beams keep.

    Of each input these are the `width` best that do not end, and the ends that are among the `width` best of all. Of equal ones
    the first are kept.

    Returns
    -------
    rows, codes, totals : ndarray of shape (n_kept,)
        The hypothesis, the token that follows it, and the logarithm of both, sorted by the input and then the best first.
    """
    starts = np.flatnonzero(np.r_[True, sources[1:] != sources[:-1]])
    counts, n_codes = np.diff(np.r_[starts, len(sources)]), totals.shape[1]
    group = np.repeat(np.arange(len(starts)), counts)
    table = np.full((len(starts), counts.max(), n_codes), -np.inf)
    table[group, np.arange(len(sources)) - starts[group]] = totals
    table = table.reshape(len(starts), -1)
    # Among twice as many there are `width` that do not end: at most one end belongs to a hypothesis.
    order = np.argsort(-table, axis=1, kind="stable")[:, : 2 * width]
    values = np.take_along_axis(table, order, axis=1)
    ends = order % n_codes == END
    n_before = np.cumsum(~ends, axis=1) - 1
    kept = (values > -np.inf) & np.where(ends, np.arange(order.shape[1]) < width, n_before < width)
    which, place = np.nonzero(kept)
    chosen = order[which, place]
    return starts[which] + chosen // n_codes, chosen % n_codes, values[which, place]


def _promising(sources, per_step, finished, width):
    """Which hypotheses are continued: those of an input with fewer than `width` finished outputs, or whose best hypothesis is
    better than the last of the `width` best outputs."""
    worst = {i: sorted((one.per_step for one in finished[i]), reverse=True)[width - 1 : width] for i in set(sources.tolist())}
    best = {}
    for i, value in zip(sources.tolist(), per_step.tolist(), strict=True):
        best[i] = max(best.get(i, -np.inf), value)
    continued = {i for i in worst if not worst[i] or best[i] > worst[i][0]}
    return np.array([i in continued for i in sources.tolist()], dtype=bool)


def _in_order(hypotheses, first, width):
    """The best of the outputs of an input, the greedy one among them."""
    others = [one for one in hypotheses if not np.array_equal(one.codes, first.codes)]
    ordered = sorted([first, *others], key=lambda one: (one.log_probability < first.log_probability, -one.per_step))
    return ordered[:width]
