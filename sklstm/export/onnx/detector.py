"""Detectors in ONNX: errors of predictions, scores of steps by their distribution, scores of sequences, and thresholds.

It is done in float64, since covariances may be nearly singular.
"""

import numpy as np

from ...estimators.error_model import error_model_of, knots_of
from ...estimators.step_scores import TOP

LARGE = 1e30  # more than any score


def add_detection(g, of, scores, steps, **_):
    """Add the outputs of a detector that predicts the next steps.

    Parameters
    ----------
    g, of, steps
        As of `add_outputs`.
    scores : str
        What is predicted at each step for the next ones, (n_steps, n_sequences, n_leads n_channels).
    """
    model = of.model
    z, known = _standardised(g, model, *_errors(g, model, scores, steps))
    of_steps = _minus_distances(g, model, z, known)
    if model._smoothing:
        of_steps = steps.smoothed(of_steps, float(model._smoothing))
    flat = steps.leave(g.over("Squeeze", of_steps, 2), 2)
    axes, below = list(steps.axes), g.add("Less", flat, np.float64(model.step_offset_))
    if steps.is_moment:
        g.output(g.cast(flat, "float"), "scores", "float", axes, "of the step, NaN where there is not enough past")
        g.output(_outliers(g, below), "label", "int64", axes, "-1 for abnormal steps, else 1")
        return
    decision = g.add("Sub", AGGREGATIONS[model._aggregation](g, of_steps, steps), np.float64(model.offset_))
    g.output(_outliers(g, g.add("Less", decision, np.float64(0))), "label", "int64", ["N"], "-1 for abnormal sequences, else 1")
    g.output(g.cast(decision, "float"), "scores", "float", ["N"], "decision_function: negative for abnormal sequences")
    g.output(_outliers(g, below), "step_labels", "int64", axes, "-1 for abnormal steps, else 1")
    g.output(g.cast(flat, "float"), "step_scores", "float", axes, "NaN for steps that are not predicted")


def _outliers(g, is_abnormal):
    return g.add("Where", is_abnormal, -1, 1)


def _errors(g, model, scores, steps):
    """Errors (n_steps, n_sequences, m) of what was predicted 1, 2, ... steps before, and where there are such."""
    x, C = g.cast(steps.channels(model._channels), "double"), len(model._channels)
    seen = g.add("Not", g.add("IsNaN", x))
    if steps.active is not None:
        seen = g.add("And", seen, steps.active)
    errors, known = [], []
    n_leads = len(model.location_) // C
    for k, (before, had) in enumerate(steps.delayed("detector_predictions", scores, n_leads, n_leads * C)):
        predicted = g.cast(g.columns(before, range(k * C, (k + 1) * C), n_leads * C), "double")
        errors.append(g.add("Sub", x, predicted))
        known.append(g.add("And", seen, had))
    return g.concat(errors), g.concat(known)


def _standardised(g, model, errors, known):
    """Errors in standard units, or their normal scores, 0 where there are none, of the columns that have a scale."""
    fitted = error_model_of(model)
    used = np.flatnonzero(~np.isnan(fitted["scale_"]))
    n, location, scale = len(fitted["scale_"]), fitted["location_"][used], fitted["scale_"][used]
    errors, known = g.columns(errors, used, n), g.columns(known, used, n)
    z = g.add("Div", g.add("Sub", errors, location), scale)
    if "quantiles_" in fitted:
        z = _normal_scores(g, z, fitted["quantiles_"][used])
    return g.add("Where", known, z, np.float64(0)), known


