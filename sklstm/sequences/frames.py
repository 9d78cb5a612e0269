"""Tables of any library as columns by name: a mapping of arrays, or what narwhals takes for a DataFrame."""

import sys
from collections.abc import Mapping

import numpy as np

from .columns import Column
from .convert import is_missing
from .extras import why_not
from .unsupported import foreign


class Table:
    """Columns by name, of a mapping of name to array-like or a DataFrame, which messages call `what`.

    Attributes
    ----------
    names : list

    Raises
    ------
    ImportError
        If the frame is no mapping and narwhals is not there.
    ValueError
        If it is no table.
    """

    def __init__(self, frame, what="frame"):
        self._mapping = frame if isinstance(frame, Mapping) else None
        self._frame = _opened(frame, what) if self._mapping is None else None
        self.names = list(frame) if self._frame is None else self._frame.columns

    def series(self, name):
        """A column as a Series of narwhals; None for an array."""
        return self._frame.get_column(name) if self._mapping is None else _series_of(self._mapping[name])

    def read(self, name):
        """A column as a `Column`."""
        series = self.series(name)
        column = _as_column(self._mapping[name], name) if series is None else read_series(series)
        if column.values.ndim != 1:
            raise ValueError(f"Column {name!r} has shape {column.values.shape}, expected (n_rows,). Pass one entry for each row.")
        return column


def _opened(frame, what):
    """A DataFrame of pandas, polars, pyarrow and others as one of narwhals.

    scikit-learn from 1.9 on brings narwhals along; before, it is an extra of this package.
    """
    try:
        import narwhals
    except ImportError as error:
        raise ImportError(
            f"A DataFrame is read through narwhals, which {why_not('narwhals', error, 'frames')}, or pass a dict of arrays,"
            " such as {name: frame[name].to_numpy() for name in frame.columns}."
        ) from error
    known = foreign(frame)
    if known is not None and known.family == "lazy":
        raise ValueError(f"{what} is {known}. Pass {known.call.format(what)}.")
    try:
        return narwhals.from_native(frame, eager_only=True)
    except TypeError as error:
        raise ValueError(
            f"{what} must be a DataFrame (pandas, polars, pyarrow ...) or a dict of arrays, got {type(frame).__name__}."
            " For arrays use Sequences.from_list or Sequences.from_padded."
        ) from error
    except narwhals.exceptions.DuplicateError as error:
        raise ValueError(f"{what} has two columns of one name: {error} Rename one.") from error


def _as_column(values, name):
    try:
        return Column.of(values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"Column {name!r} is no 1-D array: {error}. Pass one entry for each row.") from error


def _series_of(values):
    """What pandas, polars or pyarrow have as a column as a Series of narwhals; None for anything else."""
    library = type(values).__module__.partition(".")[0]
    if library not in ("pandas", "polars", "pyarrow"):
        return None
    try:
        import narwhals

        if library == "pandas":  # an Index, a Categorical ...
            values = sys.modules["pandas"].Series(values)
        elif library == "pyarrow" and not hasattr(values, "chunks"):
            values = sys.modules["pyarrow"].chunked_array([values])
        return narwhals.from_native(values, series_only=True)
    except (ImportError, TypeError, ValueError):
        return None


def read_series(series):
    """A Series of narwhals as a `Column`."""
    import narwhals as nw

    dtype, missing = series.dtype, series.is_null().to_numpy()
    if dtype in (nw.String, nw.Categorical, nw.Enum):
        return _read_categories(series, missing, nw)
    if dtype == nw.Boolean and missing.any():
        return Column(series.fill_null(False).to_numpy().astype(bool), missing)
    if dtype.is_decimal() or str(dtype) in ("Int128", "UInt128"):
        series = series.cast(nw.Float64)
    values = series.to_numpy()
    if values.dtype.kind in "fO":  # NaN that its library does not call missing
        missing = missing | is_missing(values)
    return Column(values, missing)


def _read_categories(series, missing, nw):
    """Categories or texts, encoded without making an object of each row."""
    present = series.drop_nulls()
    seen = present.unique(maintain_order=True).to_list()
    categories, ordered = _categories(series, seen, nw)
    number = {category: code for code, category in enumerate(categories.tolist())}
    codes = np.full(len(missing), -1)
    if not len(categories):  # what narwhals takes for texts because there is nothing in it
        return Column(np.full(len(missing), np.nan), missing)
    if seen:
        codes[~missing] = present.replace_strict(seen, [number[value] for value in seen], return_dtype=nw.Int64)
    return Column(codes, missing, categories, texts=series.dtype == nw.String, ordered=ordered)


def _categories(series, seen, nw):
    """All categories, in their order, as far as the type of the column tells them, else those seen, sorted; and whether they
    have an order."""
    native = series.to_native()
    if series.dtype == nw.Enum and hasattr(series.dtype, "categories"):
        return np.array(series.dtype.categories, dtype=object), True
    if hasattr(native, "cat") and hasattr(native.cat, "categories"):  # pandas
        return np.asarray(native.cat.categories), bool(native.cat.ordered)
    if getattr(getattr(native, "type", None), "ordered", False):  # pyarrow
        return native.unify_dictionaries().chunk(0).dictionary.to_numpy(zero_copy_only=False), True
    return np.array(sorted(seen), dtype=object), False
