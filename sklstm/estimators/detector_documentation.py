"""Paragraphs of the docstrings of detectors, for `document`.

<<detector>>
target : {"next", "reconstruct"}, default="next"
    What the network predicts.

    - "next": the numeric channels of the next `horizon` steps, from the steps so far. The errors of a step are those of what was
      predicted for it before it came.
    - "reconstruct": the numeric channels of the steps themselves, piece by piece. An encoder reads a piece, and a decoder, which
      begins with the states that the encoder ends in and sees nothing else, writes its steps from the last one to the first. A
      step is then scored by what comes after it, too, and there is no `stream`. The layers are those of
      :class:`~sklstm.LSTMSeq2Seq` without attention, and the encoder may be bidirectional.
horizon : int, default=1
    Number of steps ahead that are predicted. With more than one, each step is compared with that many predictions, of which the
    earlier ones did not know the beginning of an anomaly: a change of level then is not forgotten after its first step. It is 1
    for reconstructions.
window : int, "auto" or None, default="auto"
    Number of steps of the pieces, at most, that long sequences are cut into for training; each begins with the initial state.
    Predictions of next steps are scored over whole sequences; reconstructions are those of pieces of about equal length, which do
    not overlap, and in training have random lengths from half of it on, so that they begin at all phases of a season. "auto" is a
    fortieth of all steps, but at least 64 and at most 256, and in any case at most a tenth. None cuts none.
error_model : {"robust", "gaussian", "quantile"}, default="robust"
    Distribution of the errors, learned from held-out data. Scores are squared Mahalanobis distances: of errors in standard units,
    by their correlations, which are shrunk by the estimate of Ledoit and Wolf [26]_.

    - "robust": standard units are those of the median and the median absolute deviation, or a tenth of the standard deviation if
      that is more; in the correlations errors count up to three units.
    - "gaussian": standard units are those of the mean and the standard deviation, for data without anomalies.
    - "quantile": errors are replaced by the normal scores of their quantiles, channel by channel, for errors that are skewed or
      have heavy tails.
smoothing : float, default=0.5
    Weight of the past in an exponential mean of the scores along each sequence, in [0, 1). Most anomalies last for some steps,
    and stand out more in a mean; 0 leaves the scores as they are, for the exact step of a spike. A change of this or of
    `aggregation` takes effect in the next `fit`, which sets the thresholds for it.
aggregation : {"mean", "max", "top"}, default="mean"
    How the scores of its steps become that of a sequence: their mean, the most abnormal one, or the mean of the tenth that is the
    most abnormal.
contamination : "auto" or float, default="auto"
    Share of the training sequences, in (0, 0.5], that `predict` calls abnormal. With "auto" the threshold is the quantile
    `alarm_rate` of the scores of held-out sequences, or pieces of such; of fewer than 0.5 / `alarm_rate` of these, that of a
    lognormal distribution of minus the scores, with the t distribution for their number, if that is lower.
alarm_rate : float, default=0.01
    Share of normal steps, in (0, 0.5], that `predict_steps` is to call abnormal: the rate of false alarms. The threshold is that
    quantile of the scores of held-out steps; where fewer than 100 are below it, the quantile of a generalised Pareto distribution
    of the lowest tenth of them [29]_, if these are 30 or more.

<<loss>>
loss : {"huber", "squared_error", "absolute_error"}, default="huber"
    Loss that training minimises: half the squared error up to `huber_delta` and linear beyond, half the squared error, or the
    absolute error. The first and the last resist anomalies in the training data.
huber_delta : float, default=1.345
    Absolute error beyond which the loss "huber" is linear, in robust standard deviations of the channel: the interquartile range
    divided by 1.349, or where that is 0 the standard deviation. With ``standardize=False``, in units of the channel.

<<how long>>
early_stopping : bool or "auto", default="auto"
    How the length of the training is chosen, on what is held out (see `validation_fraction`).

    - "auto": if `max_iter` is "auto" too, whole fits of several lengths are compared, the shortest first, until a longer one is
      clearly worse. The network is then trained for the length with the lowest loss. With `max_iter` as an int, and for fewer
      than 10 sequences or pieces of such, all epochs are run.
    - True: one fit stops when the loss or score on what is held out no longer improves, and keeps the weights with the best one.
    - False: all epochs are run.

<<held out>>
validation_fraction : float, default=0.2
    Fraction of the data, in (0, 1), that is held out: the network is not trained on it. The distribution of the errors, the
    thresholds and the length of the training are learned from it. Of long sequences it is the end of each, and of 10 or more
    short ones, the ends of most of which would have fewer than 50 steps, these are whole sequences at random. With `groups` these
    are whole groups. Ignored if `X_val` is given.

<<fitted>>
window_ : int or None
    Number of steps of the pieces, at most, that `window` asked for; with "auto" a later fit that continues keeps it.
offset_ : float
    Threshold of the scores of sequences: those below it are abnormal.
step_offset_ : float
    Threshold of the scores of steps.
location_, scale_ : ndarray of shape (horizon * n_numeric_channels,)
    Location and scale of the errors of each channel, for the prediction made one step before, then for that made two steps
    before, and so on. Where fewer than 10 errors are held out, those of all of X are used; where there are fewer than 10 of
    these, too, the scale is NaN and the errors are ignored. `fit` warns of both.
covariance_ : ndarray of shape (horizon * n_numeric_channels, horizon * n_numeric_channels)
    Covariance of the errors in standard units.
quantiles_ : ndarray of shape (horizon * n_numeric_channels, n_quantiles) or None
    Quantiles of the errors in standard units, at normal scores that are 0.1 apart with 0 in the middle. None unless
    ``error_model="quantile"``.
"""

import re
from functools import partial

from ..docstrings import document as document_parts
from ..docstrings import read_parts
from .documentation import SHARED

_OWN = read_parts(__doc__)


def _training():
    """The paragraphs of the training, with those on what is held out replaced."""
    text = SHARED.get("training", "").replace("_init : float, default=2e-2", "_init : float, default=1e-2")
    text = re.sub(r"(?ms)^early_stopping :.*?(?=^scoring :)", lambda _: _OWN["how long"] + "\n", text)
    return re.sub(r"(?ms)^validation_fraction :.*?(?=^max_grad_norm :)", lambda _: _OWN["held out"] + "\n", text)


# Of what estimators have whose head reads one vector of a sequence, or every step.
_NOT_OF_DETECTORS = (
    r' With ``merge_mode="sum"``\s+and ``pooling="last"``, the input of the last step is added\.',
    r" With\s+`return_sequences`, y contains the remaining steps\.",
    r" and without label smoothing",
    r"(?m)^ *- ``attention\.A``.*\n",
    r" With several poolings\s+the features of each follow one another, in the order of `pooling`\.",
    r"(?ms)^ *- ``crf\.transitions``.*?(?=^ *- ``input)",
    r"(?m)^Attention pooling .*\n\n",
    r", unless `bptt_steps` is set",
)


def _of_detectors(text):
    """A paragraph without what detectors do not have."""
    for pattern in _NOT_OF_DETECTORS:
        text = re.sub(pattern, "", text)
    return text


_PARTS = SHARED | {"layers": SHARED.get("layers", "").replace("default=64", "default=32"), "training": _training()}

document = partial(document_parts, {name: _of_detectors(text) for name, text in _PARTS.items()} | _OWN)  # document(**words)
