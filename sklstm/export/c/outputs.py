"""From scores to predictions, in C: probabilities, numbers of classes, and quantities."""

import numpy as np

from ...network import STRUCTURES
from ...network.mixture import n_components
from .chain import predict_function
from .text import float_literal

OUTPUT = """\
/* $what: y has @@_OUTPUTS. */
static inline void @_output(const @_state *s, float *y)
{
$body}
"""

SOFTMAX = """\
    float top, norm = 0.0f;
    size_t k;
    @_scores(s, y);
    top = y[0];
    for (k = 1; k < @@_SCORES; k++)
        top = y[k] > top ? y[k] : top;
    for (k = 0; k < @@_SCORES; k++) {
        y[k] = expf(y[k] - top);
        norm += y[k];
    }
    for (k = 0; k < @@_SCORES; k++)
        y[k] /= norm;
"""

BOTH = """\
    @_scores(s, y);
    y[1] = 1.0f / (1.0f + expf(-y[0]));
    y[0] = 1.0f / (1.0f + expf(y[0]));
"""

EACH = """\
    size_t k;
    @_scores(s, y);
    for (k = 0; k < @@_SCORES; k++)
        y[k] = $function;
"""

ASCENDING = """\
    float scores[@@_SCORES];
    size_t k, j;
    @_scores(s, scores);
    for (k = 1; k < @@_SCORES; k++) { /* quantiles in order */
        const float score = scores[k];
        for (j = k; j > 0 && scores[j - 1] > score; j--)
            scores[j] = scores[j - 1];
        scores[j] = score;
    }
    for (k = 0; k < @@_SCORES; k++) /* and then as they were asked for */
        y[k] = scores[@@_READ_UINT16(@_ranks + k)];
"""

MIXTURE = """\
    /* the scores: logarithms of weights of $n components, then their means, then logarithms of deviations */
    float scores[@@_SCORES], norm = 0.0f, top;
    size_t k, j;
    @_scores(s, scores);
    top = scores[0];
    for (k = 1; k < $n; k++)
        top = scores[k] > top ? scores[k] : top;
    for (k = 0; k < $n; k++) {
        scores[k] = expf(scores[k] - top);
        norm += scores[k];
    }
    for (j = 0; j < @@_OUTPUTS; j++) {
        y[j] = 0.0f;
        for (k = 0; k < $n; k++)
            y[j] += scores[k] / norm * scores[$n + k * @@_OUTPUTS + j];
    }
"""

# Loss -> body of the function of outputs, and what outputs are.
_PROBABILITIES = "Probabilities of the classes, after the steps so far"
_VALUES = "Predictions, after the steps so far"
OUTPUTS = {
    "binary_log_loss": (BOTH, _PROBABILITIES),
    "multilabel_log_loss": (
        EACH.replace("$function", "1.0f / (1.0f + expf(-y[k]))"),
        "Probability of each label, after the steps so far",
    ),
    "multinomial_log_loss": (SOFTMAX, _PROBABILITIES),
    "chain_log_loss": (SOFTMAX, _PROBABILITIES),
    "ctc_log_loss": (SOFTMAX, "Probabilities of the labels at this step, the last of which is that of blank, which is none"),
    "poisson": (EACH.replace("$function", "expf(y[k])"), _VALUES),
    "quantiles": (ASCENDING, "Predicted quantiles in the order of the model, after the steps so far"),
    "gaussian_mixture": (MIXTURE, "Means of the predicted distributions, after the steps so far"),
}
IDENTITY = ("    @_scores(s, y);\n", _VALUES)

LABEL = """\
/* Number of the likeliest class, after the steps so far. */
static inline int @_label(const @_state *s)
{
    $number scores[@@_SCORES];
$body}
"""

LIKELIEST = """\
    size_t k, best = 0;
    @_scores$suffix(s, scores);
    for (k = 1; k < @@_SCORES; k++)
        if (scores[k] > scores[best])
            best = k;
    return (int)best;
"""

LIKELIER = """\
    @_scores$suffix(s, scores);
    return scores[0] > $zero;
"""

