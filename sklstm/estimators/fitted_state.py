"""`FittedState`: what an earlier fit left on an estimator, for one that continues it or takes its place."""

from dataclasses import dataclass, fields

import numpy as np
from sklearn.base import ClassifierMixin, OutlierMixin, RegressorMixin

from ..network import LOSSES, EncoderDecoder, Network, n_scores_of
from ..network.checks import is_count
from ..training import Scaling, TrainingState, check_moments
from .architecture import CONSTANT_KEYS, DECODER_KEYS, NON_NETWORK_KEYS, STATIC_KEYS, STRUCTURE_KEYS, build
from .copies import with_attributes
from .solvers import SOLVERS
from .step_scores import AGGREGATIONS, KEPT

CHANGED = "The state of training of this estimator was changed since it was fitted: {}. Fit it afresh, or load it again."

# Forms that a y with an entry for every step may have.
FORMS_OF_STEPS = ("list", "array", "Sequences", "texts")

# Attributes that a fit sets.
FITTED = {
    "best_epoch_", "best_loss_", "best_validation_score_", "categories_", "classes_", "feature_names_in_", "history_",
    "loss_curve_", "max_iter_trials_", "max_length_", "median_gap_", "n_features_in_", "n_iter_", "n_outputs_",
    "static_categories_", "static_names_in_", "t_", "temperature_", "validation_loss_curve_", "validation_scores_",
    "_categorical", "_class_totals",
    "_flat", "_moments", "_multilabel", "_n_steps", "_n_targets", "_network_spec", "_one_dimensional", "_quantile_ranks",
    "_aggregation", "_channels", "_held_out_scores", "_n_step_scores", "_sequence_scores", "_smoothing", "_step_scores",
    "_target", "covariance_", "location_", "offset_", "quantiles_", "scale_", "step_offset_", "window_",
    "_state", "_static_categorical", "_target_lengths", "_theta", "_time_channel", "_time_unit", "_y_format",
}  # fmt: skip


def fitted_attributes(estimator):
    """The attributes that a fit sets, as a new dict."""
    return {name: value for name, value in vars(estimator).items() if name in FITTED}


def with_fitted_attributes(estimator, attributes):
    """An estimator with the same parameters and other fitted attributes."""
    own = {name: value for name, value in vars(estimator).items() if name not in FITTED}
    return with_attributes(estimator, own | attributes)


@dataclass(frozen=True, eq=False)
class FittedState:
    """What an earlier fit left.

    Attributes
    ----------
    network_spec : dict
    theta : ndarray of shape (n_params,)
        The parameters, in the units of the data.
    moments : dict
        Statistics of X and y.
    state : TrainingState
    attributes : dict
        All fitted attributes by their names, those that describe the form of X and y among them.
    """

    network_spec: dict
    theta: np.ndarray
    moments: dict
    state: TrainingState
    attributes: dict

    @classmethod
    def of(cls, estimator):
        """That of an estimator; None if it is not fitted."""
        if not estimator.__sklearn_is_fitted__():
            return None
        e = estimator
        return cls(e._network_spec, e._theta, e._moments, e._state, fitted_attributes(e))

    def check(self, solver, optimizer):
        """Raise a ValueError unless training by an optimiser of this name can continue from here."""
        network = build(self.network_spec)
        network.bind(self.theta)
        try:
            if not isinstance(self.state, TrainingState):
                raise ValueError(f"it is a {type(self.state).__name__}, no TrainingState")
            same_solver = vars(self.state).get("solver") == solver  # the state of another begins anew
            self.state.check(network, self.theta.dtype, optimizer if same_solver else None)
            check_moments(self.moments, network.input_size, network.static_size)
        except ValueError as error:
            raise ValueError(CHANGED.format(error)) from error

    @property
    def stopped_early(self):
        """Whether the validation score decided which weights were the best."""
        return self.attributes["best_loss_"] is None

    def scaling(self, network):
        """The scaling that it was trained with."""
        units = LOSSES[self.network_spec["loss"]].units
        own = unscaled(self.attributes, self.network_spec)
        standardize = self.network_spec["standardize"]
        return Scaling.from_moments(self.moments, network.input_size, network.static_size, units, *own, standardize)


def unscaled(attributes, spec):
    """Channels and static features that enter a network as they are: categories and gaps of time."""
    gap = spec.get("gap_channel")
    channels = attributes["_categorical"] if gap is None else (*attributes["_categorical"], gap)
    return channels, attributes.get("_static_categorical", ())


