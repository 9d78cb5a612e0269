"""Static features: a table with one row for each sequence, as numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from .alignment import in_order_of, keys_of
from .channels import stack_channels
from .columns import Column, of_length
from .errors import name_of, refuse_mask
from .frames import Table
from .parts import read_categories, read_names, refuse_repeated
from .refusals import array_of, list_of, refused_as
from .unsupported import foreign

EXPECTED = "Expected a table with one row for each sequence: a 2-D array, a DataFrame, a dict of columns or a list of rows."
REMEDY = "Expected numbers, booleans, categories or texts. Convert it, such as dates to numbers of days, or leave it out."


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
def read_static(table, n_sequences, ids=None, coded=()):
    """A table of any kind as a `StaticTable`, in the order of the sequences.

    Parameters
    ----------
    table : StaticTable, DataFrame, mapping of name to column, 2-D array or list of rows
    n_sequences : int or None
        None for any number.
    ids : ndarray of shape (n_sequences,), default=None
        Of the sequences. A pandas DataFrame whose index has them is brought into their order.
    coded : container of int, default=()
        Columns whose texts are known to be categories, also where they look like numbers.

    Raises
    ------
    ValueError
        If it is no such table, has other rows, or holds what is neither number nor category.
    """
    refuse_no_table(table)
    if isinstance(table, StaticTable):
        names = None if table.names is None else read_names(table.names, table.values.shape[1], "static", "static feature")
        read = replace(table, names=names, categories=read_categories(table.categories, table.values.shape[1]))
    elif isinstance(table, Mapping):
        read = _of_columns(_columns_of(Table(table)), coded)
    elif hasattr(table, "columns"):
        read = _of_columns(_columns_of(Table(in_order_of(ids, "static", table), "static")), coded)
    else:
        read = _of_rows(table, coded)
    if read.values.dtype.kind not in "fiu" or not read.values.shape[1]:
        raise ValueError(f"static must hold numbers in at least one column, got {read.values.dtype}, {read.values.shape}.")
    if n_sequences is not None and len(read) != n_sequences:
        raise ValueError(f"static must have one row for each of the {n_sequences} sequences, got {len(read)} rows. Pass as many.")
    return read


def refuse_no_table(static):
    """Raise a ValueError where it is a text, or in no order, or has to be converted by its own library."""
    if isinstance(static, (str, bytes)):
        raise ValueError(f"static must be a table, got {static!r}. {EXPECTED}")
    known = None if isinstance(static, Mapping) else foreign(static)
    if known is not None:
        raise ValueError(f"static must be a table, but {known.advice('static')}")


def _columns_of(table):
    """The columns of a `Table` by their names; raises unless there is one, and all have as many rows."""
    if not table.names:
        raise ValueError("static has no column. Pass at least one, or None.")
    columns = {name: table.read(name) for name in table.names}
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"The columns of static have different numbers of rows: {lengths}. Pass as many in each.")
    return columns


def _of_columns(columns, coded=(), rows=None):
    """A table of columns by their names, all of its rows or some."""
    numbers = [static_numbers(column, name, j in coded) for j, (name, column) in enumerate(columns.items())]
    values, categories = stack_channels(numbers, rows)
    return StaticTable(values, list(columns), categories)


def _of_rows(table, coded):
    """A 2-D array or a list of rows; other values than numbers column by column."""
    rows = table if hasattr(table, "shape") else list_of("static", table, EXPECTED)
    for row in rows if rows is not table else [rows]:
        refuse_mask(row, "static", "rows")
    array = array_of("static", rows, EXPECTED)
    if rows is not table and array.ndim == 2 and (array.dtype.kind in "US" or _hold_booleans(rows)):
        array = np.array([list(row) for row in rows], dtype=object)  # NumPy made texts or numbers of what is beside those
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(
            f"static must be a table of at least one column, got shape {array.shape}. Pass a single column as"
            " np.reshape(static, (-1, 1))."
        )
    if array.dtype.kind in "fiu":
        return StaticTable(array.copy(), None, {})
    return replace(_of_columns({j: Column.of(column) for j, column in enumerate(_unmixed(array))}, coded), names=None)


def _hold_booleans(rows):
    """Whether a list of rows has a boolean among its values."""
    return any(not kinds.isdisjoint((bool, np.bool_)) for kinds in (set(map(type, row)) for row in rows))


def _unmixed(array):
    """The columns of an array, each of objects as a list, from which NumPy finds a type."""
    return [column.tolist() if column.dtype == object else column for column in array.T]


def static_numbers(column, name, is_coded=False):
    """Numbers (n_rows,) of a `Column` of static features, and the categories that they are codes of; None of numbers.

    Texts that look like numbers are refused, unless `is_coded`.
    """
    column = column.encoded()
    if not is_coded:
        column.refuse_numerals(f"Column {name!r} of static", f"static[{name!r}]")
    if column.categories is None and _are_booleans(column):
        column = column.categorical("static")
    return column.numbers(name, REMEDY)


def _are_booleans(column):
    """Whether all values of a `Column` that are not missing are booleans."""
    if column.values.dtype.kind != "O":
        return column.values.dtype.kind == "b"
    kinds = set(map(type, column.values[~column.missing].tolist()))
    return bool(kinds) and kinds <= {bool, np.bool_}


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


def names_of_static(static):
    """The names that `static` of `from_long` holds, none where it is a table; raises where it is neither."""
    if isinstance(static, str):
        raise ValueError(f"static must be a list of names of columns, or a table, got {static!r}. Pass [{static!r}].")
    if not isinstance(static, (list, tuple)):
        refuse_no_table(static)
        return []
    if not static:
        raise ValueError("static names no column. Name at least one, or pass None.")
    return list(static)


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
    first = np.unique(group, return_index=True)[1]  # row of each sequence
    if isinstance(static, (list, tuple)):
        return _constant_columns(table, list(static), group, first, ids, keys)
    if isinstance(static, Mapping) or hasattr(static, "columns"):
        own = Table(static, "static")
        absent = [key for key in keys if key not in own.names]
        if not absent:
            return read_static(_by_ids(_columns_of(own), keys, _labels([table.read(key) for key in keys], first)), len(ids))
        if len(absent) < len(keys):
            raise ValueError(
                f"The table static has no column {absent[0]!r}, but others of those that id names, {keys}. Pass it with all of"
                " them, or with none, and its rows in the order of the sequences."
            )
    return read_static(static, len(ids), ids)


def _constant_columns(table, names, group, first, ids, keys):
    """Columns of a table with one row for each step, in which each sequence has one value."""
    refuse_repeated("static", names)
    columns = {name: of_length(len(group), table.read(name), name, keys[0]) for name in names}
    for name, column in columns.items():
        numbers = static_numbers(column, name)[0]
        own = numbers[first][group]
        changed = np.flatnonzero((numbers != own) & ~((numbers != numbers) & (own != own)))
        if len(changed):
            raise ValueError(
                f"Column {name!r} is static, but changes within the sequence with the id {ids.tolist()[group[changed[0]]]!r}. "
                "Leave it out of static, so that it is a channel, or make it the same in all rows of a sequence."
            )
    return _of_columns(columns, rows=first)


def _by_ids(columns, keys, wanted):
    """A table of columns, some of which are ids, with a row for each of the wanted ids, in their order and without them."""
    labels = _labels([columns[key] for key in keys])
    row = dict(zip(labels, range(len(labels)), strict=True))
    absent = [label for label in wanted if label not in row]
    names = f"column{'s' * (len(keys) > 1)} {', '.join(map(repr, keys))}"
    if absent or len(row) < len(labels):
        which = "has an id twice"
        if absent:
            which = f"has no row with the id {(absent[0][0] if len(keys) == 1 else absent[0])!r}"
        raise ValueError(f"The table static {which}, in the {names}. Pass one row for each id.")
    others = {name: column for name, column in columns.items() if name not in keys}
    if not others:
        raise ValueError(f"static has no column besides the {names} of ids. Pass at least one, or None.")
    return _of_columns(others, rows=[row[label] for label in wanted])


def _labels(columns, rows=slice(None)):
    """Ids as tuples of one entry for each of some columns, which compare across tables; None where one is missing."""
    parts = []
    for column in columns:
        values = column.values[rows]
        if column.categories is not None:
            known = [*keys_of(column.categories), None]  # which the code -1 stands for
            values = np.fromiter((known[code] for code in values), object, len(values))
        parts.append(keys_of(values))
    return list(zip(*parts, strict=True))


def static_in_dtype(sequences, dtype):
    """The sequences with numbers as static features in a dtype; raises a ValueError where one is too large for it."""
    if sequences.static is None or sequences.static.dtype == dtype:
        return sequences
    with np.errstate(over="ignore"):
        static = StaticTable(sequences.static.astype(dtype), sequences.static_names, {})
    check_static(static, f"a number too large for {dtype}, which the fitted model computes in")
    return sequences.with_static(static)
