"""`TrainingState`: everything that training continues from, made, checked and copied in one place."""

import copy
from dataclasses import dataclass, field, fields
from numbers import Real

import numpy as np

from ..network.checks import is_count

# Of every row of the history; rows with validation data have more.
ROW = {"epoch", "loss", "learning_rate", "gradient_norm", "seconds"}
TRIAL = {"max_iter", "loss", "temperature"}
CURVES = ("loss", "validation_loss", "validation_score")  # entries of a row that are numbers; others may be None


@dataclass(eq=False)
class TrainingState:
    """Where training stands.

    Attributes
    ----------
    theta : ndarray of shape (n_params,)
        The parameters, in standard units.
    solver : str
        Name of the optimiser.
    optimizer : dict of str to ndarray or int
        State of the optimiser, from its `init`.
    rng : Generator
    n_epochs : int
        Epochs so far, of all fits.
    n_samples : int
        Samples so far, of all fits.
    history : list of dict
        One row for each epoch; rows are never changed.
    best_theta : ndarray of shape (n_params,) or None
        Parameters of the best epoch of this fit; None between two fits.
    best : float
        Best training loss of this fit, or with early stopping its best validation loss or score; NaN before the first epoch.
    n_stalled : int
        Epochs since that improved by more than `tol`; with the validation loss, none on the first plateau.
    first_epoch : int
        Value of `n_epochs` when this fit began.
    rate_factor : float
        Factor of the learning rate by the schedule.
    done : bool
        Whether training has ended before `max_iter`.
    max_iter : int
        Epochs that this fit is to have, where they were chosen by held-out sequences; 0 where they were not.
    trials : list of dict
        What the lengths that were tried for that led to, see `LengthSearch`.
    temperature : float
        What the scores of the trained network are divided by.
    """

    theta: np.ndarray
    solver: str
    optimizer: dict
    rng: np.random.Generator
    n_epochs: int = 0
    n_samples: int = 0
    history: list = field(default_factory=list)
    best_theta: np.ndarray | None = None
    best: float = np.nan
    n_stalled: int = 0
    first_epoch: int = 0
    rate_factor: float = 1.0
    done: bool = False
    max_iter: int = 0
    trials: list = field(default_factory=list)
    temperature: float = 1.0

    def start_fit(self, *, keep_schedule=False):
        """Begin another fit here; with `keep_schedule` as if it were further epochs of the last one."""
        self.first_epoch, self.done, self.best_theta, self.max_iter = self.n_epochs, False, None, 0
        self.trials = []
        if not keep_schedule:
            self.best, self.n_stalled, self.rate_factor = np.nan, 0, 1.0

    def epochs_to_continue(self):
        """Epochs of a fit that continues this one: what is left of the number chosen for it, or that number; 0 without one."""
        left = self.first_epoch + self.max_iter - self.n_epochs
        return left if 0 < left else self.max_iter

    def copy(self):
        """A copy that shares nothing but the rows of the history."""
        return TrainingState(**{name: _copied(value) for name, value in self.to_dict().items()})

    def copy_into(self, other):
        """Make another state equal to this one, in the arrays that it has."""
        for name, value in self.to_dict().items():
            setattr(other, name, _copied(value, getattr(other, name)))

    def to_dict(self):
        """The fields by their names, as plain values and arrays; not copied."""
        return vars(self).copy()

    @classmethod
    def from_dict(cls, mapping, network, dtype, optimizer):
        """The state whose fields are in a mapping, such as one from a file.

        Parameters
        ----------
        mapping : dict
            As from `to_dict`.
        network : Network
        dtype : numpy.dtype
            Of the parameters.
        optimizer : Optimizer or None
            The one of the name `solver`; None if training will not continue with it.

        Raises
        ------
        ValueError
            If training cannot continue from the state; the message is a clause that says why not.
        """
        if not isinstance(mapping, dict) or mapping.keys() != set(FIELDS):
            got = sorted(map(str, mapping)) if isinstance(mapping, dict) else type(mapping).__name__
            raise ValueError(f"the state is {got}, expected a dict of {sorted(FIELDS)}")
        state = cls(**mapping)
        state.check(network, dtype, optimizer)
        return state

    def check(self, network, dtype, optimizer):
        """Raise a ValueError unless training can continue from this state: kernels trust its arrays. See `from_dict`."""
        missing = sorted(set(FIELDS) - vars(self).keys())
        if missing:
            raise ValueError(f"its {missing[0]} is missing")
        fresh = np.empty(network.layout.size, dtype)
        checks = {
            "theta": lambda theta: _is_like(theta, fresh),
            "solver": lambda solver: isinstance(solver, str),
            "optimizer": lambda state: optimizer is None or _is_like(state, optimizer.init(fresh)),
            "rng": lambda rng: type(rng) is np.random.Generator,
            "n_epochs": _is_counter,
            "n_samples": _is_counter,
            "history": lambda rows: isinstance(rows, list) and all(map(_is_row, rows)),
            "best_theta": lambda theta: theta is None or _is_like(theta, fresh),
            "best": _is_number,
            "n_stalled": _is_counter,
            "first_epoch": lambda epoch: _is_counter(epoch) and epoch <= self.n_epochs,
            "rate_factor": _is_number,
            "done": _is_bool,
            "max_iter": _is_counter,
            "trials": lambda trials: isinstance(trials, list) and all(map(_is_trial, trials)),
            "temperature": lambda value: _is_number(value) and 0 < value < np.inf,
        }
        for name, is_sound in checks.items():
            value = getattr(self, name)
            if not is_sound(value):
                raise ValueError(f"its {name} is {_described(value)}, which no fit of this network leaves there")


