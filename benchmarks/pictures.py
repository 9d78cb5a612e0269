"""Pictures of the results of the benchmarks, readable at 800 pixels.

    python benchmarks/train_step.py --json FILE.json --picture FILE.png
    python benchmarks/pictures.py FILE.json FILE.png        the same picture again

A result is a dict of plain values, as `measure` in train_step.py returns them:

    "batch"             "dense", "ragged": one panel or group of bars each, in the order of the results
    "shape"             (B, T, D, H), for `ratio_lines`
    "ratio"             {contender: {"median": ..., "lower quartile": ..., "upper quartile": ...}}; 1 for the first contender
    "seconds" or other  the same for the measured quantity, for `bars`
"""

import argparse
import json
import math
from pathlib import Path

# Okabe and Ito's colours, told apart by colour-blind eyes; the same contender has the same in every picture.
COLOURS = {
    "sklstm": "#222222",
    "torch": "#D55E00",
    "torch packed": "#E69F00",
    "JAX": "#0072B2",
    "ONNX Runtime": "#009E73",
    "Keras": "#CC79A7",
    "skorch": "#56B4E9",
}
MARKERS = "osD^vPX"
WIDTH, DOTS_PER_INCH = 8.0, 200  # inches; shown at half the size
NOT_PEERS = ("gemm",)


def of_units(result):
    """H of a result, the default x of `ratio_lines`."""
    return result["shape"][-1]


def ratio_lines(results, file, title, *, x=of_units, x_label="hidden size H", y_label=None, names=None):
    """Save a chart of each contender's time divided by the first one's, with logarithmic axes and a line at 1.

    Where several results share a panel and an x, each is a dot, the line runs through their geometric mean, and a band
    covers all of them.

    Parameters
    ----------
    results : list of dict
        A panel for each value of ``"batch"``; a contender may be absent from some.
    file : str or Path
    title : str
    x : callable
        ``x(result)``, a positive number
    x_label, y_label : str
        The default of y_label is "time / time of" the first contender.
    names : list of str, optional
        Contenders to show, the default is all but the first.
    """
    first, *others = contenders(results, "ratio")
    names = others if names is None else names
    panels = list(dict.fromkeys(result["batch"] for result in results))
    if len({(r["batch"], x(r)) for r in results}) < len(results):
        title += "\nlines: geometric means; dots and bands: every shape"
    figure, all_axes = _panels(len(panels), title)
    ticks = sorted({x(result) for result in results})
    for axes, panel in zip(all_axes, panels, strict=True):
        for k, name in enumerate(names):
            points = [(x(r), r["ratio"][name]["median"]) for r in results if r["batch"] == panel and name in r["ratio"]]
            _line(axes, points, name, colour(name, k), MARKERS[k % len(MARKERS)])
        axes.axhline(1, color="black", linewidth=1.2)
        axes.set(xscale="log", yscale="log", title=panel, xlabel=x_label)
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.grid(axis="y", color="0.9")
    _ratio_ticks(all_axes)
    all_axes[0].set_ylabel(y_label or f"time / time of {first}")
    low, _ = all_axes[0].get_ylim()
    for axes in all_axes:
        axes.axhspan(low, 1, color="0.93", zorder=0)
    all_axes[0].annotate(f"{first} is slower", (0.02, 1), (0, -3), xycoords=("axes fraction", "data"),
                         textcoords="offset points", va="top", fontsize=9, color="0.35")
    handles = {label: line for axes in all_axes for line, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=len(handles), frameon=False)
    figure.savefig(file)


