"""The state of a fit in a file: written after every epoch, and continued from by the next fit of the same data."""

import os
import warnings

import numpy as np

from ..archive import read_archive, write_archive
from ..files import check_replaceable, expanded
from .state import TrainingState

KIND = "checkpoint"
ADVICE = "Pass the path of another file as checkpoint, or delete this one to start again."
PARTS = {"identity": dict, "rng": np.random.Generator, "state": dict}


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
            raise ValueError(f"{self.path!r} is no checkpoint of a fit. {ADVICE}")
        self.rng = None if self._saved is None else self._saved["rng"]
        self._warned = False

    def _check_writable(self):
        try:
            check_replaceable(self.path)
        except OSError as error:
            reason = (
                f"The checkpoint could not be written ({error.strerror}). Pass the path of a file in a folder that exists and"
                " that can be written to"
            )
            raise type(error)(error.errno, reason, self.path) from error

    def start(self, identity, rng, state, network, optimizer):
        """Bind the file to this fit, and return the state to continue from: that of the file, or the one given.

        Parameters
        ----------
        identity : dict of str to dict of str to str
            What the fit is of: its data and parameters, in groups.
        rng : Generator
            What the fit begins with; not drawn from any more.
        state : TrainingState
            The initial state.
        network : Network
        optimizer : Optimizer

        Raises
        ------
        ValueError
            If the file is of another fit.
        """
        self._identity, self._initial_rng = identity, rng
        if self._saved is None:
            return state
        saved, self._saved = self._saved, None
        differing = _differences(saved["identity"], identity)
        if differing:
            raise ValueError(
                f"The checkpoint {self.path!r} is of another fit: it differs in {', '.join(differing)}. Fit with the same data"
                f" and parameters to continue it. {ADVICE}"
            )
        try:
            resumed = TrainingState.from_dict(saved["state"], network, state.theta.dtype, optimizer)
            _check_between_epochs(resumed, state)
        except ValueError as error:
            raise ValueError(f"The checkpoint {self.path!r} does not fit the network: {error}. {ADVICE}") from error
        return resumed

    def save(self, state):
        """Write the state; where the file system refuses, warn once and leave the last file as it is."""
        try:
            write_archive(self.path, {"identity": self._identity, "rng": self._initial_rng, "state": state.to_dict()}, KIND)
        except OSError as error:
            if not self._warned:
                self._warned = True
                warnings.warn(
                    f"The checkpoint {self.path!r} could not be written: {error.strerror or error}. Training continues, and the"
                    " last checkpoint that was written stays. Free some space, or pass another path as checkpoint.",
                    RuntimeWarning,
                    stacklevel=2,
                )


def _check_between_epochs(state, initial):
    """Raise a ValueError unless a state is between two epochs of the fit that begins with `initial`."""
    n_epochs, n_rows = state.n_epochs, len(state.history)
    if state.solver != initial.solver or n_epochs != n_rows or state.best_theta is None:
        raise ValueError(f"it is of {n_epochs} epochs by {state.solver!r} with {n_rows} rows of history")


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