def check_attributes(estimator, attributes):
    """The state of the training in attributes from anywhere, such as a file, that an estimator is to have.

    Parameters
    ----------
    estimator : BaseRecurrent
    attributes : dict
        As a fit leaves them, but with ``_state`` as from `TrainingState.to_dict`.

    Returns
    -------
    TrainingState

    Raises
    ------
    ValueError, or what Python and NumPy raise
        If the estimator could not predict with them, or not continue to train: the network, its weights and the state, which
        kernels trust, or attributes that do not agree with them.
    """
    spec, theta, state = attributes["_network_spec"], attributes["_theta"], attributes["_state"]
    kind = EncoderDecoder if DECODER_KEYS <= spec.keys() else Network
    expected = {*NON_NETWORK_KEYS, *(field.name for field in fields(kind))}
    for optional in (STATIC_KEYS, STRUCTURE_KEYS, CONSTANT_KEYS):
        if spec.keys().isdisjoint(optional):
            expected = expected.difference(optional)
    if spec.keys() != expected:
        raise ValueError(f"its network is specified by {list(spec)}")
    network = build(spec)
    network.bind(theta)
    check_moments(attributes["_moments"], network.input_size, network.static_size)
    state = TrainingState.from_dict(state, network, theta.dtype, None)
    state.check(network, theta.dtype, SOLVERS[state.solver](estimator))
    of_task = _agreement_of_classes if isinstance(estimator, ClassifierMixin) else _agreement_of_targets
    if isinstance(estimator, OutlierMixin):
        of_task = _agreement_of_errors
    elif (kind is EncoderDecoder) != (not isinstance(estimator, (ClassifierMixin, RegressorMixin))):
        raise ValueError(f"its network is a {kind.__name__}")
    elif kind is EncoderDecoder:
        of_task = _agreement_of_outputs
    for name, agrees in (_agreement(attributes, state, spec) | of_task(attributes, spec)).items():
        if not agrees:
            raise ValueError(f"its {name} is not what a fit leaves")
    return state


def _agreement(a, state, spec):
    """Attribute -> whether it agrees with the network and with others."""
    columns, names, categories = a["n_features_in_"], a.get("feature_names_in_"), spec["categories"]
    standardized, has_units = spec["standardize"], LOSSES[spec["loss"]].units is not None
    has_moments = {"x": standardized or spec["missing"] != "error", "y": standardized and has_units}
    has_moments |= {"static": standardized} if "static_size" in spec else {}
    more = _agreement_of_static(a, spec) | _agreement_of_times(a, spec)
    columns += spec["gap_channel"] is not None and a.get("_time_channel") is None  # to which the gaps are appended
    return {
        "_moments": {name: part is not None for name, part in a["_moments"].items()} == has_moments,
        "_n_steps": len(a["_n_steps"]) == 2 and all(map(is_count, a["_n_steps"])),
        "_flat": isinstance(a["_flat"], bool),
        "n_features_in_": is_count(a["n_features_in_"], 1) and (a["_flat"] or columns == spec["input_size"]),
        "feature_names_in_": names is None or [type(name) for name in names] == [str] * columns,
        "_categorical": all(map(is_count, a["_categorical"])) and list(a["_categorical"]) == [one[0] for one in categories],
        "categories_": [len(set(values.tolist())) + 1 for values in a["categories_"]] == [one[1] for one in categories],
        "_y_format": spec.get("pooling", "") is not None or "_channels" in a or a["_y_format"]["kind"] in FORMS_OF_STEPS,
        "n_outputs_": a["n_outputs_"] == spec["output_size"],
        "n_iter_": a["n_iter_"] == state.n_epochs,
        "loss_curve_": a["loss_curve_"] == [row["loss"] for row in a["history_"]],
        "best_loss_": a["best_loss_"] in (None, min(a["loss_curve_"], default=None)),
    } | more


def _agreement_of_times(a, spec):
    gap, channel, median = spec["gap_channel"], a.get("_time_channel"), a.get("median_gap_")
    if gap is None:
        return {"median_gap_": not a.keys() & {"median_gap_", "_time_channel", "_time_unit"}}
    return {
        "median_gap_": isinstance(median, float) and 0 < median < np.inf,
        "_time_channel": gap == (spec["input_size"] - 1 if channel is None else channel),
        "_time_unit": a.get("_time_unit") in ("seconds", "numbers"),
    }


def _agreement_of_static(a, spec):
    size, names, categories = spec.get("static_size", 0), a.get("static_names_in_"), spec.get("static_categories", [])
    vocabularies, columns = a.get("static_categories_", []), a.get("_static_categorical", ())
    return {
        "static_names_in_": names is None or [type(name) for name in names] == [str] * size,
        "_static_categorical": all(map(is_count, columns)) and list(columns) == [one[0] for one in categories],
        "static_categories_": [len(set(values.tolist())) + 1 for values in vocabularies] == [one[1] for one in categories],
    }


def _agreement_of_classes(a, spec):
    loss, classes = LOSSES[spec["loss"]], a["classes_"]
    n_classes = loss.inverse_link(np.zeros((1, spec["output_size"]))).shape[1] - loss.is_unaligned
    return {
        "loss": loss.decide is not None and _are_of_classes(spec["loss_parameters"], loss, n_classes),
        "structure": (spec.get("structure") is not None) == loss.is_structured,
        "classes_": classes.shape == (n_classes,) and len(set(classes.tolist())) == n_classes,
        "_multilabel": isinstance(a["_multilabel"], bool),
        "_class_totals": a["_class_totals"].shape == ((n_classes, 2) if a["_multilabel"] else (n_classes,)),
    }


