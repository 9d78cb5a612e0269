"""The slow twin: the network one sequence, one step and one gate at a time, in plain NumPy and float64.

It shares no code with the package but the names of the parameters.
"""

import itertools

import numpy as np
from scipy.special import expit, logsumexp, softmax, xlogy
from scipy.stats import norm

ACTIVATIONS = {"tanh": np.tanh, "relu": lambda v: np.maximum(v, 0)}


# ---- cells: the state (h, c) after one step; cells without c pass it on; h as it is before a projection ----


def affine(p, block, x, h, recurrent=True):
    """W x + R h + b of one block of columns; without R h unless `recurrent`."""
    H = len(p["P"]) if "P" in p else len(h)
    columns = slice(block * H, (block + 1) * H)
    z = x @ p["W"][:, columns] + p["b"][columns]
    return z + h @ p["R"][:, columns] if recurrent else z


def lstm(p, act, x, h, c):
    i, f, o = (expit(affine(p, block, x, h)) for block in (0, 1, 3))
    g = act(affine(p, 2, x, h))
    c = f * c + i * g
    return o * act(c), c


def peephole(p, act, x, h, c):
    p_i, p_f, p_o = p["p"]
    i = expit(affine(p, 0, x, h) + p_i * c)
    f = expit(affine(p, 1, x, h) + p_f * c)
    g = act(affine(p, 2, x, h))
    c = f * c + i * g
    o = expit(affine(p, 3, x, h) + p_o * c)
    return o * act(c), c


def coupled(p, act, x, h, c):
    f, o = (expit(affine(p, block, x, h)) for block in (0, 2))
    g = act(affine(p, 1, x, h))
    c = f * c + (1 - f) * g
    return o * act(c), c


def normalized(v):
    return (v - v.mean()) / np.sqrt(v.var() + 1e-5)


def layernorm(p, act, x, h, c):
    gain_x, gain_h, (gain_c, bias_c) = p["norm"][:4].ravel(), p["norm"][4:8].ravel(), p["norm"][8:]
    z = gain_x * normalized(x @ p["W"]) + gain_h * normalized(h @ p["R"]) + p["b"]
    i, f, g, o = np.split(z, 4)
    c = expit(f) * c + expit(i) * act(g)
    return expit(o) * act(gain_c * normalized(c) + bias_c), c


def gru(p, act, x, h, c):
    H = len(h)
    r, z = (expit(affine(p, block, x, h)) for block in (0, 1))
    n = act(affine(p, 2, x, h, recurrent=False) + r * (h @ p["R"][:, 2 * H :] + p["b"][3 * H :]))
    return (1 - z) * n + z * h, c


def gru_reset_before(p, act, x, h, c):
    r, z = (expit(affine(p, block, x, h)) for block in (0, 1))
    n = act(affine(p, 2, x, r * h))
    return (1 - z) * n + z * h, c


def rnn(p, act, x, h, c):
    return act(affine(p, 0, x, h)), c


CELLS = {
    "lstm": lstm,
    "peephole": peephole,
    "coupled": coupled,
    "layernorm": layernorm,
    "gru": gru,
    "gru_reset_before": gru_reset_before,
    "rnn": rnn,
}


# ---- layers ----


