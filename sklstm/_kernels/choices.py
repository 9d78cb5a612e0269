"""The choices among the kernels, made once, when the package is imported."""

import os
import sys


def choose(variable, choices, available, default):
    """Return the choice that an environment variable forces, else the default.

    Parameters
    ----------
    variable : str
        Name of the variable; where it is empty or not set, nothing is forced.
    choices : sequence of str
        All that there are.
    available : sequence of str
        Those of them that this machine and this build have.
    default : str

    Raises
    ------
    ImportError
        If the variable names no choice, or one that is not available.
    """
    wanted = os.environ.get(variable) or default
    if wanted not in choices:
        raise ImportError(f"{variable} must be one of {', '.join(choices)} or unset, got {wanted!r}.")
    if wanted not in available:
        raise ImportError(
            f"{variable}={wanted} is not available on this machine or in this build; available: {', '.join(available)}."
        )
    return wanted


def is_accelerate():
    """Return whether SciPy's BLAS is Apple's Accelerate.

    SciPy's wheels name the library that they are built with. A conda package is built with a generic one that any may stand in
    for at run time, Accelerate among them, which alone of those in use on macOS is unknown to threadpoolctl.
    """
    if sys.platform != "darwin":
        return False
    import scipy
    from threadpoolctl import threadpool_info

    built_with = scipy.show_config(mode="dicts")["Build Dependencies"]["blas"].get("name", "").lower()
    if built_with in ("blas", "cblas", ""):
        import scipy.linalg  # loads the library

        return not any(library["user_api"] == "blas" for library in threadpool_info())
    return "accelerate" in built_with