PREDICT_CLASS = """\
/* Begin, take a whole sequence of n_steps samples, x (n_steps, @@_CHANNELS), and return the number of its class. */
static inline int @_predict(@_state *s, const float *x, size_t n_steps)
{
    size_t t;
    @_init(s);
    for (t = 0; t < n_steps; t++)
        @_step(s, x + t * @@_CHANNELS);
    return @_label(s);
}
"""

PREDICT_VALUES = """\
/* Begin, take a whole sequence of n_steps samples, x (n_steps, @@_CHANNELS), and write its outputs to y (@@_OUTPUTS). */
static inline void @_predict(@_state *s, const float *x, size_t n_steps, float *y)
{
    size_t t;
    @_init(s);
    for (t = 0; t < n_steps; t++)
        @_step(s, x + t * @@_CHANNELS);
    @_output(s, y);
}
"""

PREDICT_STEP_CLASSES = """\
/* Begin, take a whole sequence of n_steps samples, x (n_steps, @@_CHANNELS), and write the number of the class of each. */
static inline void @_predict(@_state *s, const float *x, size_t n_steps, int *labels)
{
    size_t t;
    @_init(s);
    for (t = 0; t < n_steps; t++) {
        @_step(s, x + t * @@_CHANNELS);
        labels[t] = @_label(s);
    }
}
"""

PREDICT_STEP_VALUES = """\
/* Begin, take a whole sequence of n_steps samples, x (n_steps, @@_CHANNELS), and write y (n_steps, @@_OUTPUTS). */
static inline void @_predict(@_state *s, const float *x, size_t n_steps, float *y)
{
    size_t t;
    @_init(s);
    for (t = 0; t < n_steps; t++) {
        @_step(s, x + t * @@_CHANNELS);
        @_output(s, y + t * @@_OUTPUTS);
    }
}
"""

# Whether there is a class for each thing -> whether there is a thing for each step -> the function that takes sequences.
PREDICT = {
    True: {True: PREDICT_STEP_CLASSES, False: PREDICT_CLASS},
    False: {True: PREDICT_STEP_VALUES, False: PREDICT_VALUES},
}


def has_classes(model):
    """Whether each prediction is one of several classes."""
    loss = model.loss
    return loss.decide is not None and (loss.contrast is not None or loss.is_unaligned)


def n_outputs(model):
    """Numbers that an output has."""
    n = model.network.output_size
    if model.loss.distribution:
        return model.model._n_targets
    return 2 if _is_of_two(model) else n


def _is_of_two(model):
    """Whether one score tells two classes apart."""
    return has_classes(model) and model.network.output_size == 1


def add_outputs(program, model, number="float", suffix=""):
    """Add the functions that make predictions of scores, which are numbers of some type, from ``@_scores<suffix>``."""
    body, what = OUTPUTS.get(model.loss_name, IDENTITY)
    if model.loss.is_ordered:
        program.constant("uint16_t", "ranks", np.asarray(model.model._quantile_ranks), "which quantile is where")
    if model.loss.distribution:
        body = body.replace("$n", str(n_components(model.network.output_size, model.model._n_targets)))
    of_numbers = program.functions if number == "float" else program.float_functions
    if has_classes(model):
        zero = float_literal(0) if number == "float" else "0"
        decide = LIKELIER.replace("$zero", zero) if _is_of_two(model) else LIKELIEST
        program.functions.append(LABEL.replace("$body", decide).replace("$suffix", suffix).replace("$number", number))
    of_numbers.append(OUTPUT.replace("$what", what).replace("$body", body))


def add_predict(program, model):
    """Add the function that takes whole sequences."""
    functions = program.float_functions or program.functions
    has_chain = model.network.structure in STRUCTURES
    text = predict_function(model) if has_chain else PREDICT[has_classes(model)][model.network.returns_sequences]
    if model.network.static is not None:
        text = text.replace("@_init(s)", "@_init(s, features)").replace("*s, const", "*s, const float *features, const")
    functions.append(text)
