"""Whether a state of training that comes from anywhere, such as a pickle, is one that training can continue from."""

import numpy as np

from ..network.checks import check_vector, is_count

CHANGED = "The state of training of this estimator was changed since it was fitted: {}. Fit it afresh, or load it again."
COURSE = {"began", "best", "ended", "rate_factor", "since"}


def check_state(state, network, dtype, solver, optimizer):
    """Raise a ValueError unless training can continue from a state: kernels trust its arrays.

    Parameters
    ----------
    state : dict
        As `train` leaves it.
    network : Network
    dtype : numpy.dtype
        That of the weights of the estimator.
    solver : str
        Name of the optimiser that training continues with; that of another begins anew.
    optimizer : SGD, RMSprop, Adam or LBFGS
        Of that name.
    """
    if not isinstance(state, dict):
        raise ValueError(CHANGED.format(f"it is a {type(state).__name__}, no dict"))
    try:
        theta, course = state["theta"], state.get("course", dict.fromkeys(COURSE, 0))
        check_vector(theta, network.layout.size)
        sound = {
            "theta": theta.dtype == dtype,
            "rng": isinstance(state["rng"], np.random.Generator),
            "n_epochs": is_count(state["n_epochs"]),
            "n_samples": is_count(state["n_samples"]),
            "history": isinstance(state["history"], list),
            "course": isinstance(course, dict) and course.keys() == COURSE and all(map(np.isscalar, course.values())),
            "optimizer": state["solver"] != solver or _is_like(state["optimizer"], optimizer.init(theta)),
        }
    except KeyError as error:
        raise ValueError(CHANGED.format(f"its {error} is missing")) from error
    for name, is_sound in sound.items():
        if not is_sound:
            raise ValueError(CHANGED.format(f"its {name} is not what a fit leaves"))


def _is_like(value, fresh):
    """Whether a part of the state of an optimiser has the form of a fresh one."""
    if isinstance(fresh, dict):
        return isinstance(value, dict) and value.keys() == fresh.keys() and all(_is_like(value[key], fresh[key]) for key in fresh)
    if isinstance(fresh, np.ndarray):
        return (
            isinstance(value, np.ndarray)
            and value.shape == fresh.shape
            and value.dtype == fresh.dtype
            and value.flags.c_contiguous
            and value.flags.aligned
        )
    return is_count(value)


def check_moments(moments, n_channels):
    """Raise a ValueError unless moments are those of `n_channels` channels, or None, and of a y."""
    parts = [moments.get("x"), moments.get("y")] if isinstance(moments, dict) else [moments, None]
    for part, n in zip(parts, (n_channels, None), strict=True):
        if part is not None and not (isinstance(part, dict) and _are_moments(part, n)):
            raise ValueError(CHANGED.format("its means and standard deviations are not what a fit leaves"))


def _are_moments(part, n):
    arrays = [part.get(name) for name in ("mean", "deviation", "low", "high")]
    sound = all(isinstance(array, np.ndarray) and array.ndim == 1 and array.dtype == np.float64 for array in arrays)
    return sound and len({len(array) for array in arrays} | ({n} if n else set())) == 1 and np.isscalar(part.get("weight"))
