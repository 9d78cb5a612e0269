"""Training in standard units, whatever those of the data are."""

from dataclasses import dataclass, field

import numpy as np

from ..network import rescale, units_of_scores
from .moments import merge_moments

# How far scales and their reciprocals must stay from the largest number of the dtype: up to 3e30 in float32.
MARGIN = 1e8
# Relative difference up to which a target is the only value of a constant one.
SAME = 1e-9


# Units of a loss -> scale and offset that take its scores to the units of targets, with the scale and shift of those.
OF_SCORES = {
    None: lambda scale, shift, n_scores: (1.0, 0.0),
    "affine": lambda scale, shift, n_scores: (scale, shift),
    "log": lambda scale, shift, n_scores: (1.0, np.log(scale)),
    "distribution": units_of_scores,
}


def largest_scale(dtype):
    """What quantities of a dtype may reach at most."""
    return float(np.finfo(dtype).max) / MARGIN


def check_range(name, targets, dtype):
    """Raise a ValueError if targets are too large for a dtype."""
    largest = np.abs(targets).max()
    if largest > largest_scale(dtype):
        raise ValueError(
            f"{name} holds {largest:.3g}, too large for {np.dtype(dtype)}: expected at most {largest_scale(dtype):.3g}. Pass it"
            " in other units, or X as float64."
        )