FIELDS = tuple(field.name for field in fields(TrainingState))


class LastEpoch:
    """A copy of the state as it was when the last epoch ended: an interrupt of the next one finds it whole."""

    def __init__(self):
        self._n_before = 0
        self._state = self._copy = None

    def keep(self, state):
        """Copy the state after an epoch, or at the start, over that of the epoch before."""
        if self._state is None:
            self._n_before, self._state = state.n_epochs, state
        copied, self._copy = self._copy, None  # an interrupt that finds the copy half written finds the state whole
        if copied is None:
            copied = state.copy()
        else:
            state.copy_into(copied)
        self._copy = copied

    @property
    def state(self):
        return self._state if self._copy is None else self._copy

    @property
    def n_epochs(self):
        """Epochs that have ended since the start."""
        return 0 if self.state is None else self.state.n_epochs - self._n_before


def _copied(value, into=None):
    """A copy of a field, where possible in the arrays and the generator of an earlier copy."""
    if isinstance(value, np.ndarray):
        if into is None:
            return value.copy()
        np.copyto(into, value)
        return into
    if isinstance(value, dict):
        return {key: _copied(part, None if into is None else into[key]) for key, part in value.items()}
    if isinstance(value, list):
        return value.copy()
    if isinstance(value, np.random.Generator):
        if into is None:
            return copy.deepcopy(value)
        into.bit_generator.state = value.bit_generator.state
        return into
    return value


def _is_like(value, fresh):
    """Whether a value has the form of a fresh one: an array, a counter, or a dict of these."""
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
    return _is_counter(value)


def _is_counter(value):
    return is_count(value) and value < 1 << 62


def _is_number(value):
    return isinstance(value, Real) and not _is_bool(value)


def _is_bool(value):
    return isinstance(value, (bool, np.bool_))


def _is_row(row):
    if not isinstance(row, dict) or not row.keys() >= ROW or not all(isinstance(name, str) for name in row):
        return False
    return all(_is_number(value) or (value is None and name not in CURVES) for name, value in row.items())


def _described(value):
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} of shape {value.shape}"
    text = repr(value)
    return text if len(text) <= 60 else f"a {type(value).__name__} of other contents"


def _is_trial(trial):
    return isinstance(trial, dict) and trial.keys() == TRIAL and all(map(_is_number, trial.values()))
