"""`structure="crf"`: which labels may follow each other, and what a linear chain makes of the scores of steps."""

import reprlib
from itertools import pairwise

import numpy as np

from .._kernels._chain import Filter
from ..network import LOSSES, make_loss
from ..sequences.refusals import array_of, refused_as
from ..sequences.targets import literals
from .architecture import build

BIO = "bio"
FORMS = '"bio", an array of booleans (n_classes, n_classes), or a dict of labels to lists of the labels that may follow them'


def is_structured(model):
    """Whether a fitted model predicts whole label sequences."""
    return LOSSES[model._network_spec["loss"]].is_structured


def has_transitions(model):
    """Whether a fitted model predicts whole label sequences by a linear chain."""
    return is_structured(model) and not LOSSES[model._network_spec["loss"]].is_unaligned


# ---- hyper-parameters ----


def check_structure(estimator):
    """Raise a ValueError where other hyper-parameters contradict `structure`."""
    if estimator.structure is None:
        if estimator.allowed_transitions is not None:
            raise ValueError(
                'allowed_transitions is for structure="crf", which learns transitions. Set that, or leave this at None.'
            )
        return
    refuse_contradictions(estimator, 'structure="crf"', "it connects the labels of steps")


def refuse_contradictions(estimator, what, needs_steps, others=()):
    """Raise a ValueError where hyper-parameters contradict a loss of whole label sequences.

    Parameters
    ----------
    estimator : LSTMClassifier
    what : str
        The hyper-parameter that asks for the loss, as code.
    needs_steps : str
        Why it needs `return_sequences`.
    others : iterable of (str, bool, str)
        Further hyper-parameters as code, whether they contradict it, and why.
    """
    reasons = [
        ("return_sequences=False", not estimator.return_sequences, f"{needs_steps}. Set return_sequences=True"),
        *others,
        (
            f"bptt_steps={estimator.bptt_steps}",
            estimator.bptt_steps is not None,
            "the loss of a sequence is known after its last step only. Set bptt_steps=None",
        ),
        (
            f"label_smoothing={estimator.label_smoothing}",
            bool(estimator.label_smoothing),
            "what it would spread is the probability of whole label sequences. Set label_smoothing=0",
        ),
        (
            "class_weight",
            estimator.class_weight is not None,
            "a loss of whole label sequences has no terms for classes. Set class_weight=None; sample_weight weights sequences",
        ),
    ]
    for other, contradicts, reason in reasons:
        if contradicts:
            raise ValueError(f"{what} does not go with {other}: {reason}.")


@refused_as("allowed_transitions", f"Expected {FORMS}.")
def read_allowed(allowed_transitions, classes):
    """What `allowed_transitions` means.

    Parameters
    ----------
    allowed_transitions : "bio", array-like of bool of shape (n_classes, n_classes), dict, or None
    classes : ndarray of shape (n_classes,)

    Returns
    -------
    ndarray of bool of shape (n_classes + 2, n_classes), or None
        Whether a label may follow another one, may be the first, and may be the last.
    """
    if allowed_transitions is None:
        return None
    if isinstance(allowed_transitions, str):
        allowed = _read_bio(allowed_transitions, classes)
    elif isinstance(allowed_transitions, dict):
        allowed = _read_dict(allowed_transitions, classes)
    else:
        allowed = _read_matrix(allowed_transitions, classes)
    reachable = allowed[-2]
    for _ in range(len(classes)):
        reachable = reachable @ allowed[:-2]
    if not reachable.any():
        raise ValueError(
            "allowed_transitions must allow label sequences of any length, but every one that it allows ends after at most"
            f" {len(classes)} steps. Let a label follow each label that others lead to."
        )
    return allowed


def _everything(n):
    return np.ones((n + 2, n), dtype=bool)


def _read_bio(scheme, classes):
    """A tag "I-x" follows "B-x" or "I-x" (Ramshaw and Marcus 1995, "Text chunking using transformation-based learning")."""
    if scheme != BIO:
        raise ValueError(f"allowed_transitions must be {FORMS}, got {scheme!r}.")
    labels, allowed = classes.tolist(), _everything(len(classes))
    for label in labels:
        if not isinstance(label, str) or not (label == "O" or (label[:2] in ("B-", "I-") and len(label) > 2)):
            raise ValueError(
                f'allowed_transitions="bio" needs labels "O", "B-..." and "I-...", got {label!r}. Rename the labels, or pass a'
                " dict."
            )
    for column, label in enumerate(labels):
        if label.startswith("I-"):
            allowed[:-1, column] = [before in (label, f"B-{label[2:]}") for before in labels] + [False]
    return allowed


