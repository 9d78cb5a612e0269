"""Reading y and weights: labels of any kind, numbers, and where an entry is that is neither."""

import datetime
import reprlib
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.multiclass import type_of_target

from .channels import positions_in
from .columns import KIND_NAMES
from .convert import is_missing, numbers_or_objects
from .errors import place_of, refuse_mask


@dataclass(frozen=True, eq=False)
class Places:
    """Which sequence and step the entries of y or of weights belong to.

    Attributes
    ----------
    offsets : ndarray of int of shape (n_sequences + 1,) or None
        Where the steps of each sequence begin; None if there is one entry per sequence.
    rows : ndarray of int or None
        Of which steps there are entries, if not of all.
    """

    offsets: np.ndarray | None = None
    rows: np.ndarray | None = None

    def name(self, *index):
        """What to call an entry, by its row, or by row and column."""
        row = int(index[0] if self.rows is None else self.rows[index[0]])
        text = f"sequence {row}" if self.offsets is None else place_of(self.offsets, row)
        return text + "".join(f", output {column}" for column in index[1:])


ONE_EACH = Places()


def as_array(name, values):
    """Values as an array, in which texts are none but those that were.

    Parameters
    ----------
    name : str
        For messages.
    values : array-like
        Of NumPy, pandas, polars or Arrow, or lists.

    Returns
    -------
    ndarray
        Of any shape. Objects that are all integers, or all numbers, are an array of those.

    Raises
    ------
    ValueError
        If the entries differ in shape, or are hidden by a mask.
    """
    refuse_mask(values, name)
    try:
        array = np.asarray(values)
        if array.dtype.kind in "US" and not hasattr(values, "dtype"):
            array = _unless_mixed(array, np.asarray(values, dtype=object))
    except ValueError as error:
        raise ValueError(
            f"{name} is no array: its entries differ in shape. Pass one entry, or one row of outputs, per sequence. For targets"
            " of every step set return_sequences=True."
        ) from error
    if array.dtype.kind == "T":  # NumPy's StringDType, which scikit-learn does not read
        objects = array.astype(object)
        return objects if is_missing(objects.ravel()).any() else np.array(objects.tolist(), dtype=str).reshape(array.shape)
    return numbers_or_objects(array)


def _unless_mixed(texts, objects):
    """The array of texts; where NumPy made texts of other objects, these themselves."""
    kinds = {type(value) for value in objects.ravel()}
    return texts if all(issubclass(kind, str) for kind in kinds) or kinds == {bytes} else objects


def read_labels(y, places=ONE_EACH):
    """Labels of any kind as an array.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_labels)
    places : Places

    Returns
    -------
    ndarray of shape (n_samples,) or (n_samples, n_labels)
        None of them missing.

    Raises
    ------
    ValueError
        If one is missing, or y is no such array.
    """
    y = as_array("y", y)
    _check_kind_and_shape("y", y)
    _refuse_not_finite("y", y, places)
    return y


def read_groups(groups):
    """Numbers of the groups that sequences belong to, by labels of any kind.

    Parameters
    ----------
    groups : array-like of shape (n_sequences,)

    Returns
    -------
    ndarray of int of shape (n_sequences,)

    Raises
    ------
    ValueError
        If a label is missing, or they are no such array.
    """
    labels = as_array("groups", groups)
    if labels.ndim != 1:
        raise ValueError(f"groups must be 1-D, got shape {labels.shape}. Pass one label for each sequence.")
    _refuse_not_finite("groups", labels, ONE_EACH)
    return code_of_each(labels, sorted_labels("groups", labels))


def read_numbers(name, values, places=ONE_EACH):
    """Finite numbers, in their own dtype.

    Parameters
    ----------
    name : str
        For messages.
    values : array-like of shape (n_samples,) or (n_samples, n_outputs)
    places : Places

    Returns
    -------
    ndarray of shape (n_samples,) or (n_samples, n_outputs)

    Raises
    ------
    ValueError
        If one is missing, infinite or no number. Times, durations and texts are none.
    """
    array = as_array(name, values)
    _check_kind_and_shape(name, array)
    if array.dtype.kind == "O":
        array = _numbers_of_objects(name, array, places)
    if array.dtype.kind not in "fiub":
        has_no_text = array.dtype.kind in "mM" and np.datetime_data(array.dtype)[0] == "generic"
        first = f", such as {array.ravel()[0]!s}" if array.size and not has_no_text else ""
        nature = {"M": "times", "m": "durations"}.get(array.dtype.kind, "texts")
        raise ValueError(f"{name} must hold numbers, got {nature}{first} ({array.dtype}). {_as_numbers(name, nature)}")
    _refuse_not_finite(name, array, places)
    return array


