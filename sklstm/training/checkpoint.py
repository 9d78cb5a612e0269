"""The state of a fit in a file: written after every epoch, and continued from by the next fit of the same data."""

import hashlib
import os
import warnings

import numpy as np

from ..archive import read_archive, write_archive
from ..files import check_replaceable, expanded

KIND = "checkpoint"
PARTS = {"identity": dict, "rng": np.random.Generator, "state": dict}


def digest(*parts):
    """SHA-256 of arrays and texts, as hexadecimal digits."""
    result = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            result.update(part.encode())
        else:
            result.update(f"{part.dtype.str}{part.shape}".encode())
            result.update(np.ascontiguousarray(part).data)
    return result.hexdigest()


class Checkpoint:
    """One file, of one fit.

    Parameters
    ----------
    path : str or PathLike
        A leading ``~`` is the home directory.

    Attributes
    ----------
    rng : Generator or None
        What the fit began with, from the file; None if there is no file yet.

    Raises
    ------
    ValueError
        If the file is no checkpoint, or is damaged. It is left as it was.
    OSError
        If the file cannot be read, or could not be written.
    """

    def __init__(self, path):
        self.path = os.fsdecode(path)
        self._check_writable()
        self._saved = read_archive(path, KIND) if os.path.exists(expanded(path)) else None
        if self._saved is not None and not (
            isinstance(self._saved, dict) and {name: type(part) for name, part in self._saved.items()} == PARTS
        ):
            raise ValueError(f"{self.path!r} is no checkpoint of a fit. {self._advice}")
        self.rng = None if self._saved is None else self._saved["rng"]
        self._warned = False

    def _check_writable(self):
        try:
            check_replaceable(self.path)
        except OSError as error:
            reason = (
                f"The checkpoint could not be written ({error.strerror}). Pass the path of a file in a folder that is there and"
                " that can be written to"
            )
            raise type(error)(error.errno, reason, self.path) from error

    @property
    def _advice(self):
        return "Pass the path of another file as checkpoint, or delete this one to start afresh."

    def begin(self, identity, rng, state):
        """Bind the file to this fit; the state to continue from: that of the file, or the one given.

        Parameters
        ----------
        identity : dict of str to dict of str to str
            What the fit is of: its data and parameters, in groups.
        rng : Generator
            What the fit begins with; not drawn from any more.
        state : dict
            The initial state.

        Raises
        ------
        ValueError
            If the file is of another fit.
        """
        self._identity, self._began = identity, rng
        if self._saved is None:
            return state
        saved, self._saved = self._saved, None
        differing = _differences(saved["identity"], identity)
        if differing:
            raise ValueError(
                f"The checkpoint {self.path!r} is of another fit: it differs in {', '.join(differing)}. Fit with the same data"
                f" and parameters to continue it. {self._advice}"
            )
        fault = _fault(saved["state"], state)
        if fault:
            raise ValueError(f"The checkpoint {self.path!r} does not fit the network: {fault}. {self._advice}")
        return saved["state"]

    def save(self, state):
        """Write the state; where the file system refuses, warn once and leave the last file as it is."""
        try:
            write_archive(self.path, {"identity": self._identity, "rng": self._began, "state": state}, KIND)
        except OSError as error:
            if not self._warned:
                self._warned = True
                warnings.warn(
                    f"The checkpoint {self.path!r} could not be written: {error.strerror or error}. Training continues, and the"
                    " last checkpoint that was written stays. Free some space, or pass another path as checkpoint.",
                    RuntimeWarning,
                    stacklevel=2,
                )


def _differences(saved, now):
    """Names of what differs between two identities; parameters with both values."""
    result = []
    for group in now | saved:
        here, there = (part if isinstance(part, dict) else {} for part in (now.get(group), saved.get(group)))
        for name in here | there:
            a, b = there.get(name), here.get(name)
            if a != b:
                result.append(f"{name} (there {a}, here {b})" if group == "parameters" else f"{name} ({group})")
    return result


# Like those that a state has between two epochs.
COURSE = {"best": 0.0, "since": 0, "began": 0, "rate_factor": 1.0, "ended": False}
ROW = {"epoch", "loss", "learning_rate", "gradient_norm", "seconds"}


def _fault(saved, initial):
    """What is wrong with a state from a file, compared with the initial one of this fit; empty if nothing is."""
    expected = initial | {"course": COURSE, "best_theta": initial["theta"]}
    fault = _unlike("the state", saved, expected)
    if fault:
        return fault
    history, n_epochs = saved["history"], saved["n_epochs"]
    if not all(isinstance(row, dict) and ROW <= set(row) and isinstance(row["loss"], float) for row in history):
        return f"not every row of its history has {sorted(ROW)}"
    if saved["solver"] != initial["solver"] or n_epochs != len(history) or not 0 <= saved["course"]["began"] <= n_epochs:
        return f"it is of {n_epochs} epochs by {saved['solver']!r} with {len(history)} rows of history"
    return ""


def _unlike(name, value, expected):
    """How a value differs in type, shape or dtype from the one expected; empty if it does not."""
    if type(value) is not type(expected):
        return f"{name} is of type {type(value).__name__}, expected {type(expected).__name__}"
    if isinstance(expected, np.ndarray) and (value.shape != expected.shape or value.dtype != expected.dtype):
        return f"{name} is {value.dtype} of shape {value.shape}, expected {expected.dtype} of shape {expected.shape}"
    if isinstance(expected, dict):
        if set(value) != set(expected):
            return f"{name} has {sorted(map(str, value))}, expected {sorted(expected)}"
        return next((fault for key in expected if (fault := _unlike(key, value[key], expected[key]))), "")
    return ""
