"""The distribution of the errors of a detector, as plain arrays, and the scores that errors have by it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr
from sklearn.covariance import ledoit_wolf_shrinkage

from .._kernels import _distances

# Median of the absolute deviation from the median, in standard deviations of the normal distribution.
NORMAL_MAD = 0.6744897501960817
# Least robust scale of an error, in standard deviations of the errors, which rare large ones may dominate.
LEAST_SHARE = 0.1
# Standardised errors beyond this count as this in the correlations of the robust models.
BOUND = 3.0
# Least shrinkage of the correlations of several errors, so that they can be inverted where some errors are sums of others.
LEAST_SHRINKAGE = 1e-4
# Errors that the scale of a column needs; with fewer it is unknown.
FEW = 10
# Normal scores of the quantiles that "quantile" keeps, as far as there are errors for them.
KNOTS = np.arange(-35, 36) / 10
LARGEST = 1e100  # standardised errors, whose squares do not overflow


def _mean_and_deviation(errors):
    return np.nanmean(errors, axis=0), np.nanstd(errors, axis=0)


def _median_and_mad(errors):
    median = np.nanmedian(errors, axis=0)
    mad = np.nanmedian(np.abs(errors - median), axis=0) / NORMAL_MAD
    return median, np.maximum(mad, LEAST_SHARE * np.nanstd(errors, axis=0))


@dataclass(frozen=True)
class ErrorModel:
    """How the distribution of errors is described.

    Attributes
    ----------
    measure : callable
        ``measure(errors) -> location, scale``, of each column.
    is_robust : bool
        Whether large errors count less in the correlations.
    has_quantiles : bool
        Whether errors are replaced by the normal scores of their quantiles.
    """

    measure: Callable
    is_robust: bool = True
    has_quantiles: bool = False


ERROR_MODELS = {
    "gaussian": ErrorModel(_mean_and_deviation, is_robust=False),
    "robust": ErrorModel(_median_and_mad),
    "quantile": ErrorModel(_median_and_mad, has_quantiles=True),
}


def fit_error_model(name, errors, least):
    """Location, scale and covariance of errors.

    Parameters
    ----------
    name : str
        In `ERROR_MODELS`.
    errors : ndarray of shape (n, m)
        Held-out errors; NaN where there is none. At least one column has as many as `FEW`.
    least : ndarray of shape (m,)
        Least scale of each.

    Returns
    -------
    dict of str to ndarray
        ``location_`` and ``scale_`` (m,), ``covariance_`` (m, m) of the standardised errors, and with quantiles ``quantiles_``
        (m, n_quantiles), standardised errors whose normal scores are the middle ones of `KNOTS`, as many as there are. The scale
        of a column with fewer errors than `FEW` is NaN: it has no part in scores.
    """
    model, known = ERROR_MODELS[name], counts_of(errors) >= FEW
    location, scale, covariance = np.zeros(len(known)), np.full(len(known), np.nan), np.eye(len(known))
    location[known], scale[known] = model.measure(errors[:, known])
    scale = np.maximum(scale, least)
    fitted = {"location_": location, "scale_": scale}
    if model.has_quantiles:
        fitted["quantiles_"] = _quantiles((errors - location) / scale, known)
    z = standardised(fitted, errors)[:, known]
    covariance[np.ix_(known, known)] = _covariance(z.clip(-BOUND, BOUND) if model.is_robust else z, model.is_robust)
    return fitted | {"covariance_": covariance}


def counts_of(errors):
    """Number of the errors (n, m) of each column that are there."""
    return (~np.isnan(errors)).sum(axis=0)


def error_model_of(detector):
    """What `fit_error_model` has made, from the attributes of a fitted detector."""
    attributes = {name: getattr(detector, name) for name in ("location_", "scale_", "covariance_", "quantiles_")}
    return {name: array for name, array in attributes.items() if array is not None}


def standardised(model, errors):
    """Errors (n, m) in standard units, or their normal scores."""
    z = ((errors - model["location_"]) / model["scale_"]).clip(-LARGEST, LARGEST)
    if "quantiles_" in model:
        for j, quantiles in enumerate(model["quantiles_"]):
            z[:, j] = _normal_scores(z[:, j], quantiles)
    return z


def distances(model, errors, parts=False):
    """Squared distances (n,) of errors (n, m) by a model, and if asked for the parts (n, m) that they are sums of, else None."""
    z, covariance, known = standardised(model, errors), model["covariance_"], ~np.isnan(model["scale_"])
    if not known.all():
        z, covariance = z[:, known], covariance[np.ix_(known, known)]
    z, result = np.ascontiguousarray(z), np.empty(len(z))
    of_known = np.empty_like(z) if parts else None
    _distances.squared_distances(z, np.ascontiguousarray(covariance), result, of_known)
    if not parts or known.all():
        return result, of_known
    of_each = np.full(errors.shape, np.nan)
    of_each[:, known] = of_known
    return result, of_each


def _covariance(z, is_robust):
    """Covariance of the columns of z, which are about 0 in the middle, shrunk (Ledoit and Wolf 2004).

    A mean over the rows where both of two columns are there would not be positive semidefinite where some are missing. Sums over
    these rows, divided by the root of the numbers of values of both, are; columns that are seldom there together are then less
    correlated.
    """
    is_there = ~np.isnan(z)
    filled, counts = np.where(is_there, z, 0.0), np.maximum(is_there.sum(axis=0), 1)
    covariance = filled.T @ filled / np.sqrt(np.outer(counts, counts))
    deviations = np.sqrt(np.diag(covariance))
    deviations[deviations == 0] = 1.0
    if is_robust:  # whose scale is that of the middle
        covariance /= np.outer(deviations, deviations)
    if len(covariance) == 1:
        return np.maximum(covariance, LEAST_SHRINKAGE)
    shrinkage = max(ledoit_wolf_shrinkage(filled, assume_centered=True), LEAST_SHRINKAGE)
    level = max(np.trace(covariance) / len(covariance), LEAST_SHRINKAGE)
    return (1 - shrinkage) * covariance + shrinkage * level * np.eye(len(covariance))


def _quantiles(z, known):
    """Quantiles (m, n_quantiles) of the columns of z, at normal scores within which there are errors of every known column."""
    n = int(counts_of(z)[known].min())
    knots = KNOTS[np.abs(KNOTS) <= max(-_normal_score_of_rank(n), 0.1 + 1e-9)]
    result = np.zeros((z.shape[1], len(knots)))
    for j, column in enumerate(z.T):
        column = column[~np.isnan(column)]
        result[j] = np.quantile(column, ndtr(knots)) if len(column) else knots
    # Steps that cannot be divided by would follow from values that repeat.
    return np.maximum.accumulate(result, axis=1) + 1e-6 * knots


def _normal_score_of_rank(n):
    """Normal score of the smallest of n errors, about."""
    below = KNOTS[ndtr(KNOTS) >= 0.5 / n]
    return below[0]


def knots_of(n_quantiles):
    """Normal scores of so many quantiles; of an even number, as older models have, the last one is left out."""
    spare = (len(KNOTS) - n_quantiles) // 2
    return KNOTS[spare : spare + n_quantiles]


def _normal_scores(z, quantiles):
    """Normal scores (n,) of z: linear between the quantiles and beyond them, where the slope is that from the middle."""
    middle, knots = len(quantiles) // 2, knots_of(len(quantiles))
    place = np.searchsorted(quantiles, z).clip(1, len(quantiles) - 1)
    low, high = quantiles[place - 1], quantiles[place]
    scores = knots[place - 1] + (z - low) / (high - low) * (knots[place] - knots[place - 1])
    for end, is_beyond in ((0, z < quantiles[0]), (-1, z > quantiles[-1])):
        slope = (knots[end] - knots[middle]) / (quantiles[end] - quantiles[middle])
        scores = np.where(is_beyond, knots[end] + (z - quantiles[end]) * slope, scores)
    return np.where(np.isnan(z), np.nan, scores)
