"""The slow twin: the network one sequence, one step and one gate at a time, in plain NumPy and float64.

It shares no code with the package but the names of the parameters.
"""

import numpy as np
from scipy.special import expit, logsumexp


def lstm(x, W, R, b):
    """h of every step (n_steps, H) of one sequence x (n_steps, D)."""
    H = len(R)
    h, c, outputs = np.zeros(H), np.zeros(H), []
    for x_t in x:
        gates = x_t @ W + h @ R + b
        i, f, g, o = (gates[k * H : (k + 1) * H] for k in range(4))
        c = expit(f) * c + expit(i) * np.tanh(g)
        h = expit(o) * np.tanh(c)
        outputs.append(h)
    return np.array(outputs)


def layer(x, weights, bidirectional, merge_mode):
    """Outputs of every step, and the state where each direction ends."""
    forward = lstm(x, weights["W"], weights["R"], weights["b"])
    if not bidirectional:
        return forward, forward[-1]
    backward = lstm(x[::-1], weights["reverse.W"], weights["reverse.R"], weights["reverse.b"])[::-1]
    if merge_mode == "sum":
        return forward + backward, forward[-1] + backward[0]
    return np.hstack([forward, backward]), np.concatenate([forward[-1], backward[0]])


def scores(weights, sequences, num_layers, bidirectional=False, merge_mode="concat", pooling="last"):
    """Scores (n_sequences, n_outputs) of a list of sequences; `weights` are named as the estimators' `weights_`."""
    result = []
    for x in sequences:
        for k in range(num_layers):
            prefix = f"layer_{k}."
            own = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
            x, end = layer(x, own, bidirectional, merge_mode)
        pooled = {"last": end, "mean": x.mean(axis=0), "max": x.max(axis=0)}[pooling]
        result.append(pooled @ weights["head.V"] + weights["head.b"])
    return np.array(result)


def binary_log_loss(scores, targets):
    """Loss of each sample: minus the log-probability of its labels."""
    p = expit(scores)
    return -(targets * np.log(p) + (1 - targets) * np.log(1 - p)).sum(axis=1)


def multinomial_log_loss(scores, targets):
    return logsumexp(scores, axis=1) - scores[np.arange(len(scores)), targets[:, 0].astype(int)]


def squared_error(scores, targets):
    return 0.5 * ((scores - targets) ** 2).mean(axis=1)


LOSSES = {
    "binary_log_loss": binary_log_loss,
    "multilabel_log_loss": binary_log_loss,
    "multinomial_log_loss": multinomial_log_loss,
    "squared_error": squared_error,
}


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
