"""``structure="crf"`` in C, in float32: probabilities of labels given the steps so far, and the likeliest label sequence."""

import numpy as np

from ...estimators.structure import transitions
from ..limits import FORBIDDEN

FILTER = """\
/* p_j of this step is exp(score_j) times the sum over i of p_i of the step before exp(transition_ij), over the sum of all */
static inline void @_filter(@_state *s)
{
    float next[@@_SCORES], top, norm = 0.0f;
    size_t i, j;
    @_scores(s, next);
    top = next[0];
    for (j = 1; j < @@_SCORES; j++)
        top = next[j] > top ? next[j] : top;
    for (j = 0; j < @@_SCORES; j++) {
        float before = s->n_steps == 0 ? @@_READ_FLOAT(@_chain_factors + @@_SCORES * @@_SCORES + j) : 0.0f;
        for (i = 0; s->n_steps > 0 && i < @@_SCORES; i++)
            before += s->filtered[i] * @@_READ_FLOAT(@_chain_factors + i * @@_SCORES + j);
        next[j] = before * expf(next[j] - top);
        norm += next[j];
    }
    for (j = 0; j < @@_SCORES; j++)
        s->filtered[j] = norm > 0.0f ? next[j] / norm : 1.0f / (float)@@_SCORES;
}
"""

OUTPUT = """\
/* Probabilities of the labels of this step, given the steps so far: y has @@_OUTPUTS. */
static inline void @_output(const @_state *s, float *y)
{
    size_t j;
    for (j = 0; j < @@_SCORES; j++)
        y[j] = s->filtered[j];
}
"""

LABEL = """\
/* Number of the likeliest label of this step, given the steps so far. */
static inline int @_label(const @_state *s)
{
    size_t j, best = 0;
    for (j = 1; j < @@_SCORES; j++)
        if (s->filtered[j] > s->filtered[best])
            best = j;
    return (int)best;
}
"""

PREDICT = """\
/* Begin, take a whole sequence of n_steps samples, x (n_steps, @@_CHANNELS), and write the numbers of the likeliest sequence of
   labels (Viterbi). `ways` is memory for n_steps times @@_SCORES numbers. */
static inline void @_predict(@_state *s, const float *x, size_t n_steps, int *labels, $way *ways)
{
    float best[@@_SCORES], next[@@_SCORES], top;
    size_t t, i, j, label = 0;
    @_init(s);
    for (t = 0; t < n_steps; t++) {
        @_step(s, x + t * @@_CHANNELS);
        @_scores(s, next);
        for (j = 0; j < @@_SCORES; j++) {
            size_t way = 0;
            top = t == 0 ? @@_READ_FLOAT(@_chain + @@_SCORES * @@_SCORES + j) : best[0] + @@_READ_FLOAT(@_chain + j);
            for (i = 1; t > 0 && i < @@_SCORES; i++) {
                const float score = best[i] + @@_READ_FLOAT(@_chain + i * @@_SCORES + j);
                if (score > top) {
                    top = score;
                    way = i;
                }
            }
            next[j] += top;
            ways[t * @@_SCORES + j] = ($way)way;
        }
        top = next[0];
        for (j = 1; j < @@_SCORES; j++)
            top = next[j] > top ? next[j] : top;
        for (j = 0; j < @@_SCORES; j++)
            best[j] = next[j] - top;
    }
    for (j = 0; n_steps > 0 && j < @@_SCORES; j++) {
        best[j] += @@_READ_FLOAT(@_chain + (@@_SCORES + 1) * @@_SCORES + j);
        if (best[j] > best[label])
            label = j;
    }
    for (t = n_steps; t > 0; t--) {
        labels[t - 1] = (int)label;
        label = ways[(t - 1) * @@_SCORES + label];
    }
}
"""


def add_chain(program, model):
    """Add what follows the scores of a step."""
    scores = transitions(model.model)
    K = scores.shape[1]
    program.constant(
        "float", "chain", np.maximum(scores, FORBIDDEN), f"scores of a label after another, first and last ({K + 2}, {K})"
    )
    program.constant(
        "float", "chain_factors", np.exp(scores[:-1]), f"exponentials of these, without those of the last ({K + 1}, {K})"
    )
    program.field("float", "filtered", K, "probabilities of the labels of this step")
    program.count_steps()
    program.step.append("@_filter(s);")
    program.functions += [FILTER, OUTPUT, LABEL]


def predict_function(model):
    """The function that takes whole sequences."""
    return PREDICT.replace("$way", "uint8_t" if model.network.output_size <= 256 else "uint16_t")
