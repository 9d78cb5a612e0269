"""Which exceptions may reach a user: raised by a statement of the package, of a documented type, with words."""

import itertools
import opcode
import traceback

from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import InvalidParameterError

REFUSALS = (ValueError, TypeError)

# Raised by scikit-learn, in its own words, as the contract of an estimator demands: exception, module, function.
CONTRACT = {
    (NotFittedError, "sklearn.utils.validation", "check_is_fitted"),
    (InvalidParameterError, "sklearn.utils._param_validation", "validate_parameter_constraints"),
    (AttributeError, "sklearn.utils._available_if", "_check"),
    (ValueError, "sklearn.utils.validation", "_check_feature_names"),
    (ValueError, "sklearn.utils.validation", "_check_n_features"),
    # A 2-D X by `validate_data`: estimator checks look for these words, and they say what is expected and what to do.
    (ValueError, "sklearn.utils.validation", "_num_samples"),
}


class OwnError(Exception):
    """What an object of these tests raises: the package may let it through."""


def origin(error):
    """Module and function of the innermost frame, and whether a ``raise`` there began the exception."""
    frame = error.__traceback__
    while frame.tb_next is not None:
        frame = frame.tb_next
    code = frame.tb_frame.f_code
    module = frame.tb_frame.f_globals.get("__name__", "?")
    raised = len(code.co_code) > frame.tb_lasti >= 0 and opcode.opname[code.co_code[frame.tb_lasti]] == "RAISE_VARARGS"
    return module, code.co_name, raised


def modules(error):
    """Those of the frames, innermost first."""
    frames = [frame.f_globals.get("__name__", "?") for frame, _ in traceback.walk_tb(error.__traceback__)]
    return frames[::-1]


def _through(error, others):
    """Whether it came out of code that the package calls for the user: a transformer or a scorer of his."""
    inner = itertools.takewhile(lambda module: not module.startswith("sklstm"), modules(error))
    return any(module.startswith(others) for module in inner)


def complaint(error, allowed=REFUSALS, others=()):
    """What is wrong with an exception that reached the user; empty if nothing is.

    Parameters
    ----------
    error : Exception
    allowed : tuple of type
        What is documented.
    others : tuple of str
        Names that modules begin with whose errors are the user's own: of a transformer, of a scorer.
    """
    if isinstance(error, OwnError) or _through(error, tuple(others)):
        return ""
    module, function, raised = origin(error)
    if (type(error), module, function) in CONTRACT:
        return ""
    where = f"{type(error).__name__} of {module}.{function}: {str(error)[:160]!r}"
    if isinstance(error, MemoryError):
        return ""  # the machine's: what fits into no memory is no fault of form
    if not isinstance(error, allowed):
        return f"not one of {', '.join(kind.__name__ for kind in allowed)}: {where}"
    if isinstance(error, OSError) and error.errno is not None:
        return ""  # the system's own words, with the path
    if module.split(".")[0] != "sklstm":
        return f"raised outside of sklstm: {where}"
    if not raised:
        return f"raised by a call in sklstm, not by sklstm: {where}"
    if len(str(error)) < 15:
        return f"without words: {where}"
    return ""


def innermost(error, n_frames=3):
    """The last frames of a traceback, for a report."""
    return "".join(traceback.format_tb(error.__traceback__)[-n_frames:])