AS_NUMBERS = {
    "texts": "Convert texts that are numbers: np.asarray({name}, dtype=float).",
    "times": (
        "Convert times to numbers first, such as days: (np.asarray({name}, 'datetime64[us]') - np.datetime64('2000-01-01')) /"
        " np.timedelta64(1, 'D')."
    ),
    "durations": (
        "Convert durations to numbers first, such as hours: np.asarray({name}, 'timedelta64[us]') / np.timedelta64(1, 'h')."
    ),
    "others": "Convert it to a number first.",
}


def _as_numbers(name, nature):
    """What to do about values that are no numbers."""
    return AS_NUMBERS[nature].format(name=name) + (" For classes use LSTMClassifier." if name == "y" else "")


def _numbers_of_objects(name, array, places):
    """Objects that are numbers, in float64; NaN where one is missing."""
    flat, missing = array.ravel(), is_missing(array.ravel())
    numbers = np.full(flat.shape, np.nan)
    for k in np.flatnonzero(~missing):
        value = flat[k]
        is_number = isinstance(value, (Real, Decimal, np.bool_)) and not isinstance(value, np.timedelta64)
        try:
            numbers[k] = value if is_number else np.nan
        except (OverflowError, ValueError):
            is_number = False
        if not is_number:
            nature = next((nature for nature, kinds in TYPES_BY_KIND.items() if isinstance(value, kinds)), "others")
            raise ValueError(
                f"{name} must hold numbers, got {reprlib.repr(value)} ({type(value).__name__}): {places.name(*_index(array, k))}."
                f" {_as_numbers(name, nature)}"
            )
    return numbers.reshape(array.shape)


TYPES_BY_KIND = {
    "texts": (str, bytes),
    "durations": (np.timedelta64, datetime.timedelta),
    "times": (np.datetime64, datetime.date),  # of which datetime.datetime is one
}


def _index(array, k):
    """Row, and column if there are several, of the k-th entry."""
    index = np.unravel_index(k, array.shape)
    return index[:1] if array.ndim == 1 or array.shape[1] == 1 else index


def _check_kind_and_shape(name, array):
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} must be real. Pass its real or imaginary part.")
    if array.dtype.kind == "V":
        raise ValueError(f"{name} holds records ({array.dtype}). Pass one of their fields.")
    if array.ndim not in (1, 2):
        raise ValueError(f"Found array with dim {array.ndim}: {name} must be 1-D or 2-D, one entry (or row) per sequence.")
    if array.shape[1:] == (0,):
        raise ValueError(f"Found array with 0 feature(s): {name} has shape {array.shape}, without a column. Pass at least one.")


def _refuse_not_finite(name, array, places):
    """Raise where an entry is missing or infinite; say which."""
    if array.dtype.kind not in "fOmM" or (array.dtype.kind == "f" and np.isfinite(array).all()):
        return
    flat = array.ravel()
    bad = is_missing(flat) if array.dtype.kind != "f" else ~np.isfinite(flat)
    if bad.any():
        k = int(bad.argmax())
        what, remedy = "NaN", "Drop such sequences, or fill it in"
        if array.dtype.kind == "f" and np.isinf(flat[k]):
            what, remedy = "infinity", "Clip or drop such values first"
        shown = "" if array.dtype.kind == "f" else f" (missing: {flat[k]})"
        raise ValueError(f"Input {name} contains {what}{shown}: {places.name(*_index(array, k))}. {remedy}.")


