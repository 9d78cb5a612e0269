"""The order of flattened columns, where their names or levels tell it."""

import re

# A name of a channel and the number of a step, either of which may be first: a_0, a.t1, a[2], a-3, 0_a, t1.a, step_2_a.
STEP = r"(?P<mark>(?:t|step|time|lag)[ _.\-]?)?(?P<step>\d+)"
NAME_PATTERNS = (
    re.compile(rf"(?P<channel>.*?[^\d\s_.\-\[(])[ _.\-]*[\[(]?{STEP}[\])]?", re.IGNORECASE),
    re.compile(rf"{STEP}[ _.\-]+(?P<channel>.*\D.*)", re.IGNORECASE),
)


def names_are_levels(X):
    """Whether the columns of a table have two levels."""
    return getattr(getattr(X, "columns", None), "nlevels", 1) == 2


def channels_of_names(names, n_channels):
    """Names of the channels that the names of flattened columns tell, in the order of steps; None where they do not."""
    if len(names) == n_channels:
        return names
    for labels in zip(*_channels_and_steps(names) or (), strict=True):  # of either kind, as in `_may_be_in_order`
        channels = list(map(str, labels[:n_channels]))
        if len(set(channels)) == n_channels and list(map(str, labels)) == channels * (len(names) // n_channels):
            return channels
    return None


def refuse_other_order(X, names, n_channels):
    """Raise a ValueError where the columns of a DataFrame are certainly not in the order of steps, and in that of channels.

    Parameters
    ----------
    X : DataFrame
    names : list of str
        Of its columns.
    n_channels : int
    """
    if names_are_levels(X):
        _refuse_other_levels(X, n_channels)
    elif n_channels > 1 and len(names) > n_channels:
        pairs = _channels_and_steps(names)
        if pairs is not None and not _may_be_in_order(*zip(*pairs, strict=True), n_channels):
            raise ValueError(_message(names, n_channels, _remedy_of_names(pairs, n_channels)))


def _channels_and_steps(names):
    """What each name says: its channel and its step. None if one does not say them."""
    for pattern in NAME_PATTERNS:
        found = [pattern.fullmatch(name) for name in names]
        if all(found):
            return [(match["channel"].lower(), int(match["step"])) for match in found]
    return None


def _may_be_in_order(first, second, n_channels):
    """Whether columns with these pairs of labels may be steps of so many channels one after the other.

    Nothing is known unless each label of one kind comes with each of the other once.
    """
    kinds = [list(dict.fromkeys(labels)) for labels in (first, second)]
    complete = len(set(zip(first, second, strict=True))) == len(first) == len(kinds[0]) * len(kinds[1])
    possible = [k for k in range(2) if len(kinds[k]) == n_channels]
    if not complete or not possible:
        return True
    # The other kind of labels are steps: all of a step's columns have the same one.
    return any(_are_constant((second, first)[k], n_channels) for k in possible)


def _are_constant(labels, n_channels):
    return all(len(set(labels[j : j + n_channels])) == 1 for j in range(0, len(labels), n_channels))


def _message(names, n_channels, remedy):
    return (
        f"The columns of X are not in the order of steps: with n_channels={n_channels} the first {n_channels} columns,"
        f" {names[:n_channels]}, are read as the channels of the first step, but their names are those of several steps. {remedy}"
    )


def _remedy_of_names(pairs, n_channels):
    n_steps = len(pairs) // n_channels
    if _are_constant([channel for channel, _ in pairs], n_steps):
        return f"Pass X.iloc[:, np.arange({len(pairs)}).reshape({n_channels}, {n_steps}).T.ravel()], or a 3-D array."
    return "Pass the columns step by step, X[[...]], or a 3-D array."


def _refuse_other_levels(X, n_channels):
    first, second = (list(X.columns.get_level_values(level)) for level in range(2))
    channels = [level for level, labels in enumerate((first, second)) if all(isinstance(label, str) for label in labels)]
    swap = "X.swaplevel(axis=1).sort_index(axis=1)" if channels != [1] else "X.sort_index(axis=1)"
    if n_channels > 1:
        if len(first) > n_channels and not _may_be_in_order(first, second, n_channels):
            raise ValueError(_message([str(name) for name in X.columns], n_channels, f"Pass {swap}, or a 3-D array."))
        return
    if len(channels) != 1:
        return  # one of them has to be of names for the other to be of steps
    n_names = len(set((first, second)[channels[0]]))
    complete = len(set(zip(first, second, strict=True))) == n_names * len(set((second, first)[channels[0]]))
    if n_names > 1 and complete:
        in_order = _may_be_in_order(first, second, n_names)
        raise ValueError(
            f"The columns of X have two levels, one of {n_names} names such as {(first, second)[channels[0]][0]!r}, but with"
            f" n_channels=1 all columns are steps of one channel. Set n_channels={n_names}"
            + (", or pass X.to_numpy() if they are." if in_order else f", and pass {swap}; or X.to_numpy() if they are.")
        )
