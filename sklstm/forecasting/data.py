"""`Data`: what a forecaster learns from and continues: series, channels that are known in advance, and static features."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from ..sequences.alignment import keys_of
from ..sequences.errors import repeated
from ..sequences.frames import Table
from ..sequences.static import StaticTable, read_static
from .calendars import advance, check_calendar, check_follows, check_times, literal
from .collection import Collection, read_collection

LARGEST = 1024  # share of the largest number that values may have, so that sums over windows are finite


@dataclass(frozen=True, eq=False)
class Data:
    """Series and what is known of them.

    Attributes
    ----------
    series : Collection
    known : list of ndarray of shape (n_steps or more, n_known), or None
        From the first step of each series on.
    known_names : list or None
    static : StaticTable or None
    """

    series: Collection
    known: list | None = None
    known_names: list | None = None
    static: object = None

    @classmethod
    def read(cls, series, future, static, id, time):
        """From the arguments of `LSTMForecaster.fit`."""
        collection = read_collection(series, id, time)
        static = collection.static if static is None else _read_static(static, collection, id)
        if future is None:
            return cls(collection, static=static)
        known = read_collection(future, id, time, "future")
        known = matched(known, collection)
        return cls(collection, [_from_first_step(known, collection, i) for i in range(len(collection))], known.names, static)

    @classmethod
    def from_dict(cls, parts):
        """From plain values, as `to_dict` returns them."""
        static = None if parts["static"] is None else StaticTable.from_dict(parts["static"])
        return cls(Collection(**parts["series"]), parts["known"], parts["known_names"], static)

    def to_dict(self):
        """All of it as plain values."""
        series = {field.name: getattr(self.series, field.name) for field in fields(Collection)}
        static = None if self.static is None else {field.name: getattr(self.static, field.name) for field in fields(StaticTable)}
        return {"series": series | {"static": None}, "known": self.known, "known_names": self.known_names, "static": static}

    @property
    def lengths(self):
        """Number of steps of each series."""
        return np.array([len(values) for values in self.series.values])

    def until(self, ends):
        """The first steps of each series, and what is known until then."""
        values = [one[:end] for one, end in zip(self.series.values, ends, strict=True)]
        return self._of(values, [0] * len(values), ends)

    def between(self, begins, ends):
        """Steps of each series, and what is known then."""
        values = [one[begin:end] for one, begin, end in zip(self.series.values, begins, ends, strict=True)]
        return self._of(values, begins, ends)

    def copy(self):
        """The same in arrays of its own, which nobody else changes."""
        values, times, known = (
            None if arrays is None else [one.copy() for one in arrays]
            for arrays in (self.series.values, self.series.times, self.known)
        )
        return replace(self, series=replace(self.series, values=values, times=times), known=known)

    def _of(self, values, begins, ends):
        times = self.series.times
        slices = [slice(begin, end) for begin, end in zip(begins, ends, strict=True)]
        times = None if times is None else [one[part] for one, part in zip(times, slices, strict=True)]
        known = None if self.known is None else [one[part] for one, part in zip(self.known, slices, strict=True)]
        return replace(self, series=replace(self.series, values=values, times=times), known=known)

    def last(self, n_steps):
        """The last steps of each series, and what is known from there on."""
        begins = np.maximum(self.lengths - n_steps, 0)
        ends = [None] * len(begins)
        return self.between(begins, ends)

    def continued(self, new):
        """The series with later steps, which `new` has."""
        pairs = zip(self.series.values, new.series.values, strict=True)
        values = [np.concatenate(pair) for pair in pairs]
        times, known = self.series.times, self.known
        if times is not None:
            times = [np.concatenate(pair) for pair in zip(times, new.series.times, strict=True)]
        if known is not None:
            each = zip(known, self.series.values, new.known, strict=True)
            known = [np.concatenate([of[: len(past)], ahead, of[len(past) + len(ahead) :]]) for of, past, ahead in each]
        return replace(self, series=replace(self.series, values=values, times=times), known=known)

    def check_finite(self, allow_missing):
        """Raise a ValueError where a value is infinite, or missing where that is not allowed."""
        for i, values in enumerate(self.series.values):
            self._refuse(np.isinf(values), i, "is infinite", "Replace it by a number, or NaN.")
            most = np.finfo(values.dtype).max / LARGEST
            self._refuse(np.abs(values) > most, i, f"is larger than {most:.3g}", "Use other units.")
            if not allow_missing:
                remedy = "Fill it, such as by series.interpolate(), or set missing='indicator'."
                self._refuse(np.isnan(values), i, "is missing (NaN)", remedy)
        if self.static is not None:
            numeric = [j for j in range(self.static.values.shape[1]) if j not in self.static.categories]
            wrong = np.argwhere(~np.isfinite(self.static.values[:, numeric]))
            if len(wrong):
                i, column = wrong[0].tolist()
                name = numeric[column] if self.static.names is None else self.static.names[numeric[column]]
                raise ValueError(f"Column {name!r} of static is not finite for {self.series.what(i)}. Fill it.")
        for i, values in enumerate(self.known or []):
            if not np.isfinite(values).all():
                step = int(np.isfinite(values).all(axis=1).argmin())
                raise ValueError(f"future of {self.series.what(i)} has no finite value at step {step}. Fill it.")

    def _refuse(self, wrong, i, is_what, remedy):
        if wrong.any():
            step, channel = np.argwhere(wrong)[0].tolist()
            names, times = self.series.names, self.series.times
            of = "" if names is None and wrong.shape[1] == 1 else f" of channel {channel if names is None else names[channel]!r}"
            when = "" if times is None else f" ({literal(times[i][step], self.series.calendar)})"
            raise ValueError(f"The value{of} at step {step}{when} of {self.series.what(i)} {is_what}. {remedy}")


def _read_static(static, collection, id):
    """Static features of the series; a table that has the columns of their ids is brought into the order of the series."""
    keys = id if isinstance(id, list) else [] if id is None else [id]
    columns = Table(static, "static").names if isinstance(static, Mapping) or hasattr(static, "columns") else []
    if not set(keys) & set(columns):
        return read_static(static, len(collection), collection.ids)
    if absent := [name for name in keys if name not in columns]:
        raise ValueError(f"static has no column {absent[0]!r}; its columns are {columns}. Pass all columns of id, or none.")
    own = [keys_of(np.array(_listed(static[name]))) for name in keys]
    own = list(zip(*own, strict=True)) if isinstance(id, list) else own[0]
    wanted, places = keys_of(collection.ids), {key: k for k, key in enumerate(own)}
    if len(places) < len(own):
        raise ValueError(f"static has the series {repeated(own)[0]!r} twice. Pass one row for each series.")
    if without := [key for key in wanted if key not in places]:
        raise ValueError(f"static has no series {without[0]!r}, but has {own[:5]}. Pass one row for each series.")
    features = read_static({name: static[name] for name in columns if name not in keys}, len(own))
    return features[[places[key] for key in wanted]]


def _listed(column):
    """Entries of a column of any library."""
    return column.to_pylist() if hasattr(column, "to_pylist") else list(column)


def matched(other, collection, name="future"):
    """A collection in the order of the series of another; raises unless it has the same series.

    By their ids, `future` may have others as well, and `new` may leave out series that have no new step.
    """
    if other.ids is None or collection.ids is None:
        if len(other) != len(collection):
            raise ValueError(
                f"{name} must have one entry for each of the {len(collection)} series, got {len(other)}. Pass as many."
            )
        return other
    places = {key: k for k, key in enumerate(other.ids.tolist())}
    wanted = collection.ids.tolist()
    absent = [key for key in (places if name == "new" else wanted) if key not in (wanted if name == "new" else places)]
    if absent and name == "new":
        raise ValueError(f"new has the series {absent[0]!r}, which was not there in fit. Leave it out, or fit again.")
    if absent:
        raise ValueError(f"{name} has no series {absent[0]!r}, but has {list(places)[:5]}. Pass the same series as in fit.")
    order = [places.get(key) for key in wanted]
    values, times = (
        None if arrays is None else [arrays[0][:0] if k is None else arrays[k] for k in order]
        for arrays in (other.values, other.times)
    )
    return replace(other, values=values, ids=collection.ids, times=times)


def _from_first_step(known, collection, i):
    """Known channels from the first step of a series on."""
    values, first = known.values[i], 0
    if known.times is not None and collection.times is not None:
        check_calendar(known.calendar, collection.calendar, collection.what(i), "future")
        found = np.flatnonzero(known.times[i] == collection.times[i][0])
        if not len(found):
            raise ValueError(
                f"future of {collection.what(i)} does not have its first time,"
                f" {literal(collection.times[i][0], collection.calendar)}. Pass values from the first step of the series on."
            )
        first = int(found[0])
    n_steps = len(collection.values[i])
    if known.times is not None and collection.times is not None:
        own, times, calendar = known.times[i][first:], collection.times[i], collection.calendar
        check_times(own[:n_steps], calendar, times, collection.what(i), "future")
        if len(own) > n_steps:
            check_follows(own[n_steps:], calendar, times[-1], collection.what(i), "future")
    if len(values) - first < n_steps:
        raise ValueError(
            f"future of {collection.what(i)} ends too early: it has {len(values) - first} steps from the first of the series on,"
            f" but the series has {n_steps}. Pass values for all steps of the series."
        )
    return values[first:]


def check_channels(read, names, n_channels, argument):
    """Raise a ValueError unless a `Collection` has the channels of fit."""
    if read.n_channels != n_channels or (read.names and names and read.names != names):
        raise ValueError(
            f"{argument} has the channels {read.names or read.n_channels}, but in fit there were {names or n_channels}. Pass the"
            " same channels in the same order."
        )


def known_ahead(future, state, horizon, id, time, beyond=False):
    """Values of known channels for the steps after the series: (n_series, horizon, n_known), or a list of longer ones.

    Parameters
    ----------
    future
        As `LSTMForecaster.predict` gets it; None for what `fit` was given beyond the end of the series.
    state : Data
        The ends of the series.
    horizon : int or list of int
        Number of steps that are needed, of each series if it is a list.
    beyond : bool
        Whether to return all steps that are known instead of the first.
    """
    if state.known is None:
        if future is not None:
            raise ValueError("future was passed, but fit had none. Leave it out, or pass future to fit, too.")
        return None
    series = state.series
    if future is None:
        known = [of[len(values) :] for of, values in zip(state.known, series.values, strict=True)]
    else:
        read = matched(read_collection(future, id, time, "future"), series)
        check_channels(read, state.known_names, state.known[0].shape[1], "future")
        if read.times is not None and series.times is not None:
            for i, times in enumerate(read.times):
                check_calendar(read.calendar, series.calendar, series.what(i), "future")
                check_follows(times, series.calendar, series.times[i][-1], series.what(i), "future")
        known = read.values
    for i, (values, needed) in enumerate(zip(known, np.broadcast_to(horizon, len(known)).tolist(), strict=True)):
        if len(values) < needed:
            raise ValueError(
                f"future of {series.what(i)} ends too early: it has {len(values)} steps after the end of the series, but"
                f" {needed} are needed. Pass future with at least so many steps."
            )
        if not np.isfinite(values[:needed]).all():
            step = int(np.isfinite(values[:needed]).all(axis=1).argmin())
            raise ValueError(f"future of {series.what(i)} has no finite value {step + 1} steps ahead. Fill it.")
    return known if beyond else np.stack([values[:horizon] for values in known])


def read_new(new, future, state, id, time, allow_missing):
    """Steps that follow the ends of series, and what is known of them, as `Data`."""
    series = state.series
    read = matched(read_collection(new, id, time, "new"), series, "new")
    check_channels(read, series.names, series.n_channels, "new")
    items = zip(read.form.get("items", []), series.form.get("items", []), strict=False)
    for i, names in enumerate((new.get("name"), own.get("name")) for new, own in items):
        if None not in names and names[0] != names[1]:
            raise ValueError(
                f"new {i} is called {names[0]!r}, but {series.what(i)} {names[1]!r}. Pass series in the order of fit."
            )
    times = read.times
    if series.times is None:
        times = None
    elif times is None:
        each = enumerate(zip(series.times, read.values, strict=True))
        times = [advance(of, series.calendar, len(values), series.what(i)) for i, (of, values) in each]
    else:
        for i, of in enumerate(times):
            check_calendar(read.calendar, series.calendar, series.what(i), "new")
            check_follows(of, series.calendar, series.times[i][-1], series.what(i), "new")
    known = None
    if state.known is not None or future is not None:
        known = list(known_ahead(future, state, [len(values) for values in read.values], id, time, beyond=True))
    data = replace(state, series=replace(series, values=read.values, times=times), known=known)
    data.check_finite(allow_missing)
    return data
