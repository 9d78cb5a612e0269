"""`AlignmentDisplay`."""

import numpy as np

from ...estimators import LSTMSeq2Seq
from ...sequences import Sequences
from ...sequences.channels import decoded
from ...sequences.outputs import TOKENS, tokens_of
from ...sequences.refusals import array_of
from ..documentation import document
from ..fitted import fitted_network, one_sequence
from .canvas import begin_plot, check_matplotlib, check_names, draw_map, label_steps, map_height

LABEL = "Attention weight"
MAX_CHARACTERS = 75  # side by side below an axis


@document(display="AlignmentDisplay", artists="``Axes.pcolormesh``")
class AlignmentDisplay:
    """Attention weights of the steps of a sequence (columns) for each step of the output (rows), as a map.

    Use :meth:`from_estimator` or :meth:`from_predictions` to create a display. The weights of a row sum to 1.

    Parameters
    ----------
    weights : ndarray of shape (n_output_steps, n_steps)
        Attention weights.
    <<labels of alignments>>

    Attributes
    ----------
    <<ax_>>
    mesh_ : QuadMesh
        Map of the weights.
    <<colorbar_>>

    See Also
    --------
    sklstm.LSTMSeq2Seq.attention_weights : Compute the weights.
    AttentionDisplay : Attention of models with one prediction for each sequence.

    Examples
    --------
    >>> from sklstm import LSTMSeq2Seq
    >>> from sklstm.inspection import AlignmentDisplay
    >>> model = LSTMSeq2Seq(8, max_iter=10, random_state=0).fit(["ab", "abb", "ba", "b"] * 10, ["ba", "bba", "ab", "b"] * 10)
    >>> display = AlignmentDisplay.from_estimator(model, ["abb"], ["bba"])
    >>> [label.get_text() for label in display.ax_.get_xticklabels()]
    ['a', 'b', 'b']
    """

    def __init__(self, weights, *, source_labels=None, output_labels=None):
        self.weights = weights
        self.source_labels = source_labels
        self.output_labels = output_labels

    @classmethod
    def from_estimator(cls, estimator, X, y=None, *, sequence=0, source_labels=None, output_labels=None, ax=None, **kwargs):
        """Compute the attention weights of a fitted estimator for one sequence, and draw them.

        Parameters
        ----------
        estimator : LSTMSeq2Seq
            The estimator, fitted with attention.
        X : list of str, or any accepted form of sequences
            Sequences as in `fit`.
        y : as in fit, default=None
            Outputs of these sequences that the decoder reads. None takes those that the estimator predicts.
        <<sequence>>
        source_labels : list of str, default=None
            Labels of the steps of the sequence. None takes its tokens, and of numbers or several channels numbers the steps.
        output_labels : list of str, default=None
            Labels of the steps of the output. None takes its tokens, and of numbers numbers the steps.
        <<ax>>
        <<kwargs of plot>>

        Returns
        -------
        <<a display>>

        Raises
        ------
        <<no matplotlib>>
        TypeError
            If the estimator is no LSTMSeq2Seq.
        AttributeError
            If the model has no attention.
        ValueError
            If X or y does not fit the estimator, `sequence` does not exist, or the number of labels is not that of the steps.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        fitted_network(estimator, f"{cls.__name__}.from_estimator", LSTMSeq2Seq)
        own = one_sequence(X, sequence)
        is_predicted = y is None and not estimator._y_format["is_numeric"]
        output = estimator.predict(own) if is_predicted else None if y is None else one_sequence(y, sequence)
        (weights,) = estimator.attention_weights(own, output)
        n_rows, n_columns = weights.shape
        labels = {
            "source_labels": _tokens_of(own, estimator.tokens, n_columns) if source_labels is None else source_labels,
            "output_labels": _tokens_of(output, estimator.tokens, n_rows) if output_labels is None else output_labels,
        }
        return cls(weights, **labels).plot(ax, **kwargs)

    @classmethod
    def from_predictions(cls, weights, *, source_labels=None, output_labels=None, ax=None, **kwargs):
        """Draw attention weights that have been computed.

        Parameters
        ----------
        weights : array-like of shape (n_output_steps, n_steps)
            Attention weights of one sequence, an entry of what :meth:`sklstm.LSTMSeq2Seq.attention_weights` returns.
        <<labels of alignments>>
        <<ax>>
        <<kwargs of plot>>

        Returns
        -------
        <<a display>>

        Raises
        ------
        <<no matplotlib>>
        ValueError
            If the number of labels is not that of the steps.
        """
        check_matplotlib(f"{cls.__name__}.from_predictions")
        return cls(weights, source_labels=source_labels, output_labels=output_labels).plot(ax, **kwargs)

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
            If the number of labels is not that of the steps.
        """
        advice = "Pass the weights of one sequence, an entry of what attention_weights returns."
        weights = array_of("weights", self.weights, advice).astype(float)
        if weights.ndim != 2:
            raise ValueError(f"weights must be a 2-D array (n_output_steps, n_steps), got {weights.shape}. {advice}")
        n_rows, n_columns = weights.shape
        rows = check_names("output_labels", self.output_labels, n_rows, "steps of the output")
        columns = check_names("source_labels", self.source_labels, n_columns, "steps")
        self.figure_, (self.ax_,) = begin_plot(self, ax, [map_height(n_rows, row=0.25)])
        style = {"cmap": "viridis", "vmin": 0, "vmax": 1, "colorbar": colorbar} | kwargs
        edges = np.arange(n_columns + 1) - 0.5
        self.mesh_, self.colorbar_ = draw_map(self.ax_, weights, edges, label=LABEL, rows="Output", names=rows, **style)
        label_steps(self.ax_, "Source")
        if columns is not None:
            crowded = sum(map(len, columns)) + n_columns > MAX_CHARACTERS
            self.ax_.set_xticks(range(n_columns), columns, rotation=90 if crowded else 0)
        return self


def _tokens_of(sequences, tokens, n_steps):
    """Tokens of the only one of some texts, lists of tokens or sequences of one channel; None for numbers, for several channels,
    or where there is not one for each step."""
    if sequences is None:
        return None
    if isinstance(sequences, Sequences) and sequences.categories and sequences.n_channels == 1:
        entries = decoded(sequences, 0)
    else:
        entry = sequences[0] if isinstance(sequences, (list, tuple)) else next(iter(sequences))
        if isinstance(entry, str):
            entries = TOKENS[tokens][0](entry) or [""]  # a text without a token is read as one unknown token
        else:
            values = tokens_of([entry]) if isinstance(entry, (list, tuple)) else np.asarray(entry)
            values = values.reshape(len(values), -1)
            is_numeric = any(isinstance(value, (float, np.floating)) for value in values[:, 0])
            entries = [] if is_numeric or values.shape[1] > 1 else values[:, 0].tolist()
    return list(map(str, entries)) if len(entries) == n_steps else None
