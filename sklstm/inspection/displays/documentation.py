"""Paragraphs that the docstrings of the displays share, for `document`; words in braces are given by each display."""

PARTS = {
    "estimator": """
estimator : LSTMClassifier or LSTMRegressor
    The fitted estimator.
""",
    "X": """
X : any accepted form of sequences
    Sequences with the channels of `fit`.
""",
    "sequence": """
sequence : int, default=0
    Index of the sequence in X; a negative one counts from the end.
""",
    "channel_names": """
channel_names : list of str, default=None
    Names of the channels. None takes those of X, or numbers the channels if it has none.
""",
    "colorbar": """
colorbar : bool, default=True
    Whether to draw a colour bar beside the map.
""",
    "ax": """
ax : Axes, default=None
    Matplotlib axes to draw in. None makes a new figure.
""",
    "axes": """
ax : Axes or array-like of Axes, default=None
    Matplotlib axes to draw in: one for each {panel}, or a single one of a grid, which is divided. None makes a new figure.
""",
    "kwargs": """
**kwargs : dict
    Keyword arguments of {artists}.
""",
    "kwargs of plot": """
**kwargs : dict
    Further arguments of `plot`, and keyword arguments of {artists}.
""",
    "ax_": """
ax_ : Axes
    Matplotlib axes with the picture.
figure_ : Figure
    Matplotlib figure with the axes.
""",
    "axes_": """
axes_ : ndarray of Axes
    Matplotlib axes, one for each {panel}.
figure_ : Figure
    Matplotlib figure with the axes.
""",
    "colorbar_": """
colorbar_ : Colorbar or None
    Colour bar beside the map; None if there is none.
""",
    "the display": """
{display}
    The display itself.
""",
    "a display": """
{display}
    The display, with its picture drawn.
""",
    "no matplotlib": """
ImportError
    If matplotlib is not installed.
""",
    "no estimator": """
TypeError
    If the estimator is neither an LSTMClassifier nor an LSTMRegressor.
""",
}
