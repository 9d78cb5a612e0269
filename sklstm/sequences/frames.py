"""Tables of any library as columns by name: a mapping of arrays, or what narwhals takes for a DataFrame."""

from collections.abc import Mapping

import numpy as np

from .columns import Column, is_missing
from .extras import why_not


def open_table(frame):
    """A table with ``names`` and ``read(name) -> Column``.

    Raises
    ------
    ImportError
        If the frame is no mapping and narwhals is not there.
    ValueError
        If it is no table.
    """
    return MappingTable(frame) if isinstance(frame, Mapping) else FrameTable(frame)


class MappingTable:
    """Columns of a mapping of name to array-like."""

    def __init__(self, mapping):
        self.names, self._mapping = list(mapping), mapping

    def read(self, name):
        column = Column.of(self._mapping[name])
        if column.values.ndim != 1:
            raise ValueError(f"Column {name!r} has shape {column.values.shape}, expected (n_rows,). Pass one entry for each row.")
        return column


class FrameTable:
    """Columns of a DataFrame of pandas, polars, pyarrow and others that narwhals knows.

    scikit-learn from 1.9 on brings narwhals along; before, it is an extra of this package.
    """

    def __init__(self, frame):
        try:
            import narwhals
        except ImportError as error:
            raise ImportError(
                f"A DataFrame is read through narwhals, which {why_not('narwhals', error, 'frames')}, or pass a dict of arrays,"
                " such as {name: frame[name].to_numpy() for name in frame.columns}."
            ) from error
        if hasattr(frame, "collect"):
            raise ValueError(f"frame is lazy ({type(frame).__name__}). Pass frame.collect().")
        try:
            self._frame = narwhals.from_native(frame, eager_only=True)
        except TypeError as error:
            raise ValueError(
                f"frame must be a DataFrame (pandas, polars, pyarrow ...) or a dict of arrays, got {type(frame).__name__}."
                " For arrays use Sequences.from_list or Sequences.from_padded."
            ) from error
        except narwhals.exceptions.DuplicateError as error:
            raise ValueError(f"frame has two columns of one name: {error} Rename one.") from error
        self.names, self._narwhals = self._frame.columns, narwhals

    def read(self, name):
        nw, series = self._narwhals, self._frame.get_column(name)
        dtype, missing = series.dtype, series.is_null().to_numpy()
        if dtype in (nw.String, nw.Categorical, nw.Enum):
            return self._read_categories(series, missing)
        if dtype.is_decimal() or (dtype == nw.Boolean and missing.any()):
            series = series.cast(nw.Float64)
        values = series.to_numpy()
        if values.dtype.kind in "fO":  # NaN that its library does not call missing
            missing = missing | is_missing(values)
        return Column(values, missing)

    def _read_categories(self, series, missing):
        """Categories or texts, encoded without making an object of each row."""
        present = series.drop_nulls()
        seen = present.unique(maintain_order=True).to_list()
        categories = self._categories(series, seen)
        number = {category: code for code, category in enumerate(categories.tolist())}
        codes = np.full(len(missing), -1)
        if not len(categories):  # what narwhals takes for texts because there is nothing in it
            return Column(np.full(len(missing), np.nan), missing)
        if seen:
            codes[~missing] = present.replace_strict(seen, [number[value] for value in seen], return_dtype=self._narwhals.Int64)
        return Column(codes, missing, categories)

    def _categories(self, series, seen):
        """All categories, in their order, as far as the type of the column tells them; else those seen, sorted."""
        native = series.to_native()
        if series.dtype == self._narwhals.Enum and hasattr(series.dtype, "categories"):
            return np.array(series.dtype.categories, dtype=object)
        if hasattr(native, "cat") and hasattr(native.cat, "categories"):  # pandas
            return np.asarray(native.cat.categories)
        return np.array(sorted(seen), dtype=object)
