"""Errors of other libraries, raised while an argument is read, in words of this package."""

from contextlib import contextmanager

import numpy as np

# Functions that say what is expected in words that users and tools know: of scikit-learn, and of Python about a call.
IN_GOOD_WORDS = {
    "sklearn": {"_check_feature_names", "_check_n_features", "check_is_fitted", "validate_parameter_constraints"},
    "inspect": {"_bind"},
}

# Errors that the argument did not cause.
OF_THE_MACHINE = (MemoryError, ImportError, OSError)


@contextmanager
def refused_as(what, expected=""):
    """A context, or a decorator, in which what NumPy, pandas, scikit-learn and the like raise becomes a ValueError.

    Parameters
    ----------
    what : str
        Name of the argument that is read.
    expected : str, default=""
        Sentences that say what it has to be.

    Raises
    ------
    ValueError
        From the error of the other library, and with its words. Errors of this package pass as they are.
    """
    try:
        yield
    except OF_THE_MACHINE:
        raise
    except Exception as error:
        if _is_own(error):
            raise
        raise ValueError(f"{what} could not be read: {_sentence(error)} {expected}".rstrip()) from error


def array_of(what, values, expected=""):
    """`numpy.asarray`, whose errors, and those of what becomes an array, are refused as in `refused_as`."""
    try:
        return np.asarray(values)
    except OF_THE_MACHINE:
        raise
    except Exception as error:
        raise ValueError(f"{what} is no array: {_sentence(error)} {expected}".rstrip()) from error


def list_of(what, values, expected=""):
    """`list`, whose errors are refused as in `refused_as`; those that an iterator raises by itself are mostly others."""
    try:
        return list(values)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise ValueError(f"{what} cannot be listed: {_sentence(error)} {expected}".rstrip()) from error


def _is_own(error):
    """Whether the package raised it by itself: a ValueError, or one of another type that names its cause."""
    frame = error.__traceback__
    while frame.tb_next is not None:
        frame = frame.tb_next
    frame = frame.tb_frame
    package = frame.f_globals.get("__name__", "").partition(".")[0]
    if package == "sklstm":
        return isinstance(error, ValueError) or error.__cause__ is not None
    return frame.f_code.co_name in IN_GOOD_WORDS.get(package, ())


def _sentence(error):
    words = str(error).strip() or type(error).__name__
    return words if words.endswith((".", "!", "?")) else f"{words}."