def _read_dict(followers, classes):
    """Labels without an entry may be followed by any; the entry None has the first labels."""
    codes, allowed = {label: code for code, label in enumerate(classes.tolist())}, _everything(len(classes))
    for label, following in followers.items():
        names = [following] if isinstance(following, str) or not hasattr(following, "__iter__") else list(following)
        for name in [*names, *([] if label is None else [label])]:
            if name not in codes:
                raise ValueError(
                    f"allowed_transitions has the label {name!r}, which is not in y; the classes are {literals(classes)}."
                )
        row = len(classes) if label is None else codes[label]
        allowed[row] = False
        allowed[row, [codes[name] for name in names]] = True
    return allowed


def _read_matrix(matrix, classes):
    n = len(classes)
    matrix = array_of("allowed_transitions", matrix, f"Expected {FORMS}.")
    if matrix.shape != (n, n) or matrix.dtype.kind not in "biuf" or not np.isin(matrix, (0, 1)).all():
        raise ValueError(
            f"allowed_transitions must be {FORMS}; the classes are {literals(classes)}, got {reprlib.repr(matrix.tolist())}."
        )
    allowed = _everything(n)
    allowed[:n] = matrix
    return allowed


def loss_parameters(allowed):
    """Of the loss, as plain values."""
    return {} if allowed is None else {"allowed": ["".join(map(str, row)) for row in allowed.astype(int).tolist()]}


# ---- y ----


def check_weights(weights, offsets, places):
    """Raise a ValueError unless the labelled steps of a sequence have one weight."""
    largest = np.repeat(np.maximum.reduceat(weights, offsets[:-1]), np.diff(offsets))
    wrong = np.flatnonzero((weights > 0) & (weights != largest))
    if len(wrong):
        row = wrong[0]
        raise ValueError(
            'With structure="crf" the labels of a sequence are one outcome, of one weight: sample_weight of'
            f" {places.name(row)} is {weights[row]:g}, but that of another step is {largest[row]:g}. Pass one weight for each"
            " sequence; a step of weight 0 counts as not labelled."
        )


def check_paths(allowed, codes, labelled, offsets, classes, places):
    """Raise a ValueError where a label, or the way from one label to the next, is not allowed.

    Parameters
    ----------
    allowed : ndarray of bool of shape (n_classes + 2, n_classes)
    codes : ndarray of int of shape (total_steps,)
    labelled : ndarray of bool of shape (total_steps,)
    offsets : ndarray of int of shape (n_sequences + 1,)
    classes : ndarray of shape (n_classes,)
    places : Places
        Of all steps.
    """
    n, rows = len(classes), np.flatnonzero(labelled)
    if len(rows) == 0:
        return
    sequence = np.searchsorted(offsets, rows, side="right") - 1
    opens = np.r_[True, sequence[1:] != sequence[:-1]]
    # From the label before, or from the start, which stands before the first step.
    before = np.where(opens, n, np.r_[n, codes[rows[:-1]]])
    distance = rows - np.where(opens, offsets[sequence] - 1, np.r_[0, rows[:-1]])
    _check_connected(allowed, before, codes[rows], distance, rows, classes, places)
    closes = np.r_[opens[1:], True]
    rest = offsets[sequence + 1] - 1 - rows
    for steps in np.unique(rest[closes & (rest > 0)]):
        leads_on = _after(allowed, steps).any(axis=1)
        wrong = np.flatnonzero(closes & (rest == steps) & ~leads_on[codes[rows]])
        if len(wrong):
            label = classes.tolist()[codes[rows[wrong[0]]]]
            raise ValueError(
                f"allowed_transitions lets no {steps} labels follow {label!r}, which y has at {places.name(rows[wrong[0]])}."
                " Allow more, or change y."
            )


