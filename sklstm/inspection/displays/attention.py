"""`AttentionDisplay`."""

import numpy as np

from ..attention import attention_weights
from ..documentation import document
from ..fitted import one_sequence
from .canvas import BLUE, begin_plot, check_matplotlib, check_names, draw_map, label_steps, map_height

LABEL = "Attention weight"
MAX_CHARACTERS = 75  # side by side below an axis


@document(display="AttentionDisplay", artists="``Axes.bar``, or for several sequences of ``Axes.pcolormesh``")
class AttentionDisplay:
    """Attention weight of each step in the pooling: bars for one sequence, a map for several.

    Use :meth:`from_estimator` to create a display. A dotted line beside the bars marks equal weights.

    Parameters
    ----------
    weights : list of ndarray of shape (n_steps,)
        Attention weights of each sequence.
    <<labels of attention>>

    Attributes
    ----------
    <<ax_>>
    bars_ : BarContainer or None
        Bars of a single sequence.
    mesh_ : QuadMesh or None
        Map of several sequences.
    <<colorbar_>>

    See Also
    --------
    attention_weights : Compute the weights.

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
        """Compute the attention weights of a fitted estimator, and draw them.

        Parameters
        ----------
        estimator : LSTMClassifier or LSTMRegressor
            The estimator, fitted with ``pooling="attention"``.
        <<X as in fit>>
        sequence : int, default=None
            Index of the sequence in X; a negative one counts from the end. None draws all sequences.
        <<labels of attention>>
        <<ax>>
        <<kwargs of plot>>

        Returns
        -------
        <<a display>>

        Raises
        ------
        <<no matplotlib>>
        <<no estimator>>
        ValueError
            If the model has another pooling, X does not fit the estimator, `sequence` does not exist, or the number of labels
            is not that of the steps.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        found = attention_weights(estimator, X if sequence is None else one_sequence(X, sequence))
        display = cls([weights[:, 0] for weights in found], step_labels=step_labels, sequence_names=sequence_names)
        return display.plot(ax, **kwargs)

    def plot(self, ax=None, *, colorbar=True, **kwargs):
        """Draw the weights.

        Parameters
        ----------
        <<ax>>
        <<colorbar>>
        <<kwargs>>

        Returns
        -------
        <<the display>>

        Raises
        ------
        <<no matplotlib>>
        ValueError
            If the number of labels is not that of the steps, or the number of names not that of the sequences.
        """
        weights = [np.asarray(of_one, dtype=float) for of_one in self.weights]
        n, longest = len(weights), max(map(len, weights))
        if n > 1 and self.step_labels is not None:
            raise ValueError(f"step_labels are for one sequence, got {n}. Choose one with sequence=..., or leave them out.")
        labels = check_names("step_labels", self.step_labels, longest, "steps")
        names = check_names("sequence_names", self.sequence_names, n, "sequences")
        self.figure_, (self.ax_,) = begin_plot(self, ax, [2.4 if n == 1 else map_height(n, row=0.16)])
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
            style = {"cmap": "viridis", "vmin": 0, "vmax": np.nanmax(padded), "colorbar": colorbar} | kwargs
            edges = np.arange(longest + 1) - 0.5
            self.mesh_, self.colorbar_ = draw_map(self.ax_, padded, edges, label=LABEL, rows="Sequence", names=names, **style)
        label_steps(self.ax_)
        if labels is not None:
            crowded = sum(map(len, labels)) + longest > MAX_CHARACTERS
            self.ax_.set_xticks(range(longest), labels, rotation=90 if crowded else 0)
        return self