def bars(results, file, title, *, value="seconds", x_label="seconds", names=None):
    """Save a bar for each contender of each result: the median, its quartiles, and the ratio to the first contender.

    Parameters
    ----------
    results : list of dict
        A panel for each, headed by its ``"batch"``; ``"ratio"`` may be absent.
    file : str or Path
    title : str
    value : str
        What the bars show: ``result[value]`` is ``{contender: {"median": ..., ...}}``.
    x_label : str
        With the unit.
    names : list of str, optional
        Contenders to show, the default is all.
    """
    names = contenders(results, value) if names is None else names
    figure, all_axes = _panels(len(results), title, height=1.3 + 0.42 * len(names))
    longest = max(r[value][name]["median"] for r in results for name in names if name in r[value])
    for axes, result in zip(all_axes, results, strict=True):
        for k, name in enumerate(names):
            if name in result[value]:
                _bar(axes, k, result, value, name)
        axes.set_yticks(range(len(names)), names)
        axes.set(title=result["batch"], xlabel=x_label, xlim=(0, longest * (1.2 + 0.2 * len(results))))
        axes.set_ylim(len(names) - 0.5, -0.5)  # the first on top
        axes.grid(axis="x", color="0.9")
        axes.set_axisbelow(True)
    figure.savefig(file)


def contenders(results, key):
    """Names in ``result[key]``, in order of first appearance."""
    return [name for name in dict.fromkeys(name for result in results for name in result[key]) if name not in NOT_PEERS]


def colour(name, k):
    """Style of the k-th contender of a chart."""
    free = [c for c in COLOURS.values() if c != COLOURS["sklstm"]]
    return COLOURS.get(name, free[k % len(free)])


def _panels(n, title, height=4.4):
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    style = {"font.size": 11, "axes.titlesize": 11, "axes.spines.top": False, "axes.spines.right": False}
    with rc_context(style):
        figure = Figure(figsize=(WIDTH, height), dpi=DOTS_PER_INCH, layout="constrained")
        axes = figure.subplots(1, n, sharey=True, squeeze=False)[0]
        figure.suptitle(title, fontsize=12)
    return figure, axes


def _line(axes, points, name, line_colour, marker):
    if not points:
        return
    xs = sorted({x for x, _ in points})
    columns = [[y for x, y in points if x == column] for column in xs]
    mean = [math.prod(column) ** (1 / len(column)) for column in columns]
    if len(points) > len(xs):
        axes.fill_between(xs, [min(c) for c in columns], [max(c) for c in columns], color=line_colour, alpha=0.15, linewidth=0)
        axes.scatter(*zip(*points, strict=True), s=10, color=line_colour, alpha=0.6, linewidth=0)
    axes.plot(xs, mean, color=line_colour, marker=marker, markersize=5, linewidth=1.8, label=name)


def _ratio_ticks(all_axes):
    """Ticks 1, 2, 5, 10, ... within the limits of all panels; 1 is always included."""
    low, high = all_axes[0].get_ylim()
    low, high = min(low, 0.8), max(high, 1.3)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**decade for decade in decades for step in (1, 2, 5)]
    ticks = [tick for tick in ticks if low <= tick <= high]
    for axes in all_axes:
        axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.set_ylim(low, high)


def _bar(axes, k, result, value, name):
    median, low, high = (result[value][name].get(key, 0) for key in ("median", "lower quartile", "upper quartile"))
    axes.barh(k, median, height=0.65, color=colour(name, k))
    text = f"{median:.3g}"
    ratio = result.get("ratio", {}).get(name, {}).get("median", 1)
    if ratio != 1:
        text += f"  ({ratio:.1f} x)"
    if high > low:
        axes.plot([low, high], [k, k], color="0.5" if name == "sklstm" else "0.15", linewidth=1.5)
    axes.annotate(text, (max(median, high), k), (4, 0), textcoords="offset points", va="center")


def draw(record, file):
    """Save the picture of a record: ``"picture"`` names the function, ``"title"`` and ``"results"`` are its arguments."""
    {"ratio_lines": ratio_lines, "bars": bars}[record["picture"]](record["results"], file, record["title"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("json", type=Path, help="what a benchmark wrote with --json")
    parser.add_argument("picture", type=Path, help="file of the picture, .png or .svg")
    options = parser.parse_args()
    draw(json.loads(options.json.read_text()), options.picture)


if __name__ == "__main__":
    main()