def read_sample_weight(sample_weight, n_samples, places=ONE_EACH):
    """Weights as a float64 array (n_samples,), ones for None.

    Raises
    ------
    ValueError
        If their number is another, one is negative, NaN or infinite, or all are zero.
    """
    if sample_weight is None or (isinstance(sample_weight, Real) and not isinstance(sample_weight, np.timedelta64)):
        sample_weight = np.full(n_samples, 1.0 if sample_weight is None else sample_weight, dtype=np.float64)
    weights = read_numbers("sample_weight", sample_weight, places).astype(np.float64)
    if weights.ndim != 1:
        raise ValueError(
            f"Sample weights must be 1D array or scalar: sample_weight has shape {weights.shape}. Pass one weight for each"
            " sequence or step."
        )
    if len(weights) != n_samples:
        raise ValueError(f"sample_weight has {len(weights)} entries, expected {n_samples}. Pass one for each.")
    negative = np.flatnonzero(weights < 0)
    if len(negative):
        raise ValueError(
            f"Negative values in sample_weight: {places.name(negative[0])} has {weights[negative[0]]}. Expected weights of at"
            " least 0."
        )
    with np.errstate(over="ignore"):
        total = weights.sum()
    if not np.isfinite(total):
        raise ValueError("The sum of sample_weight is too large: it overflows to infinity. Pass smaller weights.")
    if not weights.any():
        raise ValueError("All values of sample_weight are zero: no sample remains. Pass at least one positive weight.")
    return weights


def kind_of_labels(y, places=ONE_EACH):
    """Kind of y as `sklearn.utils.multiclass.type_of_target` calls it, for labels of any kind; "multiclass" includes "binary".

    Raises
    ------
    ValueError
        If y holds quantities.
    """
    if not issparse(y) and y.ndim == 1 and y.dtype.kind in "biuU":
        return "multiclass"  # of which scikit-learn takes a third of a millisecond to be sure
    if issparse(y) or y.dtype.kind in "biufU":
        kind = type_of_target(y, input_name="y")
    else:
        kind = "multiclass" if y.ndim == 1 or y.shape[1] == 1 else "multiclass-multioutput"
    if kind.startswith("continuous"):
        k = int(np.argmax(y.ravel() % 1 != 0))
        raise ValueError(
            f"Unknown label type: {kind}. y holds quantities, such as {y.ravel()[k]}: {places.name(*_index(y, k))}. Pass labels"
            " of classes; for a regression target with continuous values use LSTMRegressor."
        )
    return kind


def refuse_other_kind(y, classes):
    """Raise where labels are of another kind than the classes: texts for numbers, say."""
    kinds = [KIND_NAMES.get(array.dtype.kind, "objects") for array in (y, classes)]
    if len(y) and kinds[0] != kinds[1] and not np.any(code_of_each(y.ravel(), classes) >= 0):
        raise ValueError(
            f"y holds {kinds[0]}, such as {literals(y.ravel()[:1])[0]!r}, but the classes are {kinds[1]}:"
            f" {reprlib.repr(literals(classes))}. Pass y as in fit."
        )


def sorted_labels(name, labels):
    """The different labels (n_classes,), sorted.

    Raises
    ------
    ValueError
        If they cannot be sorted together, or be told apart.
    """
    try:
        different = np.unique(labels)
        set(different.tolist())  # they have to be hashable
    except TypeError:
        kinds = {}
        for label in labels.tolist():
            kinds.setdefault(type(label).__name__, label)
        examples = " and ".join(f"{reprlib.repr(label)} ({kind})" for kind, label in list(kinds.items())[:2])
        problem = "cannot be sorted together" if len(kinds) > 1 else "are of a kind that cannot be sorted"
        raise ValueError(
            f"The labels in {name} {problem}: {examples}. Pass labels of one kind, such as texts:"
            f" [str(label) for label in {name}]."
        ) from None
    return different


def literals(labels):
    """A list of labels, for messages: times as texts, which would be numbers in some units."""
    return labels.astype(str).tolist() if labels.dtype.kind in "mM" else labels.tolist()


def in_unit_of(labels, classes):
    """Times and durations among labels in the unit of the classes, if none is lost by that; any others as they are."""
    if labels.dtype.kind not in "mM" or labels.dtype.kind != classes.dtype.kind:
        return labels
    converted = labels.astype(classes.dtype)
    return converted if (converted == labels).all() else labels


def code_of_each(labels, classes):
    """Number of the class of each label (n_samples,), -1 for labels that are none."""
    return positions_in(classes, in_unit_of(labels, classes))


def known_codes(labels, classes, places=ONE_EACH):
    """Number of the class of each label (n_samples,); raises a ValueError that names labels that are none.

    Labels are compared as they are: NumPy would take the text "1" for the number 1.
    """
    codes = code_of_each(labels, classes)
    if (codes < 0).any():
        found = sorted_labels("y", labels)
        unknown = literals(found[code_of_each(found, classes) < 0])
        raise ValueError(
            f"y has labels that are not among the known classes: {unknown}; the classes are {literals(classes)}. The first is"
            f" that of {places.name((codes < 0).argmax())}."
        )
    return codes
