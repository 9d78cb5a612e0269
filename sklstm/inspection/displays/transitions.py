"""`TransitionDisplay`."""

import numpy as np

from ...estimators.structure import has_transitions
from ..documentation import document
from ..fitted import fitted_network
from .canvas import begin_plot, check_matplotlib, check_names, draw_map, map_height

START, END = "(start)", "(end)"


@document(display="TransitionDisplay", artists="``Axes.pcolormesh``")
class TransitionDisplay:
    """Scores of each label after each other one, of the first label and of the last, as a map.

    Use :meth:`from_estimator` to create a display. A row is the label before, a column the label that follows. Positive scores
    are vermilion (orange on a dark background), negative ones blue; what is not allowed is hatched.

    Parameters
    ----------
    transitions : ndarray of shape (n_classes, n_classes)
        Scores, from the row to the column; -inf for what is not allowed.
    start, end : ndarray of shape (n_classes,)
        Scores of the first label and of the last.
    labels : list of str, default=None
        Names of the labels. None numbers them.

    Attributes
    ----------
    <<ax_>>
    mesh_ : QuadMesh
        Map of the scores.
    <<colorbar_>>

    See Also
    --------
    sklstm.LSTMClassifier : Its parameters `structure` and `allowed_transitions`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.inspection import TransitionDisplay
    >>> X = np.random.default_rng(0).normal(size=(100, 6, 2))
    >>> y = np.where(X[:, :, 0] > 0, "up", "down")
    >>> model = LSTMClassifier(4, return_sequences=True, structure="crf", max_iter=3, random_state=0).fit(X, y)
    >>> display = TransitionDisplay.from_estimator(model)
    >>> [label.get_text() for label in display.ax_.get_xticklabels()]
    ['down', 'up', '(end)']
    """

    def __init__(self, transitions, start, end, *, labels=None):
        self.transitions = transitions
        self.start = start
        self.end = end
        self.labels = labels

    @classmethod
    def from_estimator(cls, estimator, *, ax=None, **kwargs):
        """Draw the transitions of a fitted estimator.

        Parameters
        ----------
        estimator : LSTMClassifier
            The estimator, fitted with ``structure="crf"``.
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
            If the model has no transitions.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        fitted_network(estimator, f"{cls.__name__}.from_estimator")
        if not has_transitions(estimator):
            raise ValueError('This model has no transitions between labels. Fit an LSTMClassifier with structure="crf".')
        labels = [str(label) for label in estimator.classes_.tolist()]
        parts = estimator.transitions_, estimator.start_transitions_, estimator.end_transitions_
        return cls(*parts, labels=labels).plot(ax, **kwargs)

    def plot(self, ax=None, *, colorbar=True, **kwargs):
        """Draw the transitions.

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
            If the number of names is not that of the labels.
        """
        n = len(self.transitions)
        labels = check_names("labels", self.labels, n, "labels") or [str(k) for k in range(n)]
        scores = np.full((n + 1, n + 1), np.nan)
        scores[0, :n], scores[1:, :n], scores[1:, n] = self.start, self.transitions, self.end
        self.figure_, (self.ax_,) = begin_plot(self, ax, [map_height(n + 1)])
        forbidden, shown = np.isneginf(scores), np.where(np.isneginf(scores), np.nan, scores)
        style = {"label": "Score", "rows": "Label before", "names": [START, *labels], "colorbar": colorbar} | kwargs
        self.mesh_, self.colorbar_ = draw_map(self.ax_, shown, np.arange(n + 2) - 0.5, **style)
        for row, column in np.argwhere(forbidden):
            square = {"fill": False, "hatch": "///", "linewidth": 0, "edgecolor": "0.5"}
            self.ax_.add_patch(_rectangle(column - 0.5, row - 0.5, **square))
        crowded = sum(map(len, labels)) > 6 * n
        self.ax_.set_xticks(range(n + 1), [*labels, END], rotation=90 if crowded else 0)
        self.ax_.set_xlabel("Label that follows")
        return self


def _rectangle(x, y, **style):
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), 1, 1, **style)
