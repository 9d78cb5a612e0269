"""Static features: a table with one row for each sequence, as numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from .alignment import in_order_of
from .channels import stack_channels
from .columns import Column
from .errors import name_of
from .frames import Table
from .parts import read_categories, read_names
from .refusals import array_of, list_of, refused_as

EXPECTED = "Expected a table with one row for each sequence: a 2-D array, a DataFrame, a dict of columns or a list of rows."


@dataclass(frozen=True, eq=False)
class StaticTable:
    """A table with one row for each sequence.

    Attributes
    ----------
    values : ndarray of shape (n_sequences, n_columns)
        Numbers; in categorical columns codes. Read-only.
    names : list or None
        Of the columns.
    categories : dict of int to ndarray
        Of the categorical columns, the values that the codes stand for; they are NaN where a category is missing.
    """

    values: np.ndarray
    names: list | None
    categories: dict

    def __post_init__(self):
        values = self.values[:]
        values.flags.writeable = False
        object.__setattr__(self, "values", values)  # a frozen dataclass sets what it derives this way

    @classmethod
    def from_dict(cls, parts):
        """From the attributes by their names, which may come from anywhere."""
        values = parts.get("values")
        if parts.keys() != {"values", "names", "categories"} or not isinstance(values, np.ndarray) or values.ndim != 2:
            raise ValueError(f"This is not the state of pickled static features. {EXPECTED}")
        return cls(values, parts["names"], parts["categories"])

    def __len__(self):
        return len(self.values)

    def __getitem__(self, rows):
        return replace(self, values=self.values[rows])


@refused_as("static", EXPECTED)
def read_static(table, n_sequences, ids=None):
    """A table of any kind as a `StaticTable`, in the order of the sequences.

    Parameters
    ----------
    table : StaticTable, DataFrame, mapping of name to column, 2-D array or list of rows
    n_sequences : int or None
        None for any number.
    ids : ndarray of shape (n_sequences,), default=None
        Of the sequences. A pandas DataFrame whose index has them is brought into their order.

    Raises
    ------
    ValueError
        If it is no such table, has other rows, or holds what is neither number nor category.
    """
    if isinstance(table, StaticTable):
        names = None if table.names is None else read_names(table.names, table.values.shape[1])
        read = replace(table, names=names, categories=read_categories(table.categories, table.values.shape[1]))
    elif isinstance(table, Mapping):
        read = _of_columns(Table(table))
    elif hasattr(table, "columns"):
        read = _of_columns(Table(in_order_of(ids, "static", table)))
    else:
        read = _of_rows(table)
    if read.values.dtype.kind not in "fiu" or not read.values.shape[1]:
        raise ValueError(f"static must hold numbers in at least one column, got {read.values.dtype}, {read.values.shape}.")
    if n_sequences is not None and len(read) != n_sequences:
        raise ValueError(f"static must have one row for each of the {n_sequences} sequences, got {len(read)} rows. Pass as many.")
    return read


def _of_columns(table):
    """A table with names of columns."""
    if not table.names:
        raise ValueError("static has no column. Pass at least one, or None.")
    columns = [table.read(name) for name in table.names]
    lengths = {name: len(column) for name, column in zip(table.names, columns, strict=True)}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"The columns of static have different numbers of rows: {lengths}. Pass as many in each.")
    values, categories = stack_channels([static_numbers(column, name) for name, column in zip(table.names, columns, strict=True)])
    return StaticTable(values, list(table.names), categories)


def _of_rows(table):
    """A 2-D array or a list of rows; other values than numbers column by column."""
    rows = table if hasattr(table, "shape") else list_of("static", table, EXPECTED)
    array = array_of("static", rows, EXPECTED)
    if array.dtype.kind in "US" and not hasattr(rows, "dtype"):  # NumPy made texts of numbers beside texts
        array = np.array([list(row) for row in rows], dtype=object)
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(
            f"static must be a table of at least one column, got shape {array.shape}. Pass a single column as static[:, None]."
        )
    if array.dtype.kind in "fiu":
        return StaticTable(array.copy(), None, {})
    values, categories = stack_channels([static_numbers(Column.of(column), j) for j, column in enumerate(_unmixed(array))])
    return StaticTable(values, None, categories)


def _unmixed(array):
    """The columns of an array, each of objects as a list, from which NumPy finds a type."""
    return [column.tolist() if column.dtype == object else column for column in array.T]


def static_numbers(column, name):
    """Numbers (n_rows,) of a `Column` of static features, and the categories that they are codes of; None of numbers."""
    column = column.encoded()
    column.refuse_numerals(f"Column {name!r} of static", f"static[{name!r}]")
    if column.categories is None and column.values.dtype.kind == "b":
        column = column.categorical("static")
    return column.numbers(name)


def check_static(static, infinity="infinity (inf)"):
    """Raise a ValueError where a static feature is NaN or infinite, or a category is missing."""
    bad = np.argwhere(~np.isfinite(static.values))
    if not len(bad):
        return
    row, column = bad[0].tolist()
    what = f"Static feature {column}{name_of(column, static.names)} of sequence {row}"
    if column in static.categories:
        raise ValueError(f"{what} has no category (NaN). Fill missing categories, for instance with a category of their own.")
    if np.isnan(static.values[row, column]):
        raise ValueError(
            f"{what} is NaN. Expected finite numbers only. Impute the table before it is attached to the sequences, for instance"
            " by sklearn.impute.SimpleImputer, or drop such sequences."
        )
    raise ValueError(f"{what} is {infinity}. Expected finite numbers only. Clip or drop such values first.")


def static_of_long(table, static, group, ids, keys):
    """The static features of `from_long`: columns of its table, or a table of their own.

    Parameters
    ----------
    table : Table
        With one row for each step.
    static : list of column names, or a table
    group : ndarray of int of shape (n_rows,)
        Number of the sequence of each row.
    ids : ndarray of shape (n_sequences,)
    keys : list
        Names of the columns of ids.

    Returns
    -------
    StaticTable
    """
    if not isinstance(static, (list, tuple)):
        return read_static(_by_ids(static, ids, keys), len(ids), ids)
    first, columns = np.unique(group, return_index=True)[1], []
    for name in static:
        numbers, categories = static_numbers(table.read(name), name)
        own = numbers[first][group]
        changed = np.flatnonzero((numbers != own) & ~((numbers != numbers) & (own != own)))
        if len(changed):
            raise ValueError(
                f"Column {name!r} is static, but changes within the sequence with the id {ids.tolist()[group[changed[0]]]!r}. "
                "Leave it out of static, so that it is a channel, or make it the same in all rows of a sequence."
            )
        columns.append((numbers[first], categories))
    values, categories = stack_channels(columns)
    return StaticTable(values, list(static), categories)


def _by_ids(static, ids, keys):
    """A table whose rows have ids in the column of that name, in the order of these and without that column; else as it is."""
    if not isinstance(static, Mapping) and not hasattr(static, "columns"):
        return static
    table = Table(static)
    if len(keys) != 1 or keys[0] not in table.names:
        return static
    own = table.read(keys[0])
    labels = own.values.tolist() if own.categories is None else [own.categories[code] for code in own.values.tolist()]
    row = {label: number for number, label in enumerate(labels)}
    absent = [label for label in ids.tolist() if label not in row]
    if absent or len(row) < len(labels):
        which = f"has no row with the id {absent[0]!r}" if absent else "has an id twice"
        raise ValueError(f"The table static {which}, in the column {keys[0]!r}. Pass one row for each id.")
    rows = [row[label] for label in ids.tolist()]
    columns = [(name, static_numbers(table.read(name), name)) for name in table.names if name != keys[0]]
    values, categories = stack_channels([numbers for _, numbers in columns], rows)
    return StaticTable(values, [name for name, _ in columns], categories)


def static_in_dtype(sequences, dtype):
    """The sequences with numbers as static features in a dtype; raises a ValueError where one is too large for it."""
    if sequences.static is None or sequences.static.dtype == dtype:
        return sequences
    with np.errstate(over="ignore"):
        static = StaticTable(sequences.static.astype(dtype), sequences.static_names, {})
    check_static(static, f"a number too large for {dtype}, which the fitted model computes in")
    return sequences.with_static(static)
