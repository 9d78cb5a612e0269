"""What the displays share: axes to draw in, maps, and colours that colour-blind readers can tell apart on any background."""

from importlib import import_module

import numpy as np

from ...sequences.extras import why_not

# Okabe and Ito (2008), "Color universal design", without black and yellow, which vanish on black and on white.
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
COLORS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
# Of curves, as keyword arguments: where they are more than the colours, the dashes tell them apart.
LINE_STYLES = [{"color": color, "linestyle": dash} for dash in ("-", "--", ":", "-.") for color in COLORS]

WIDTH = 6.4  # inches
MAX_LABELS = 24  # on an axis with a name for each row


def check_matplotlib(caller):
    """Raise an ImportError unless matplotlib is installed."""
    try:
        import_module("matplotlib")
    except ImportError as error:
        raise ImportError(f"{caller} requires matplotlib, which {why_not('matplotlib', error, 'plot')}.") from error


def begin_plot(display, ax, heights):
    """The figure of a display and its axes, one below the other.

    Parameters
    ----------
    display : display
    ax : Axes, array-like of Axes, or None
        Axes to draw in: as many as are needed, or one, which is divided where several are needed. None makes a figure.
    heights : list of float
        Height of each in inches.

    Returns
    -------
    figure : Figure
    axes : ndarray of Axes of shape (len(heights),)
    """
    check_matplotlib(f"{type(display).__name__}.plot")
    axes = _make_axes(ax, heights)
    return axes[0].figure, axes


def _make_axes(ax, heights):
    import matplotlib.pyplot as plt

    n = len(heights)
    if ax is None:
        layout = {"height_ratios": heights, "layout": "constrained", "squeeze": False}
        return plt.subplots(n, 1, sharex=True, figsize=(WIDTH, sum(heights) + 0.8), **layout)[1][:, 0]
    given = np.array(ax, dtype=object).ravel()
    if len(given) == n:
        return given
    if len(given) > 1 or ax.get_subplotspec() is None:
        raise ValueError(f"The display draws in {n} axes, got {len(given)}. Pass {n}, or one that belongs to a grid, or none.")
    ax.set_axis_off()
    grid = ax.get_subplotspec().subgridspec(n, 1, height_ratios=heights)
    grid.figure = ax.figure  # which a GridSpec need not know
    return grid.subplots(sharex=True, squeeze=False)[:, 0]


def diverging_colors(ax):
    """A colour map from blue by the colour of the background to vermilion, or where that is dark, to lighter ones."""
    from matplotlib.colors import LinearSegmentedColormap

    background = ax.get_facecolor()
    negative, positive = (BLUE, VERMILION) if np.mean(background[:3]) > 0.5 else (SKY, ORANGE)
    return LinearSegmentedColormap.from_list("blue_background_vermilion", [negative, background, positive])


def map_height(n_rows, row=0.3):
    """Height in inches of a map with that many rows."""
    return min(1.2 + row * n_rows, 6.0)


def draw_map(ax, values, edges, *, label, rows, names, colorbar, **kwargs):
    """Draw a map of values; its colours are symmetric about 0 unless `kwargs` say otherwise.

    Parameters
    ----------
    ax : Axes
    values : ndarray of shape (n_rows, n_columns)
    edges : array-like of shape (n_columns + 1,)
        Edges of the columns.
    label : str
        What the values are.
    rows : str
        What the rows are.
    names : list of str of shape (n_rows,), or None
        Names of the rows. Where there are none, or too many, the rows have numbers.
    colorbar : bool
    **kwargs
        For ``pcolormesh``.

    Returns
    -------
    mesh : QuadMesh
    colorbar : Colorbar or None
    """
    n_rows = len(values)
    largest = np.nanmax(np.abs(values), initial=0) or 1.0
    kwargs = {"cmap": diverging_colors(ax), "vmin": -largest, "vmax": largest} | kwargs
    mesh = ax.pcolormesh(edges, np.arange(n_rows + 1) - 0.5, values, **kwargs)
    ax.set_ylim(n_rows - 0.5, -0.5)
    bar = ax.figure.colorbar(mesh, ax=ax, label=label) if colorbar else None
    _whole_numbers(ax.yaxis)
    if n_rows <= MAX_LABELS:
        ax.set_yticks(range(n_rows), range(n_rows) if names is None else names)
    ax.set_ylabel(rows)
    return mesh, bar


def label_steps(ax, label="Step"):
    """Label a horizontal axis that counts something: ticks are at whole numbers only."""
    ax.set_xlabel(label)
    _whole_numbers(ax.xaxis)


def concise_dates(ax):
    """Write what dates of neighbouring ticks share once, where a horizontal axis has dates."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = ax.xaxis.get_major_locator()
    if isinstance(locator, AutoDateLocator):
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))


def _whole_numbers(axis):
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True))


def check_names(name, values, n, what):
    """Names as a list of n texts, or None; what they name is for the message."""
    if values is None:
        return None
    values = [str(value) for value in values]
    if len(values) != n:
        raise ValueError(f"{name} must have a name for each of the {n} {what}, got {len(values)}.")
    return values
