"""What a fitted encoder-decoder makes of X: outputs by search, numbers step by step, and what it says of given outputs."""

from numbers import Integral

import numpy as np
from joblib import effective_n_jobs
from sklearn.utils import check_scalar

from ..network import LOSSES
from ..network.inference import with_one_blas_thread
from ..parallel import Threads
from ..sequences.parts import offsets_of
from .architecture import build
from .beam import beam_search, greedy
from .output_target import decoder_inputs, paired

CHUNK = 64  # sequences that are decoded together


@with_one_blas_thread
def decode(model, sequences, run):
    """Results for each sequence, computed in chunks of similar length that threads share.

    Parameters
    ----------
    model : LSTMSeq2Seq
        Fitted.
    sequences : Sequences
        X, as the network reads it.
    run : callable
        ``run(decoder, memory, states, rows) -> list``: the results for the sequences `rows`, whose encoded steps `memory` holds.

    Returns
    -------
    list
    """
    decoder = decoder_of(model)
    order = np.argsort(-sequences.lengths, kind="stable")
    chunks = [order[first : first + CHUNK] for first in range(0, len(order), CHUNK)]

    def run_chunk(rows):
        memory = decoder.encode(sequences[rows])
        return run(decoder, memory, list(memory.states), rows)

    results = [None] * len(order)
    for rows, found in zip(chunks, Threads(effective_n_jobs(model.n_jobs)).map(run_chunk, chunks), strict=True):
        for row, result in zip(rows.tolist(), found, strict=True):
            results[row] = result
    return results


def decoder_of(model):
    """The `Decoder` of a fitted model."""
    return build(model._network_spec).decoder(model._theta)


# ---- tokens ----


def search(model, sequences, n_best=1):
    """Likely outputs of each sequence, the best first: a list of at most `n_best` hypotheses for each."""
    log_probabilities = LOSSES[model._network_spec["loss"]].log_inverse_link
    n_tokens, width = len(model.classes_), max(check_scalar(model.beam_width, "beam_width", Integral, min_val=1), n_best)

    def run(decoder, memory, states, rows):
        def step(sources, states, codes):
            scores, states = decoder.step(memory, sources, states, codes)
            # A token that stands for all unknown ones is never written.
            return log_probabilities(scores)[:, : n_tokens + 1].astype(np.float64), states

        if width == 1:
            return [[one] for one in greedy(step, states, len(rows), model.max_length_)]
        return [found[:n_best] for found in beam_search(step, states, len(rows), model.max_length_, width)]

    return decode(model, sequences, run)


def codes_with_ends(hypotheses):
    """Codes of some outputs with the end behind each, and where they begin."""
    parts = [np.append(one.codes, 0) for one in hypotheses]
    return np.concatenate(parts), offsets_of(list(map(len, parts)))


def log_likelihoods(model, sequences, codes, offsets):
    """Logarithms (n_sequences,) of the probabilities of outputs, with their ends."""
    network = build(model._network_spec)
    data = paired(sequences, codes[:, np.newaxis], offsets, 0.0)
    scores = data.scores(network, model._theta, effective_n_jobs(model.n_jobs))
    logs = LOSSES[model._network_spec["loss"]].log_inverse_link(scores)
    return np.add.reduceat(logs[np.arange(len(codes)), codes].astype(np.float64), offsets[:-1])


# ---- numbers ----


def predict_numbers(model, sequences, lengths):
    """Predictions of so many steps for each sequence, a list of arrays (n_steps, n_outputs): each step reads the one before."""

    def run(decoder, memory, states, rows):
        n_steps, live = lengths[rows], np.arange(len(rows))
        predicted = np.empty((len(rows), n_steps.max(), model._n_targets), model._theta.dtype)
        inputs = decoder.start(len(rows))
        for t in range(n_steps.max()):
            inputs, states = decoder.step(memory, live, states, inputs)
            predicted[live, t] = inputs
            continues = n_steps[live] > t + 1
            live, inputs, states = live[continues], inputs[continues], [state[continues] for state in states]
        return [found[:n] for found, n in zip(predicted, n_steps.tolist(), strict=True)]

    return decode(model, sequences, run)


# ---- attention ----


def attention_weights(model, sequences, targets, offsets):
    """Weights (n_target_steps, n_source_steps) of each sequence, while the decoder reads targets (total_target_steps, width)."""
    decoder = decoder_of(model)
    inputs = decoder_inputs(targets.astype(model._theta.dtype), offsets, decoder.start(1)[0])
    return decoder.attention(sequences, inputs, n_threads=effective_n_jobs(model.n_jobs))