@dataclass(frozen=True, eq=False)
class Scaling:
    """The affine maps between the units of the data and those the network is trained in.

    Attributes
    ----------
    shift, factor : ndarray of shape (n_channels,)
        A channel enters the network as ``(x - shift) * factor``; a constant channel has the factor 0, which leaves it
        out.
    means, known : ndarray of shape (n_channels,)
        Where values may be missing: the mean of each channel as it enters, and 1 where it has any value, else 0.
    target_shift, target_scale : ndarray of shape (n_targets,)
        A target is ``target_scale * standard + target_shift``.
    units : {"affine", "log", "distribution"} or None
        As in `Loss`; targets whose logarithms are scores have no shift.
    relative_deviation : ndarray of shape (n_targets,)
        Of logarithmic targets: standard deviation over mean.
    static_shift, static_factor : ndarray of shape (n_static,)
        Of static features, as of channels.
    is_constant : ndarray of bool of shape (n_targets,) or None
        Which targets have a single value, but for rounding, which `target_shift` is.
    """

    shift: np.ndarray
    factor: np.ndarray
    target_shift: np.ndarray
    target_scale: np.ndarray
    units: str | None = "affine"
    relative_deviation: np.ndarray | None = None
    static_shift: np.ndarray = field(default_factory=lambda: np.zeros(0))
    static_factor: np.ndarray = field(default_factory=lambda: np.ones(0))
    means: np.ndarray | None = None
    known: np.ndarray | None = None
    is_constant: np.ndarray | None = None

    @classmethod
    def from_moments(
        cls, moments, n_channels, n_static=0, loss_units=None, categorical=(), static_categorical=(), standardize=True
    ):
        """From moments.

        Parameters
        ----------
        moments : dict
            ``{"x": moments or None, "y": moments or None}``, and "static" where there are static features; None leaves the units
            as they are.
        n_channels, n_static : int
        loss_units : {"affine", "log", "distribution"} or None
            As in `Loss`.
        categorical, static_categorical : sequence of int
            Channels and static features that are left as they are.
        standardize : bool
            Whether all the other channels are not.
        """
        means = known = None
        if moments["x"] is not None and np.ndim(moments["x"]["weight"]):
            means = np.zeros(n_channels) if standardize else moments["x"]["mean"]
            known = (moments["x"]["weight"] > 0).astype(float)
        shift, factor = _standardizing(moments["x"] if standardize else None, n_channels, categorical)
        static = _standardizing(moments.get("static"), n_static, static_categorical)
        target_shift, target_scale = np.zeros(1), np.ones(1)
        relative_deviation = is_constant = None
        if moments["y"] is not None and loss_units == "log":
            target_scale = np.where(moments["y"]["mean"] > 0, moments["y"]["mean"], 1.0)
            relative_deviation = moments["y"]["deviation"] / target_scale
        elif moments["y"] is not None:
            target_shift, target_scale = moments["y"]["mean"], scale_of_targets(moments["y"])
            is_constant = moments["y"]["deviation"] == 0 if loss_units == "affine" else None
        return cls(
            shift, factor, target_shift, target_scale, loss_units, relative_deviation, *static, means, known, is_constant
        )  # fmt: skip

    def raise_if_out_of_range(self, dtype):
        """Raise a ValueError where the standard deviation of a channel is too large or too small for a dtype.

        Between the data and the network stand the reciprocals of the scales, and weights times them: they need some
        decades to either end of the dtype's range.
        """
        shifts = {"X, channel": self.shift, "y, output": self.target_shift, "X, static feature": self.static_shift}
        for name, shift in shifts.items():
            for column in np.flatnonzero(~np.isfinite(shift)):
                raise ValueError(
                    f"In {name} {column} has values too far from those of earlier calls: their common mean and standard deviation"
                    f" overflow. Pass it in other units."
                )
        largest = largest_scale(dtype)
        for name, factor in {"channel": self.factor, "static feature": self.static_factor}.items():
            for column in np.flatnonzero((factor > largest) | ((factor > 0) & (factor < 1 / largest))):
                raise ValueError(
                    f"In X, {name} {column} has the standard deviation {1 / factor[column]:.3g}, too"
                    f" {'large' if factor[column] < 1 else 'small'} for {np.dtype(dtype)}. Pass it in other units, or as float64."
                )

    def loss_parameters(self):
        """What makes the loss of the constant predictor about 1/2, as that of the squared error is.

        The deviance of targets around 1 is close to their squared deviation: without this, `tol` and `alpha` would mean something
        else for large counts than for small ones.
        """
        if self.relative_deviation is None:
            return {}
        deviation = np.where(self.relative_deviation > 0, self.relative_deviation, 1.0)
        return {"factors": (1 / deviation**2).tolist()}

    def to_scores(self, targets):
        """Targets in standard units; of constant ones the rounding errors are left out."""
        scores = (targets - self.target_shift) / self.target_scale
        if self.is_constant is not None and self.is_constant.any():
            scores[self.is_constant & np.isclose(targets, self.target_shift, rtol=SAME, atol=0)] = 0
        return scores

    def _of_scores(self, n_scores):
        """Scale and offset that take scores to the units of the data."""
        return OF_SCORES[self.units](self.target_scale, self.target_shift, n_scores)

    def write_means(self, network, theta):
        """Tell a network, whose parameters are overwritten, what stands for values that are missing."""
        if network.missing != "error":
            p, numeric = network.bind(theta)["input"], network.input_layer.numeric
            p["mean"][...], p["known"][...] = self.means[numeric], self.known[numeric]

    def write_constants(self, network, theta):
        """Set the weights of the head, which are overwritten, to 0 for targets that have a single value.

        With a bias of 0, as a network begins with, predictions are then that value, and the gradients are 0: training leaves them
        as they are.
        """
        if self.is_constant is not None and self.is_constant.any():
            n = network.output_size // len(self.is_constant)  # quantiles of each
            network.bind(theta)["head"]["V"][:, np.repeat(self.is_constant, n)] = 0

    def fold_into_weights(self, network, theta, temperature=1.0):
        """Parameters of the network whose inputs and outputs are in the units of the data, and whose scores are divided by a
        temperature; not finite where they overflow.
        """
        scale, offset = self._of_scores(network.output_size)
        with np.errstate(over="ignore", invalid="ignore"):
            static = self.static_factor, -self.static_shift * self.static_factor
            return rescale(network, theta, self.factor, -self.shift * self.factor, scale / temperature, offset, static)

    def convert_to(self, network, theta, other):
        """Parameters that compute with another scaling what theta computes with this one.

        A channel that was left out here keeps its initial weights: what it will mean, training has to find out. One that is left
        out from now on enters as 0, which stands for its mean: it keeps its weights, and its mean goes into the biases.

        Raises
        ------
        ValueError
            If the units are so far apart that the parameters overflow.
        """
        (old_scale, old_offset), (new_scale, new_offset) = (part._of_scores(network.output_size) for part in (self, other))
        with np.errstate(over="ignore", invalid="ignore"):
            of_x = _between(self.shift, self.factor, other.shift, other.factor)
            of_static = _between(self.static_shift, self.static_factor, other.static_shift, other.static_factor)
            of_scores = old_scale / new_scale, (old_offset - new_offset) / new_scale
            carried = rescale(network, theta, *of_x, *of_scores, of_static)
        if not np.isfinite(carried).all():
            raise ValueError(
                f"X or y of this call, or their weights, are so far from those of earlier calls that the weights of the network"
                f" overflow in {theta.dtype}. Pass them in the same units, or fit afresh."
            )
        return carried


def scale_of_targets(moments):
    """Standard deviations of targets (n_targets,) with some moments, 1 where they are constant."""
    return np.where(moments["deviation"] > 0, moments["deviation"], 1.0)


def _standardizing(moments, n, categorical):
    """Shift and factor (n,) of columns with some moments or None."""
    shift, factor = np.zeros(n), np.ones(n)
    if moments is not None:
        shift, deviation = moments["mean"], moments["deviation"]
        with np.errstate(over="ignore"):  # `raise_if_out_of_range` says so
            factor = np.divide(1, deviation, out=np.zeros(n), where=deviation > 0)
        shift, factor = shift.copy(), factor.copy()
        shift[list(categorical)], factor[list(categorical)] = 0, 1
    return shift, factor


def _between(shift, factor, new_shift, new_factor):
    """Scale and offset from columns in new standard units to those in old ones, as `convert_to` says."""
    known, scale = factor > 0, np.ones_like(factor)
    np.divide(factor, new_factor, out=scale, where=known & (new_factor > 0))
    return scale, np.where(known, (new_shift - shift) * factor, 0.0)


def updated_moments(known, key, fresh):
    """Moments of new rows, merged into ``known[key]`` if there are any before them."""
    return fresh if known is None else merge_moments(known[key], fresh)
