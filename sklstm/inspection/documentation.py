"""Paragraphs that docstrings share, for `document`; words in braces are given by each display.

<<estimator>>
estimator : LSTMClassifier or LSTMRegressor
    The fitted estimator.

<<X as in fit>>
X : any accepted form of sequences
    Sequences with the channels of `fit`.

<<sequence>>
sequence : int, default=0
    Index of the sequence in X; a negative one counts from the end.

<<channel_names>>
channel_names : list of str, default=None
    Names of the channels. None takes those of X, or numbers the channels if it has none.

<<colorbar>>
colorbar : bool, default=True
    Whether to draw a colour bar beside the map.

<<ax>>
ax : Axes, default=None
    Matplotlib axes to draw in. None makes a new figure.

<<axes>>
ax : Axes or array-like of Axes, default=None
    Matplotlib axes to draw in: one for each {panel}, or a single one of a grid, which is divided. None makes a new figure.

<<kwargs>>
**kwargs : dict
    Keyword arguments of {artists}.

<<kwargs of plot>>
**kwargs : dict
    Further arguments of `plot`, and keyword arguments of {artists}.

<<ax_>>
ax_ : Axes
    Matplotlib axes with the picture.
figure_ : Figure
    Matplotlib figure with the axes.

<<axes_>>
axes_ : ndarray of Axes
    Matplotlib axes, one for each {panel}.
figure_ : Figure
    Matplotlib figure with the axes.

<<colorbar_>>
colorbar_ : Colorbar or None
    Colour bar beside the map; None if there is none.

<<the display>>
{display}
    The display itself.

<<a display>>
{display}
    The display, with its picture drawn.

<<no matplotlib>>
ImportError
    If matplotlib is not installed.

<<no estimator>>
TypeError
    If the estimator is neither an LSTMClassifier nor an LSTMRegressor.

<<labels of attention>>
step_labels : list of str, default=None
    Labels of the steps of a single sequence, such as the tokens of a text. None numbers the steps.
sequence_names : list of str, default=None
    Names of several sequences. None numbers them.

<<labels of alignments>>
source_labels : list of str, default=None
    Labels of the steps of the sequence. None numbers them.
output_labels : list of str, default=None
    Labels of the steps of the output. None numbers them.

<<labels of forecasts>>
y_true : array-like of shape (horizon,), default=None
    Observed values in the steps of the forecast.
times : array-like of shape (n_history + horizon,), default=None
    Times of all steps, as numbers or dates. None numbers the steps, with 0 for the last of the history.
time_name : str, default=None
    Label of the time axis, with its unit. None is "Time", or "Step" without `times`.
value_name : str, default="Value"
    Label of the values, with their unit.

<<scores of anomalies>>
scores : array-like of shape (n_steps,)
    Scores of the steps, as from ``score_steps``: the lower, the more abnormal. NaN where there is none.
threshold : float, default=None
    Score below which a step is an alarm, such as ``step_offset_``. None if there are no alarms to show.
channel_scores : array-like of shape (n_steps, n_channels), default=None
    Scores of the channels, as from ``score_steps`` with ``channels=True``.

<<truth of anomalies>>
y_true : array-like of shape (n_steps,), default=None
    For each step 1 in a true event and 0 outside. With `sequence` also an array (n_sequences, n_steps).
times : array-like of shape (n_steps,), default=None
    Times of the steps, as numbers or dates. None numbers the steps.
time_name : str, default=None
    Label of the time axis, with its unit. None is "Time", or "Step" where the steps are numbered.

<<curves of channels>>
channels : list of int, default=None
    Numbers of the channels whose curves are drawn, each in a panel. None draws up to four: those with the lowest scores at the
    alarms.

<<units and quantities>>
units : array-like of int, default=None
    Units to show, by number. None shows up to four whose hidden state varies most.
quantities : list of str, default=None
    Activations to show, by their letters. None shows all.

<<panels>>
panels : list of {"loss", "validation_score", "learning_rate", "gradient_norm"}, default=None
    Panels to show. None shows all for which the history has values.

<<any estimator>>
estimator : estimator
    The fitted estimator: an LSTMClassifier or LSTMRegressor, or any other that accepts X, such as a Pipeline that ends with one
    of them.

<<permutation>>
y : array-like
    Targets, as the scorer takes them. Pass data that were not used in training: on training data, steps that the model only
    memorised look important.
scoring : str, callable or None, default=None
    Name of a scorer of scikit-learn, or a callable ``scorer(estimator, X, y)``. None uses the estimator's ``score``.
steps : int or array-like of int of shape (n_blocks + 1,), default=1
    Blocks of steps that are permuted together: their common length, or the steps at which they begin and end, in ascending order.
    Neighbouring steps of a slow series hold nearly the same information, so that only blocks of them matter to a score.
align : {"start", "end"}, default="start"
    Where the numbers of steps are counted from: the first step of each sequence, as 0, 1, ..., or its last, as ..., -2, -1.
channels : list of int or of lists of int, default=None
    Channels to permute; those of an inner list are permuted together, such as the 0/1 channels of one category. None permutes
    each channel by itself.
n_repeats : int, default=5
    Number of times that each block of each channel is permuted.
sample_weight : array-like, default=None
    Sample weights, as for the scorer.
random_state : int, RandomState or None, default=None
    Seed or generator of the permutations. Pass an int for the same result in every call.

<<calibrated estimator>>
estimator : estimator or list of LSTMRegressor
    The fitted estimator: any classifier with `predict_proba`, or an LSTMRegressor with ``loss="quantile"``, or a list of such
    regressors for the same y. It may be inside of a Pipeline or a search.

<<reliability>>
X : any accepted form of sequences
    Sequences with the channels of `fit`.
y : array-like
    Targets, in any of the forms of `fit`; masked steps are left out. Pass data that were not used in training, to which
    probabilities are fitted too closely.

<<bins>>
n_bins : int, default=10
    Number of bins of predicted probabilities. More bins need more data. Ignored for quantiles.
strategy : {"uniform", "quantile"}, default="uniform"
    Whether bins have the same width, or the same number of samples.
pos_label : label, default=None
    Which of two classes to take. None is the second in sorted order.
per_class : bool, default=False
    Whether there is a curve for the probability of each class. If not, of more than two classes only the probability of the
    predicted one counts. Several labels always have a curve each.
sample_weight : array-like, default=None
    Weights, as in `fit`.
confidence_level : float, default=0.95
    Confidence level of the intervals of the frequencies.
"""

from functools import partial

from .. import docstrings
from ..estimators.documentation import SHARED

document = partial(docstrings.document, SHARED | docstrings.read_parts(__doc__))  # document(**words)