def _has_scores_for(n_targets, loss, ranks, n_scores):
    """Whether so many scores may be those of so many targets."""
    if loss.distribution:
        return is_count(n_targets, 1) and n_scores % n_scores_of(1, n_targets) == 0
    return n_targets == (n_scores if ranks is None else 1)


def _are_of_classes(parameters, loss, n_classes):
    """Whether the parameters of a loss are such as a classifier has."""
    if not loss.is_structured:
        return parameters.keys() <= {"smoothing"}
    if loss.is_unaligned:
        return not parameters
    rows = parameters.get("allowed", [])
    is_sound = all(isinstance(row, str) and len(row) == n_classes and set(row) <= {"0", "1"} for row in rows)
    return parameters.keys() <= {"allowed"} and isinstance(rows, list) and len(rows) in (0, n_classes + 2) and is_sound


def _agreement_of_targets(a, spec):
    loss, n_scores, ranks = LOSSES[spec["loss"]], spec["output_size"], a.get("_quantile_ranks")
    quantiles, deltas = (spec["loss_parameters"].get(name, []) for name in ("quantiles", "deltas"))
    return {
        "loss": loss.decide is None and all(0 < quantile < 1 for quantile in quantiles),
        "deltas": len(deltas) in (0, n_scores * loss.is_robust) and all(delta > 0 for delta in deltas),
        "_quantile_ranks": ranks is None or (sorted(ranks) == list(range(n_scores)) and len(quantiles) == n_scores),
        "_n_targets": _has_scores_for(a["_n_targets"], loss, ranks, n_scores),
        "_one_dimensional": isinstance(a["_one_dimensional"], bool) and (not a["_one_dimensional"] or a["_n_targets"] == 1),
    }


def _agreement_of_outputs(a, spec):
    loss, form, lengths = LOSSES[spec["loss"]], a["_y_format"], a["_target_lengths"]
    is_numeric, tokens = form["is_numeric"], a.get("classes_", ())
    labels = np.asarray(tokens).tolist()
    n_tokens = len(set(labels))
    own = ("_n_targets",) if is_numeric else ("classes_", "temperature_")
    return {
        "loss": (loss.contrast is None) == is_numeric == (spec["token_width"] == 0) and not loss.is_structured,
        "loss_parameters": spec["loss_parameters"].keys() <= (set() if is_numeric else {"smoothing"}),
        "_y_format": form.keys() == {"kind", "is_list", "of_lists", "column", "is_numeric"}
        and form["kind"] in ("texts", "list", "array", "Sequences")
        and (form["kind"] != "texts" or (not is_numeric and all(isinstance(label, str) for label in labels)))
        and all(isinstance(form[name], bool) for name in form.keys() - {"kind"}),
        "tokens": all(name in a for name in own) and n_tokens == len(tokens),
        "n_outputs_": spec["output_size"] - n_tokens in ((a["_n_targets"],) if is_numeric else (1, 2)),
        "max_length_": is_count(a["max_length_"], 1),
        "_target_lengths": len(lengths) == 2 and all(is_count(length, 1) for length in lengths),
    }


def _agreement_of_errors(a, spec):
    channels, n_errors = a["_channels"], len(a["location_"])
    ranges = {name: a[name] for name in ("_step_scores", "_sequence_scores", "_held_out_scores")}
    return {
        "loss": LOSSES[spec["loss"]].decide is None,
        "deltas": len(spec["loss_parameters"].get("deltas", [])) in (0, spec["output_size"]),
        "_target": a["_target"] == ("reconstruct" if "reads_outputs" in spec else "next"),
        "window_": a["window_"] is None or is_count(a["window_"], 1),
        "_channels": len(channels) > 0 and all(is_count(channel) and channel < spec["input_size"] for channel in channels),
        "location_": n_errors > 0 and n_errors % len(channels) == 0 and a["location_"].shape == (n_errors,),
        "scale_": a["scale_"].shape == (n_errors,) and not (a["scale_"] <= 0).any() and not np.isnan(a["scale_"]).all(),
        "covariance_": a["covariance_"].shape == (n_errors, n_errors),
        "quantiles_": a["quantiles_"] is None or (a["quantiles_"].ndim == 2 and len(a["quantiles_"]) == n_errors),
        "_n_step_scores": is_count(a["_n_step_scores"], 1) and len(a["_step_scores"]) == min(a["_n_step_scores"], KEPT),
        "_smoothing": isinstance(a["_smoothing"], float) and 0 <= a["_smoothing"] < 1,
        "_aggregation": a["_aggregation"] in AGGREGATIONS,
        "offset_": isinstance(a["offset_"], float),
        "step_offset_": isinstance(a["step_offset_"], float),
    } | {name: part.ndim == 1 and part.dtype == np.float64 and len(part) > 0 for name, part in ranges.items()}
