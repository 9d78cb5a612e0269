"""`AttentionDisplay`."""

import numpy as np

from ..attention import attention_weights
from ..fitted import one_sequence
from .canvas import BLUE, check_matplotlib, check_names, draw_map, make_axes, name_rows, whole_numbers

LABEL = "Attention weight"
MOST_CHARACTERS = 75  # side by side below an axis


class AttentionDisplay:
    """How much each step weighs in the pooling: bars for one sequence, a map for several.

    Make one with :meth:`from_estimator`. Beside the bars is the weight that all steps would have if they had the same.

    Parameters
    ----------
    weights : list of ndarray of shape (n_steps,)
        Of each sequence.
    step_labels : list of str, default=None
        What the steps of a single sequence are, such as the tokens of a text. None numbers them.
    sequence_names : list of str, default=None
        Of several sequences; None numbers them.

    Attributes
    ----------
    ax_ : Axes
    figure_ : Figure
    bars_ : BarContainer or None
    mesh_ : QuadMesh or None
        The map.
    colorbar_ : Colorbar or None

    See Also
    --------
    attention_weights : The numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.inspection import AttentionDisplay
    >>> X = np.random.default_rng(0).normal(size=(100, 6, 2))
    >>> model = LSTMClassifier(4, pooling="attention", max_iter=3, random_state=0).fit(X, X[:, 0, 0] > 0)
    >>> display = AttentionDisplay.from_estimator(model, X, sequence=7)
    >>> len(display.bars_)
    6
    """

    def __init__(self, weights, *, step_labels=None, sequence_names=None):
        self.weights = weights
        self.step_labels = step_labels
        self.sequence_names = sequence_names

    @classmethod
    def from_estimator(cls, estimator, X, *, sequence=None, step_labels=None, sequence_names=None, ax=None, **kwargs):
        """Ask a fitted estimator, and draw.

        Parameters
        ----------
        estimator : LSTMClassifier or LSTMRegressor
            Fitted with ``pooling="attention"``.
        X : any accepted form of sequences
            With the channels of fit.
        sequence : int, default=None
            Which sequence of X. None is all of them.
        step_labels : list of str, default=None
            What the steps of a single sequence are.
        sequence_names : list of str, default=None
            Of several sequences.
        ax : Axes, default=None
            None makes a figure.
        **kwargs : dict
            As in `plot`.

        Returns
        -------
        AttentionDisplay
            Drawn.

        Raises
        ------
        ImportError
            If matplotlib is not there.
        TypeError
            If the estimator is none of these.
        ValueError
            If the model has another pooling, X does not fit it, there is no such sequence, or the labels are not as many as the
            steps.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        found = attention_weights(estimator, X if sequence is None else one_sequence(X, sequence))
        display = cls([weights[:, 0] for weights in found], step_labels=step_labels, sequence_names=sequence_names)
        return display.plot(ax, **kwargs)

    def plot(self, ax=None, *, colorbar=True, **kwargs):
        """Draw.

        Parameters
        ----------
        ax : Axes, default=None
            None makes a figure.
        colorbar : bool, default=True
            Beside a map.
        **kwargs : dict
            For ``Axes.bar``, or for several sequences ``Axes.pcolormesh``.

        Returns
        -------
        AttentionDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not there.
        ValueError
            If the labels are not as many as the steps, or the names as the sequences.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        weights = [np.asarray(of_one, dtype=float) for of_one in self.weights]
        n, longest = len(weights), max(map(len, weights))
        if n > 1 and self.step_labels is not None:
            raise ValueError(f"step_labels are for one sequence, got {n}. Choose one with sequence=..., or leave them out.")
        labels = check_names("step_labels", self.step_labels, longest, "steps")
        names = check_names("sequence_names", self.sequence_names, n, "sequences")
        (self.ax_,) = make_axes(ax, [2.4 if n == 1 else min(1.2 + 0.16 * n, 6.0)])
        self.figure_ = self.ax_.figure
        self.bars_ = self.mesh_ = self.colorbar_ = None
        if n == 1:
            self.bars_ = self.ax_.bar(np.arange(longest), weights[0], **{"color": BLUE} | kwargs)
            self.ax_.axhline(1 / longest, color="0.5", linestyle=":", label=f"equal: 1/{longest}")
            self.ax_.set_ylim(0, 1.25 * weights[0].max())  # room for the legend
            self.ax_.legend(loc="upper right")
            self.ax_.set_ylabel(LABEL)
        else:
            padded = np.full((n, longest), np.nan)
            for row, of_one in zip(padded, weights, strict=True):
                row[: len(of_one)] = of_one
            kwargs = {"cmap": "viridis", "vmin": 0, "vmax": np.nanmax(padded)} | kwargs
            edges = np.arange(longest + 1) - 0.5
            self.mesh_, self.colorbar_ = draw_map(self.ax_, padded, edges, label=LABEL, colorbar=colorbar, **kwargs)
            name_rows(self.ax_, names, n, "Sequence")
        self.ax_.set_xlabel("Step")
        whole_numbers(self.ax_.xaxis)
        if labels is not None:
            crowded = sum(map(len, labels)) + longest > MOST_CHARACTERS
            self.ax_.set_xticks(range(longest), labels, rotation=90 if crowded else 0)
        return self