def _normal_scores(g, z, quantiles):
    """Normal scores of z (..., m): linear between quantiles (m, Q), and beyond them, where the slope is that from the middle."""
    m, Q = quantiles.shape
    knots = knots_of(Q)
    beyond = g.cast(g.add("Greater", g.over("Unsqueeze", z, -1), quantiles), "int64")
    place = g.add("Clip", g.reduced("ReduceSum", beyond, -1), 1, Q - 1)
    high, low = g.add("Add", place, np.arange(m) * Q), g.add("Add", place, np.arange(m) * Q - 1)
    slopes = np.diff(knots) / np.diff(quantiles, axis=1)
    slope = g.add("Gather", np.pad(slopes, ((0, 0), (1, 0))).ravel(), high)
    from_low = g.add("Sub", z, g.add("Gather", quantiles.ravel(), low))
    result = g.add("Add", g.add("Gather", np.tile(knots, m), low), g.add("Mul", from_low, slope))
    for end, compare in ((0, "Less"), (-1, "Greater")):
        outer = (knots[end] - knots[Q // 2]) / (quantiles[:, end] - quantiles[:, Q // 2])
        line = g.add("Add", g.add("Mul", g.add("Sub", z, quantiles[:, end]), outer), np.float64(knots[end]))
        result = g.add("Where", g.add(compare, z, quantiles[:, end]), line, result)
    return result


def _minus_distances(g, model, z, known):
    """Minus squared Mahalanobis distances (n_steps, n_sequences, 1) of z over what is known, as the kernel's; NaN where nothing
    is."""
    fitted = error_model_of(model)
    used = ~np.isnan(fitted["scale_"])
    covariance = fitted["covariance_"][np.ix_(used, used)]
    m = len(covariance)
    count = g.over("Unsqueeze", g.reduced("ReduceSum", g.cast(known, "int64"), -1), -1)
    is_whole = m == 1 or (model._network_spec["missing"] == "error" and len(model.location_) == len(model._channels))
    if is_whole:  # all is there, or nothing
        d = g.add("MatMul", z, np.linalg.inv(np.linalg.cholesky(covariance)).T)
        total = g.over("Unsqueeze", g.reduced("ReduceSum", g.add("Mul", d, d), -1), -1)
    else:
        total = _of_all(g, _eliminated(g, z, known, covariance), g.cast(count, "double"), m)
    is_there = g.add("Greater", count, 0)
    return g.add("Where", is_there, g.add("Neg", total), np.float64(np.nan))


def _eliminated(g, z, known, covariance):
    """z^T S^-1 z over what is known, by elimination: rows and columns of S that are not known are those of the identity."""
    m = len(covariance)
    there = g.cast(known, "double")
    pairs = g.add("Mul", g.over("Unsqueeze", there, -1), g.over("Unsqueeze", there, -2))
    S = g.add("Add", g.add("Mul", pairs, covariance - np.eye(m)), np.eye(m))
    z = g.over("Unsqueeze", z, -1)
    total = g.add("Mul", g.reduced("ReduceSum", z, -2, keepdims=True), np.float64(0))

    def eliminate(body, S, z, total, unit):
        """Number j, whose unit vector this is: the rest is what it does not tell."""
        unit = body.over("Unsqueeze", unit, 1)
        column, own = body.add("MatMul", S, unit), body.add("Mul", z, unit)
        own = body.reduced("ReduceSum", own, -2, keepdims=True)
        pivot = body.reduced("ReduceSum", body.add("Mul", column, unit), -2, keepdims=True)
        factor = body.add("Div", column, pivot)
        total = body.add("Add", total, body.add("Div", body.add("Mul", own, own), pivot))
        S = body.add("Sub", S, body.add("Mul", factor, body.transposed(column, (0, 1, 3, 2))))
        return [S, body.add("Sub", z, body.add("Mul", factor, own)), total]

    states = [(S, "double"), (z, "double"), (total, "double")]
    return g.over("Squeeze", g.scan(eliminate, states, [(g.constant(np.eye(m)), "double")], [])[2], -1)


def _of_all(g, d, k, m):
    """The value of chi^2 with m degrees of freedom that is about as probable as d is with k (Wilson and Hilferty 1931)."""
    counted = g.add("Max", k, np.float64(1))
    a, b = g.add("Div", np.float64(2 / 9), counted), 2 / (9 * m)
    root = g.add("Pow", g.add("Div", d, counted), np.float64(1 / 3))
    deviation = g.add("Sub", g.add("Add", root, a), np.float64(1))
    root = g.add("Add", g.add("Mul", deviation, g.add("Sqrt", g.add("Div", np.float64(b), a))), np.float64(1 - b))
    root = g.add("Max", root, np.float64(0))
    cube = g.add("Mul", g.add("Mul", g.add("Mul", root, root), root), np.float64(m))
    return g.add("Where", g.add("Equal", k, np.float64(m)), d, cube)


# ---- sequences: scores (n_sequences,) of those of steps (n_steps, n_sequences, 1) ----


def _scored(g, of_steps):
    """Which steps have a score, and how many of a sequence do, in float64."""
    is_scored = g.add("Not", g.add("IsNaN", of_steps))
    return is_scored, g.reduced("ReduceSum", g.cast(is_scored, "double"), 0)


def _mean(g, of_steps, steps):
    is_scored, counts = _scored(g, of_steps)
    total = g.reduced("ReduceSum", g.add("Where", is_scored, of_steps, np.float64(0)), 0)
    return g.over("Squeeze", g.add("Div", total, counts), 1)


def _least(g, of_steps, steps):
    is_scored, counts = _scored(g, of_steps)
    least = g.reduced("ReduceMin", g.add("Where", is_scored, of_steps, np.float64(LARGE)), 0)
    return g.over("Squeeze", g.add("Where", g.add("Greater", counts, np.float64(0)), least, np.float64(np.nan)), 1)


def _mean_of_least(g, of_steps, steps):
    is_scored, counts = _scored(g, of_steps)
    filled = g.add("Where", is_scored, of_steps, np.float64(LARGE))
    n_steps = g.over("Unsqueeze", steps.n_steps, 0)
    ascending, _ = g.add("TopK", filled, n_steps, n_outputs=2, axis=0, largest=0)
    chosen = g.add("Ceil", g.add("Mul", counts, np.float64(TOP)))
    is_chosen = g.add("Less", g.cast(steps.index, "double"), g.over("Unsqueeze", chosen, 0))
    total = g.reduced("ReduceSum", g.add("Where", is_chosen, ascending, np.float64(0)), 0)
    return g.over("Squeeze", g.add("Div", total, chosen), 1)


AGGREGATIONS = {"mean": _mean, "max": _least, "top": _mean_of_least}