def part(weights, prefix):
    """The parameters whose names begin with a prefix, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}


def walk(p, step, act, x, s=None):
    """h of every step (n_steps, H) of one sequence x (n_steps, D), from the learned state and the static vector s, if any."""
    h, c = first_state(p, s)
    return walk_from(p, step, act, x, h, c)[0]


def first_state(p, s=None):
    h, c = p.get("h0", np.zeros(len(p["R"]))), p.get("c0", np.zeros(len(p["P" if "P" in p else "R"])))
    return h if s is None else h + s @ p["S"], c


def walk_from(p, step, act, x, h, c):
    """h of every step (n_steps, H), from a state (h, c); and the state at the end."""
    outputs = []
    for x_t in x:
        h, c = step(p, act, x_t, h, c)
        h = h @ p["P"] if "P" in p else h
        outputs.append(h)
    return np.array(outputs), (h, c)


def layer(p, x, *, cell="lstm", activation="tanh", bidirectional=False, merge_mode="concat", residual=False, s=None):
    """Outputs of every step, and the output where each direction ends.

    The input is added to the outputs of a residual layer; where directions are summed, to the end that of the last step.
    """
    step, act = CELLS[cell], ACTIVATIONS[activation]
    y = walk(p, step, act, x, s)
    end, H = y[-1], len(p["R"])
    if bidirectional:
        backward = walk(part(p, "reverse."), step, act, x[::-1], s)[::-1]
        if merge_mode == "sum":
            y, end = y + backward, end + backward[0]
        else:
            y, end = np.hstack([y, backward]), np.concatenate([end, backward[0]])
    if residual and x.shape == y.shape:
        y, end = y + x, end + np.concatenate([x[-1, :H], x[0, H:]])  # the second half only where directions are side by side
    return y, end


def gaps_backward(gaps):
    """From gaps to the step before to those to the next one; 1 where there is none."""
    return np.append(gaps[1:], 1.0)


def stand_ins(p, x, mean, gaps):
    """What stands for a channel x (n_steps,) in units of the first layer, and the logarithm of the time since it was seen."""
    last, d, out = mean, 0.0, []
    for value, gap in zip(x, gaps, strict=True):
        d += gap
        decays = np.exp(-max(0.0, p["w"] * d + p["b"])) if p else 1.0
        seen = not np.isnan(value)
        out.append((value if seen else mean + decays * (last - mean), np.log2(1 + d)))
        last, d = (value, 0.0) if seen else (last, d)
    return np.array(out).T


def columns_of_missing(p, x, bidirectional, gaps):
    """Values, whether they are seen, and times since: for each channel (n_steps, n_channels), in blocks of columns."""
    blocks = [[] for _ in range(5 if bidirectional else 3)]
    for k, column in enumerate(x.T):
        column, mean = column * p["scale"][k] + p["offset"][k], p["mean"][k] * p["scale"][k] + p["offset"][k]
        prefixes = ("", "reverse.")[: len(blocks) // 2]
        rates = [{name: p[prefix + name][k] for name in ("w", "b") if name in p} for prefix in prefixes]
        value, time = stand_ins(rates[0], column, mean, gaps)
        own = [value, ~np.isnan(column), time]
        if bidirectional:
            own += list(stand_ins(rates[1], column[::-1], mean, gaps_backward(gaps)[::-1])[:, ::-1])
        for block, part in zip(blocks, own, strict=True):
            block.append(part * bool(p["known"][k]))
    return np.concatenate([np.array(block).reshape(len(block), len(x)).T for block in blocks], axis=1)


def entry(p, x, bidirectional=False, gaps=None):
    """What the first layer sees: numeric channels and what is said of missing ones, the vectors of the categorical ones, and the
    logarithms of the gaps (n_steps,) between steps, if any."""
    tables = dict(sorted((int(channel), table) for channel, table in part(p, "E").items()))
    numeric = [channel for channel in range(x.shape[1]) if channel not in tables]
    vectors = [table[x[:, channel].astype(int)] for channel, table in tables.items()]
    if gaps is not None:
        vectors += [np.log2(1 + part)[:, np.newaxis] for part in (gaps, gaps_backward(gaps))[: 1 + bidirectional]]
    if "known" in p:
        gaps = np.ones(len(x)) if gaps is None else gaps
        return np.hstack([columns_of_missing(p, x[:, numeric], bidirectional, gaps), *vectors])
    return np.hstack([x[:, numeric] * p["scale"] + p["offset"], *vectors])


def static_vector(weights, features):
    """What static features (n,) of a sequence become."""
    return entry(part(weights, "static."), np.asarray(features, dtype=np.float64)[np.newaxis])[0]


def attention(p, y):
    """Weight of each step (n_steps,)."""
    return softmax([np.tanh(y_t @ p["A"] + p["b"]) @ p["v"] for y_t in y])


# Outputs of every step, their end and the pooling's own parameters -> what the head sees.
POOLINGS = {
    "last": lambda y, end, p: end,
    "mean": lambda y, end, p: y.mean(axis=0),
    "max": lambda y, end, p: y.max(axis=0),
    "attention": lambda y, end, p: attention(p, y) @ y,
    None: lambda y, end, p: y,
}


def outputs(weights, x, num_layers, gaps=None, **options):
    """Outputs of the last layer at every step of one sequence x, and its end; `weights` in float64, `options` as in `layer`."""
    if "input.scale" in weights:
        x = entry(part(weights, "input."), x, options.get("bidirectional", False), gaps)
    for k in range(num_layers):
        x, end = layer(part(weights, f"layer_{k}."), x, **options)
    return x, end


def scores(
    weights, sequences, num_layers, bidirectional=False, merge_mode="concat", pooling=("last", "max"), static=None, gaps=None,
    **options,
):
    """Scores (n_sequences, n_outputs) of a list of sequences, or (total_steps, n_outputs) for the pooling None.

    `pooling` may be a tuple of names: what they return is put side by side.
    `weights` are named as the estimators' `weights_`. Learned states, categories and the scale of the input are used where they
    have a name in there; `options` are further ones of `layer`. `static` (n_sequences, n) are static features,
    `gaps` a list of the gaps (n_steps,) between the steps of each sequence.
    """
    names = pooling if isinstance(pooling, tuple) else (pooling,)
    weights, result = {name: np.asarray(value, dtype=np.float64) for name, value in weights.items()}, []
    for k, x in enumerate(sequences):
        x, s = np.asarray(x, dtype=np.float64), None if static is None else static_vector(weights, static[k])
        own = None if gaps is None else np.asarray(gaps[k], dtype=np.float64)
        y, end = outputs(weights, x, num_layers, bidirectional=bidirectional, merge_mode=merge_mode, s=s, **options, gaps=own)
        pooled = np.concatenate([POOLINGS[name](y, end, part(weights, f"{name}.")) for name in names], axis=-1)
        result.append(pooled @ weights["head.V"] + weights["head.b"] + (0 if s is None else s @ weights["static.V"]))
    return np.vstack(result)


# ---- an encoder and a decoder ----


def end_states(p, x, *, cell="lstm", activation="tanh", bidirectional=False, s=None, **_):
    """(h, c) where the walk of each direction of a layer ends."""
    states = []
    for prefix, own in (("", x), ("reverse.", x[::-1]))[: 1 + bidirectional]:
        own_p = part(p, prefix)
        h, c = first_state(own_p, s)
        states.append(walk_from(own_p, CELLS[cell], ACTIVATIONS[activation], own, h, c)[1])
    return states


def cross_attention(p, d, e):
    """Weights (n_steps, n_source_steps) of the steps e (n_source_steps, F) for each d (n_steps, H)."""
    if "v" in p:
        return np.array([softmax([np.tanh(d_t @ p["A"] + e_s @ p["B"]) @ p["v"] for e_s in e]) for d_t in d])
    return np.array([softmax([d_t @ p["A"] @ e_s for e_s in e]) for d_t in d])


def scores_of_pair(weights, x, inputs, num_layers, s=None, gaps=None, **options):
    """Scores (n_steps, K) of the steps of a target whose decoder reads `inputs` (n_steps, q), and weights of the source's steps.

    x (n_source_steps, D) is the source; `weights` are named as those of an `EncoderDecoder`, with `options` as in `layer`.
    """
    encoder, e = part(weights, "encoder."), x
    if "input.scale" in encoder:
        e = entry(part(encoder, "input."), e, options.get("bidirectional", False), gaps)
    own = {name: value for name, value in options.items() if name in ("cell", "activation", "residual")}
    ends = []
    for k in range(num_layers):
        p = part(encoder, f"layer_{k}.")
        ends.append(end_states(p, e, s=s, **options))
        e, _ = layer(p, e, s=s, **options)
    d = entry(part(weights, "decoder.input."), inputs)
    for k in range(num_layers):
        p, bridge, below = part(weights, f"decoder.layer_{k}."), part(weights, f"bridge.layer_{k}."), d
        first = [np.zeros(len(p["R"]))] * 2
        for j, state in enumerate("hc"):
            if f"W{state}" in bridge:
                first[j] = np.concatenate([end[j] for end in ends[k]]) @ bridge[f"W{state}"] + bridge[f"b{state}"]
        d, _ = walk_from(p, CELLS[own.get("cell", "lstm")], ACTIVATIONS[own.get("activation", "tanh")], d, *first)
        if own.get("residual") and d.shape == below.shape:
            d = d + below
    p, alpha = part(weights, "attention."), None
    if p:
        alpha = cross_attention(p, d, e)
        d = np.tanh(np.hstack([alpha @ e, d]) @ p["C"] + p["b"])
    return d @ weights["head.V"] + weights["head.b"], alpha


def binary_log_loss(scores, targets):
    """Loss of each sample: minus the log-probability of its labels."""
    p = expit(scores)
    return -(targets * np.log(p) + (1 - targets) * np.log(1 - p)).sum(axis=1)


def multinomial_log_loss(scores, targets):
    return logsumexp(scores, axis=1) - scores[np.arange(len(scores)), targets[:, 0].astype(int)]


def squared_error(scores, targets):
    return 0.5 * ((scores - targets) ** 2).mean(axis=1)


def absolute_error(scores, targets):
    return np.abs(scores - targets).mean(axis=1)


def huber(scores, targets, delta=1.345):
    r = np.abs(scores - targets)
    return np.where(r <= delta, r**2 / 2, delta * (r - delta / 2)).mean(axis=1)


def robust_deviation(y, weights):
    """Interquartile range of y (n,) over 1.349, where y[i] counts weights[i] times."""

    def quantile_of(q):
        # The values at which the weights of smaller ones, and of larger ones, do not exceed their shares.
        order = np.argsort(y)
        total, before, found = np.sum(weights), 0.0, []
        for i in order:
            if before <= q * total * (1 + 1e-9) and before + weights[i] >= q * total * (1 - 1e-9) and weights[i] > 0:
                found.append(y[i])
            before += weights[i]
        return (min(found) + max(found)) / 2

    return (quantile_of(0.75) - quantile_of(0.25)) / 1.349


def quantile(scores, targets, quantiles=(0.5,)):
    above = targets - scores
    return np.maximum(np.multiply(quantiles, above), np.multiply(np.subtract(quantiles, 1), above)).mean(axis=1)


def poisson(scores, targets):
    return (np.exp(scores) - targets + xlogy(targets, targets) - targets * scores).mean(axis=1)


def gaussian_mixture(scores, targets):
    """Negative log-likelihood of mixtures of normal distributions, component by component."""
    losses, d = [], targets.shape[1]
    c = scores.shape[1] // (1 + 2 * d)
    for row, t in zip(scores, targets, strict=True):
        p = np.exp(row[:c]) / np.exp(row[:c]).sum()
        means, deviations = row[c : c + c * d].reshape(c, d), np.sqrt(np.exp(2 * row[c + c * d :]) + 1e-6).reshape(c, d)
        losses.append(-np.log(sum(p[k] * np.prod(norm.pdf(t, means[k], deviations[k])) for k in range(c))))
    return np.array(losses)


LOSSES = {
    "binary_log_loss": binary_log_loss,
    "multilabel_log_loss": binary_log_loss,
    "multinomial_log_loss": multinomial_log_loss,
    "squared_error": squared_error,
    "absolute_error": absolute_error,
    "huber": huber,
    "quantile": quantile,
    "quantiles": lambda scores, targets: quantile(scores, targets, (0.1, 0.5, 0.9)),
    "poisson": poisson,
    "gaussian_mixture": gaussian_mixture,
}


def all_paths(scores, structure):
    """Label sequences (n_paths, T) for scores (T, K), and the score of each."""
    T, K = scores.shape
    paths = np.array(list(itertools.product(range(K), repeat=T)))
    total = structure[K, paths[:, 0]] + structure[K + 1, paths[:, -1]] + scores[np.arange(T), paths].sum(axis=1)
    return paths, total + structure[paths[:, :-1], paths[:, 1:]].sum(axis=1)


def of_all_paths(scores, structure, codes):
    """-log P of the labels `codes` (T,), -1 for none; marginals (T, K); and the path with the highest score."""
    paths, values = all_paths(scores, structure)
    log_Z = logsumexp(values)
    agrees = ((paths == codes) | (codes < 0)).all(axis=1)
    probabilities = np.exp(values - log_Z)
    marginals = np.array([[probabilities[column == k].sum() for k in range(scores.shape[1])] for column in paths.T])
    return log_Z - logsumexp(values[agrees]), marginals, paths[values.argmax()]


def central_differences(function, vector, step=3e-4):
    """Gradient of a scalar function at a float64 vector, which is changed and put back entry by entry.

    Of fourth order, (-f(2h) + 8 f(h) - 8 f(-h) + f(-2h)) / 12h: with this step both the truncation (h^4) and the
    rounding (eps / h) stay near 1e-12, where the usual two points with h = 1e-6 leave 1e-10, too much for the smallest
    gradients here (1e-5).
    """
    gradient = np.empty_like(vector)
    for i, value in enumerate(vector):
        differences = []
        for h in (step, 2 * step):
            vector[i] = value + h
            above = function()
            vector[i] = value - h
            differences.append(above - function())
        vector[i] = value
        gradient[i] = (8 * differences[0] - differences[1]) / (12 * step)
    return gradient


def relative_error(a, b):
    """||a - b|| / max(||a||, ||b||), and 0 for two zeros."""
    scale = max(np.linalg.norm(a), np.linalg.norm(b))
    return np.linalg.norm(a - b) / scale if scale else 0.0


def paths_of_labels(scores):
    """Label sequences -> the probability, summed over all paths for scores (T, K), the last of which is that of blank."""
    T, K = scores.shape
    log_p, found = scores - logsumexp(scores, axis=1, keepdims=True), {}
    for path in itertools.product(range(K), repeat=T):
        labels = tuple(k for k, _ in itertools.groupby(path) if k != K - 1)
        found.setdefault(labels, []).append(log_p[range(T), path].sum())
    return {labels: logsumexp(values) for labels, values in found.items()}


# ---- detectors ----


def squared_distance(z, S):
    """Squared Mahalanobis distance of errors z (m,), NaN where they are missing, and S (m, m) their covariance.

    Over k of m errors it is taken to m by the cube root of Wilson and Hilferty.
    """
    known, m = ~np.isnan(z), len(z)
    k = known.sum()
    if not k:
        return np.nan
    d = z[known] @ np.linalg.solve(S[np.ix_(known, known)], z[known])
    if k == m:
        return d
    score = (np.cbrt(d / k) - (1 - 2 / (9 * k))) / np.sqrt(2 / (9 * k))
    return m * max(1 - 2 / (9 * m) + score * np.sqrt(2 / (9 * m)), 0) ** 3


def exponential_mean(values, factor, last):
    """The values but for NaN, each with the weight ``1 - factor`` beside the one before, at first `last` if that is no NaN."""
    result = []
    for value in values:
        if not np.isnan(value):
            last = value = value if np.isnan(last) else factor * last + (1 - factor) * value
        result.append(value)
    return np.array(result)