def _check_connected(allowed, before, after, distance, rows, classes, places):
    """The same for pairs of labels that are some steps apart."""
    for steps in np.unique(distance):
        ways = _after(allowed, steps)
        wrong = np.flatnonzero((distance == steps) & ~ways[before, after])
        if len(wrong):
            first, label = before[wrong[0]], classes.tolist()[after[wrong[0]]]
            origin = "at the start" if first == len(classes) else f"after {classes.tolist()[first]!r}"
            origin += "" if steps == 1 else f" with {steps - 1} steps without a label between them"
            raise ValueError(
                f"allowed_transitions does not allow {label!r} {origin}, which y has at {places.name(rows[wrong[0]])}. Allow it,"
                " or change y."
            )


def _after(allowed, steps):
    """Whether a label, or the start (last row), leads to another in so many steps: (n_classes + 1, n_classes)."""
    ways = allowed[:-1]
    for _ in range(int(steps) - 1):
        further = ways @ allowed[:-2]
        if (further == ways).all():
            break
        ways = further
    return ways


# ---- predictions ----

# Response method -> from a loss, a chain and the scores to codes or probabilities.
METHODS = {
    "predict": lambda loss, chain, scores: loss.paths(scores, chain),
    "predict_proba": lambda loss, chain, scores: loss.marginals(scores, chain),
    "predict_log_proba": lambda loss, chain, scores: loss.marginals(scores, chain, True),
}


def structured_response(model, method, scores, lengths):
    """What a response method of a fitted model returns for scores of the steps of sequences of these lengths."""
    found = METHODS[method](*_chain_of(model, lengths), scores)
    return model.classes_[found] if method == "predict" else found


def _chain_of(model, lengths):
    """The loss of a fitted model, with what it allows, and the chain of the steps of sequences."""
    spec = model._network_spec
    return make_loss(spec["loss"], **spec["loss_parameters"]).value_and_gradient, build(spec).chain(model._theta, lengths)


def log_likelihoods(model, scores, codes, offsets):
    """Logarithms (n_sequences,) of the probabilities of labels.

    Parameters
    ----------
    model : LSTMClassifier
        Fitted.
    scores : ndarray of shape (total_steps, n_classes)
    codes : ndarray of int of shape (total_steps,)
        -1 for steps without a label.
    offsets : ndarray of int of shape (n_sequences + 1,)
    """
    loss, chain = _chain_of(model, np.diff(offsets))
    targets, weights = codes[:, np.newaxis].astype(scores.dtype), (codes >= 0).astype(np.float64)
    spare, result = np.empty_like(scores), np.empty(len(offsets) - 1)
    for i, (first, last) in enumerate(pairwise(offsets.tolist())):
        part = slice(first, last)
        result[i] = -loss(scores[part], targets[part], weights[part], 1.0, spare[part], chain.of(slice(i, i + 1)))
    return result


def transitions(model):
    """The structure (n_classes + 2, n_classes) of a fitted model, in float64; -inf where something is not allowed."""
    loss, chain = _chain_of(model, [1])
    return loss.allowed_scores(chain.structure)


# ---- streams ----

# Response method -> from a model and the logarithms of the filtered probabilities to what it returns.
OF_STREAMS = {
    "predict": lambda model, logs: model.classes_[logs.argmax(axis=1)],
    "predict_proba": lambda model, logs: np.exp(logs).astype(model._theta.dtype),
    "predict_log_proba": lambda model, logs: logs.astype(model._theta.dtype),
}


class StreamFilter:
    """Answers of a stream: the probabilities of the labels of a step, given the steps so far.

    Parameters
    ----------
    model : LSTMClassifier
        Fitted.
    response_method : str
    n_streams : int
    """

    def __init__(self, model, response_method, n_streams):
        loss, chain = _chain_of(model, [1])
        self._filter = Filter(loss, chain.structure, n_streams)
        self._model, self._answer = model, OF_STREAMS[response_method]

    def answer(self, scores):
        """What the next step of each stream returns, by its scores."""
        self._filter.step(scores)
        return self._answer(self._model, self._filter.logs)

    @property
    def state(self):
        """Logarithms of the probabilities (n_streams, n_classes); 0 of streams without a step."""
        return self._filter.logs

    def remember(self, logs, n_steps):
        """Continue from such a state of streams that have had so many steps."""
        self._filter.logs[...], self._filter.begun[...] = logs, n_steps > 0

    def restart(self, stream):
        """Begin a stream anew."""
        self._filter.logs[stream], self._filter.begun[stream] = 0, 0
