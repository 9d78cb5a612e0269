"""`loss="ctc"`: the loss against all paths and PyTorch, and what a classifier makes of label sequences without steps."""

import pickle

import numpy as np
import pandas as pd
import pytest
from problems import Problem
from reference import CELLS, central_differences, paths_of_labels
from rows import assert_same_rows
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklstm._kernels._chain import CTCLogLoss

from sklstm import LSTMClassifier, Sequences, load, save
from sklstm.metrics import edit_distance_rate, exact_match_score, sequence_scorer
from sklstm.network import Chain, constant_scores_of_labels, loss_of_constant, make_loss
from sklstm.parallel import Threads
from sklstm.preprocessing import PerStep
from sklstm.training import batching as batching_module
from sklstm.training.gradient import GradientComputer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
LOSS = CTCLogLoss()
QUICK = {"hidden_size": 6, "return_sequences": True, "loss": "ctc", "max_iter": 6, "random_state": 0}


def ctc(**params):
    return LSTMClassifier(**QUICK | params)


# ---- the loss, against all paths ----


def loss_of(scores, labels, lengths, weights=None, total_weight=1.0):
    """Sum of the losses, and the gradient with respect to the scores."""
    lengths, gradient = np.asarray(lengths, np.intp), np.empty_like(scores)
    targets, start = np.full((len(scores), 1), -1, scores.dtype), 0
    for one, length in zip(labels, lengths, strict=True):
        targets[start : start + len(one), 0] = one
        start += length
    weights = np.ones(len(scores)) if weights is None else np.repeat(np.asarray(weights, float), lengths)
    return LOSS(scores, targets, weights, total_weight, gradient, Chain(None, lengths)), gradient


def drawn_labels(rng, n_labels, length):
    """Labels that repeat often, and for which there are enough steps."""
    labels = rng.integers(n_labels, size=rng.integers(0, length + 1))
    while len(labels) + np.count_nonzero(labels[1:] == labels[:-1]) > length:
        labels = labels[:-1]
    return labels


# Probabilities of ordinary size are scaled; of those that differ by factors of e^1000 there are logarithms alone.
@pytest.mark.parametrize("scale", [1.0, 10.0, 1000.0])
@pytest.mark.parametrize(("K", "T"), [(1, 3), (2, 7), (3, 6), (4, 1), (4, 7)])
def test_the_loss_is_the_sum_over_all_paths(K, T, scale):
    rng = np.random.default_rng(K + T)
    scores = rng.normal(scale=scale, size=(T, K))
    likely = paths_of_labels(scores)
    for labels in [(), *(drawn_labels(rng, max(K - 1, 1), T if K > 1 else 0) for _ in range(12))]:
        expected = -likely[tuple(labels)]
        found, gradient = loss_of(scores, [labels], [T])
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-10)
        numeric = central_differences(lambda labels=labels: loss_of(scores, [labels], [T])[0], scores.reshape(-1))
        np.testing.assert_allclose(gradient.ravel(), numeric, atol=1e-10 * max(1, expected))
    total = sum(np.exp(value) for value in likely.values())
    assert total == pytest.approx(1)


def test_labels_for_which_there_are_too_few_steps_have_no_path(rng):
    scores = rng.normal(size=(6, 3))
    for labels in ([0, 0, 1, 1, 0], [0, 1, 0, 1, 0, 1]):
        loss, gradient = loss_of(scores, [labels], [6])
        assert (loss == np.inf) == (tuple(labels) not in paths_of_labels(scores))
        assert np.isfinite(gradient).all() and (loss < np.inf or not gradient.any())
    loss, gradient = loss_of(scores, [[0], [1] * 2], [3, 3], weights=[1, 0])
    assert loss == pytest.approx(loss_of(scores[:3], [[0]], [3])[0]) and not gradient[3:].any()
    with pytest.raises(ValueError, match="lengths of sequences"):
        LOSS(scores, np.zeros((6, 1)), np.ones(6), 1.0, np.empty_like(scores))
    with pytest.raises(ValueError, match="samples together"):
        LOSS.paths(scores, Chain(None, np.array([5])))


def torch_ctc(torch, scores, labels, lengths):
    x, edges = torch.from_numpy(scores).requires_grad_(), np.cumsum(lengths)[:-1].tolist()
    padded = torch.nn.utils.rnn.pad_sequence(x.tensor_split(edges)).log_softmax(-1)
    sizes = torch.tensor([len(one) for one in labels])
    y = torch.from_numpy(np.concatenate(labels).astype(int))
    blank = scores.shape[1] - 1
    loss = torch.nn.functional.ctc_loss(padded, y, torch.from_numpy(lengths), sizes, blank=blank, reduction="sum")
    loss.backward()
    return loss.item(), x.grad.numpy()


# With PyTorch in float32 no gradient is better than 1e-4: it has logarithms in float32. Ours is that of float64, rounded.
@pytest.mark.parametrize("scale", [1.0, 30.0])
@pytest.mark.parametrize(("dtype", "error"), [(np.float64, 1e-10), (np.float32, 1e-6)])
def test_pytorch_agrees(rng, dtype, error, scale):
    torch = pytest.importorskip("torch")
    lengths = rng.integers(20, 150, size=20)
    labels = [drawn_labels(rng, 4, length // 2) for length in lengths]
    labels[3] = labels[3][:0]
    scores = rng.normal(scale=scale, size=(lengths.sum(), 5)).astype(dtype)
    loss, gradient = loss_of(scores, labels, lengths)
    expected, expected_gradient = torch_ctc(torch, scores.astype(np.float64), labels, lengths)
    assert loss == pytest.approx(expected, rel=min(error, 1e-9))
    np.testing.assert_allclose(gradient, expected_gradient, atol=error)
    assert torch_ctc(torch, scores, labels, lengths)[0] == pytest.approx(loss, rel=1e-6)


@pytest.mark.parametrize("confident", [0.0, 60.0])
@pytest.mark.parametrize("n_labels", [0, 5, 350])
def test_thousands_of_steps(rng, n_labels, confident):
    # A network that is sure of blank at every step gives any label e^-60: such labels have a probability of e^-21000.
    T, K = 1500, 4
    scores = rng.normal(size=(T, K)).astype(np.float32)
    scores[:, -1] += confident
    labels = rng.integers(K - 1, size=n_labels)
    loss, gradient = loss_of(scores, [labels], [T])
    assert np.isfinite(loss) and np.isfinite(gradient).all()
    np.testing.assert_allclose(gradient.sum(axis=1), 0, atol=1e-6)
    shares = np.exp(scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)) - gradient  # P(step has a label | labels)
    assert shares.min() > -1e-6 and shares[:, :-1].sum() >= n_labels * (1 - 1e-5) - 1e-3
    padded, double = np.vstack([scores, np.zeros((5, K), np.float32)]), scores.astype(np.float64)
    padded[T:, -1] = 1e4  # steps that are surely blank change nothing
    assert loss_of(padded, [labels], [T + 5])[0] == pytest.approx(loss, rel=1e-12)
    assert loss_of(double, [labels], [T])[0] == pytest.approx(loss, rel=1e-12)
    assert loss_of(scores[::-1].copy(), [labels[::-1]], [T])[0] == pytest.approx(loss, rel=1e-12)


# ---- reading ----


def test_a_path_is_read_by_merging_labels_and_leaving_out_blanks():
    path = [2, 0, 0, 2, 0, 1, 1, 2, 2, 1, 0]
    codes = LOSS.paths(np.eye(3)[path], Chain(None, np.array([8, 3])))
    assert codes.tolist() == [0, 0, 1, -1, -1, -1, -1, -1, 1, 0, -1]


@pytest.mark.parametrize(("K", "T"), [(2, 6), (3, 6), (4, 5)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_wide_beam_finds_the_likeliest_labels(K, T, dtype):
    rng, found_more = np.random.default_rng(1), 0
    for _ in range(15):
        scores = rng.normal(scale=0.7, size=(T, K)).astype(dtype)
        likely, chain = paths_of_labels(scores.astype(float)), Chain(None, np.array([T]))

        def value(width, scores=scores, likely=likely, chain=chain):
            codes = LOSS.paths(scores, chain, width)
            return likely[tuple(codes[codes >= 0].tolist())]

        assert value(10**4) == pytest.approx(max(likely.values()), rel=1e-6)
        assert all(value(width) >= value(1) for width in (2, 3, 5))
        found_more += value(10**4) > value(1) + 1e-6
    assert found_more > 2


def test_a_beam_over_many_steps(rng):
    # What is read of sequences side by side, of any scale, is what is read of each: nothing is left over from the one before.
    lengths = rng.integers(1, 300, size=12)
    scores = np.concatenate([rng.normal(scale=10.0**k, size=(length, 6)) for k, length in enumerate(lengths.tolist(), -4)])
    together = np.split(LOSS.paths(scores, Chain(None, lengths), 20), np.cumsum(lengths)[:-1])
    for codes, part in zip(together, np.split(scores, np.cumsum(lengths)[:-1]), strict=True):
        alone = Chain(None, np.array([len(part)]))
        np.testing.assert_array_equal(LOSS.paths(part, alone, 20), codes)
        greedy = LOSS.paths(part, alone)
        read = [loss_of(part, [one[one >= 0]], [len(part)])[0] for one in (codes, greedy)]
        assert read[0] <= read[1]


# ---- the network, in packed minibatches ----

OPTIONS = [{"cell": cell} for cell in CELLS] + [
    {"bidirectional": True, "hidden_sizes": (3, 3), "residual": True},
    {"dropout": 0.3, "recurrent_dropout": 0.3, "training_seed": 2},
    {"static_size": 2, "learned_state": True},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_gradient_of_the_network(rng, options):
    problem = Problem([rng.normal(size=(length, 2)) for length in (3, 1, 5, 5, 2, 7)], "ctc_log_loss", pooling=None, **options)
    rows, penalty = np.arange(len(problem.sequences)), 0.1
    gradient = GradientComputer(problem.network, problem.loss, problem.data(), problem.theta, penalty, Threads(1))

    def mean_loss():
        total, weight = gradient(rows, np.random.default_rng(5))
        return total / weight

    loss, analytic = mean_loss(), gradient.grad.copy()
    numeric = central_differences(mean_loss, problem.theta)
    for name, part in problem.network.layout.slices.items():
        if name not in ("input.scale", "input.offset", "static.scale", "static.offset"):
            error = np.linalg.norm(analytic[part] - numeric[part])
            assert error <= 1e-6 * np.linalg.norm(numeric[part]) + 1e-10 * max(1, loss), name


def test_shards_add_up_to_the_gradient_of_the_minibatch(rng, monkeypatch):
    sequences = [rng.normal(size=(length, 3)) for length in rng.integers(1, 30, size=100)]
    problem, rows, found = Problem(sequences, "ctc_log_loss", (5,), pooling=None), rng.permutation(100), []
    for flops, n_threads in ((1e12, 1), (1.0, 1), (1.0, 2)):
        monkeypatch.setattr(batching_module, "SHARD_FLOPS", flops)
        gradient = GradientComputer(problem.network, problem.loss, problem.data(), problem.theta, 0.0, Threads(n_threads))
        gradient(rows, rng)
        found.append(gradient.grad)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-10, atol=1e-14)
    np.testing.assert_array_equal(found[1], found[2])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_constant_has_a_smaller_loss_than_the_one_that_is_found(rng, dtype):
    lengths, loss = rng.integers(4, 12, size=30), make_loss("ctc_log_loss")
    labels = [drawn_labels(rng, 3, length // 2) for length in lengths]
    targets = np.full((lengths.sum(), 1), -1, dtype)
    for start, one in zip(np.cumsum(lengths) - lengths, labels, strict=True):
        targets[start : start + len(one), 0] = one
    weights = np.repeat(rng.integers(0, 3, size=30).astype(float), lengths)
    found = constant_scores_of_labels(loss, targets, weights, lengths, 4)
    lowest = loss_of_constant(loss, found, targets, weights, lengths)
    for other in found + rng.normal(scale=[[1], [0.3], [0.1], [0.03]] * 20, size=(80, 4)):
        assert lowest <= loss_of_constant(loss, other, targets, weights, lengths) * (1 + 1e-4)


# ---- the classifier ----


def pulses(rng, n=60, labels="abc", most=4):
    """Sequences with a pulse in one of the channels for each label, anywhere, and the labels as a text."""
    X, y = [], []
    for _ in range(n):
        codes, rows = rng.integers(len(labels), size=rng.integers(0, most + 1)), [np.zeros((rng.integers(1, 3), len(labels)))]
        for code in codes:
            rows += [2 * np.eye(len(labels))[[code] * rng.integers(1, 4)], np.zeros((rng.integers(1, 3), len(labels)))]
        x = np.vstack(rows)
        X.append(x + rng.normal(scale=0.3, size=x.shape))
        y.append("".join(labels[code] for code in codes))
    return X, y


def test_pulses_are_read(rng):
    (X, y), (X_test, y_test) = pulses(rng, 200), pulses(rng, 100)
    model = ctc(max_iter=40).fit(X, y, X_val=X[:30], y_val=y[:30])
    assert model.classes_.tolist() == list("abc") and model.n_outputs_ == 4 and model.temperature_ != 1
    assert model.score(X_test, y_test) == exact_match_score(y_test, model.predict(X_test)) > 0.9
    for x in X_test[:5]:
        p = model.predict_proba([x])[0]
        assert p.shape == (len(x), 4)
        np.testing.assert_allclose(np.exp(model.predict_log_proba([x])[0]), p, rtol=1e-9)
        short = x[:5]
        likely = paths_of_labels(model.predict_log_proba([short])[0])
        for labels in ("", "a", "bb", "cab"):
            expected = likely.get(tuple("abc".index(label) for label in labels), -np.inf)
            assert model.log_likelihood([short], [labels])[0] == pytest.approx(expected, rel=1e-9)
    assert model.log_likelihood([X[0][:2]] * 2, ["aa", "ab"])[0] == -np.inf
    wide = clone(model).set_params(beam_width=10)
    wide.__dict__ |= {name: value for name, value in vars(model).items() if name.endswith("_") or name.startswith("_")}
    assert (model.log_likelihood(X_test, wide.predict(X_test)) >= model.log_likelihood(X_test, model.predict(X_test))).all()


FORMS = {
    "lists of texts": lambda y: [list(text) for text in y],
    "arrays of numbers": lambda y: [np.array([ord(label) for label in text], dtype=int) for text in y],
    "tuples of texts": lambda y: [[("x", label) for label in text] for text in y],
    "an array of texts": lambda y: np.array(y),
    "a Series": lambda y: pd.Series(y),
    "an array of objects": lambda y: np.array([*(list(text) for text in y), None], dtype=object)[:-1],
    "padded": lambda y: np.array([[*map(ord, text), *[-100] * (4 - len(text))] for text in y]),
    "padded with NaN": lambda y: np.array([[*map(ord, text), *[np.nan] * (4 - len(text))] for text in y]),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_y(rng, form):
    X, y = pulses(rng)
    given, of_texts = FORMS[form](y), ctc().fit(X, y)
    model = ctc().fit(X, given)
    np.testing.assert_array_equal(model._theta, of_texts._theta)
    predicted, are_texts = model.predict(X), form in ("an array of texts", "a Series")
    assert all(isinstance(one, str if are_texts else np.ndarray) for one in predicted)
    if form == "tuples of texts":
        predicted_labels = [[label for _, label in one] for one in predicted]
    else:
        predicted_labels = [list(map(as_python, one)) for one in predicted]
    texts = ["".join(chr(k) if isinstance(k, (int, float)) else k for k in one) for one in predicted_labels]
    assert texts == of_texts.predict(X)
    assert model.score(X, given) == of_texts.score(X, y)
    if "padded" not in form:  # for metrics a row that is all padding is not known
        assert exact_match_score(given, predicted) == model.score(X, y if are_texts else given)
    np.testing.assert_array_equal(model.log_likelihood(X, given), of_texts.log_likelihood(X, y))


def as_python(label):
    value = label.item() if isinstance(label, np.generic) else label
    return int(value) if isinstance(value, float) else value


def test_sequences_as_y_and_ids(rng):
    X, y = pulses(rng, 30)
    full = [i for i, text in enumerate(y) if text]
    X, y = [X[i] for i in full], [y[i] for i in full]
    codes = Sequences.from_list([np.array([[float(ord(label))] for label in text]) for text in y])
    model = ctc().fit(X, codes)
    np.testing.assert_array_equal(model._theta, ctc().fit(X, y)._theta)
    names = [f"k{i}" for i in range(len(X))]
    named = Sequences.from_list(X)
    named = Sequences(named.values, named.offsets, ids=names)
    by_name = dict(zip(names[::-1], y[::-1], strict=True))
    np.testing.assert_array_equal(ctc().fit(named, by_name)._theta, model._theta)
    proba = model.predict_proba(X)
    assert isinstance(proba, Sequences) and proba.n_channels == 4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("beam_width", [1, 4])
def test_a_sequence_does_not_depend_on_those_beside_it(rng, dtype, beam_width):
    X, y = pulses(rng)
    X = [x.astype(dtype) for x in X]
    model = ctc(bidirectional=True, beam_width=beam_width, max_iter=15).fit(X, y)
    together, proba = model.predict(X), model.predict_proba(X)
    assert proba[0].dtype == dtype
    for k in (0, 7, 39):
        assert model.predict([X[k]])[0] == together[k]
        assert_same_rows(model.predict_proba([X[k]])[0], proba[k])


def test_the_loss_is_the_likelihood_per_step(rng):
    X, y = pulses(rng)
    weights, lengths = rng.uniform(0.5, 2, size=len(X)), np.array(list(map(len, X)))
    model = ctc(temperature=1.0).fit(X, y, X_val=X, y_val=y, sample_weight_val=weights)
    expected = -(weights @ model.log_likelihood(X, y)) / (weights @ lengths)
    assert model.validation_loss_curve_[-1] == pytest.approx(expected, rel=1e-9)
    assert model.validation_scores_[-1] == pytest.approx(model.score(X, y, sample_weight=weights))


def test_weights_equal_repetitions(rng):
    X, y = pulses(rng, n=10)
    weights = np.array([1, 2, 0, 1, 3, 1, 2, 1, 1, 1])
    rows = np.repeat(np.arange(10), weights)
    y[2] = "a" * 100  # a sequence of weight 0 is ignored
    weighted = ctc().fit(X, y, sample_weight=weights)
    repeated = ctc().fit([X[i] for i in rows], [y[i] for i in rows])
    np.testing.assert_array_equal(weighted._theta, repeated._theta)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_fits_continue_and_come_back(rng, tmp_path, n_jobs):
    X, y = pulses(rng, n=100)
    whole = ctc(n_jobs=n_jobs, learning_rate="constant", beam_width=3).fit(X, y)
    half = clone(whole).set_params(max_iter=3, warm_start=True, checkpoint=tmp_path / "fit").fit(X, y)
    again = clone(half).set_params(max_iter=3).fit(X, y)
    np.testing.assert_array_equal(again._theta, half._theta)
    half.set_params(checkpoint=None).fit(X, y)
    np.testing.assert_array_equal(half._theta, whole._theta)
    save(whole, tmp_path / "model")
    other_threads = clone(whole).set_params(n_jobs=3 - n_jobs).fit(X, y)
    for copy in (pickle.loads(pickle.dumps(whole)), load(tmp_path / "model"), other_threads):
        assert copy.predict(X) == whole.predict(X)
        np.testing.assert_array_equal(copy.log_likelihood(X, y), whole.log_likelihood(X, y))
    chunks = ctc(learning_rate="constant")
    for part in (slice(20), slice(20, 40)):
        chunks.partial_fit(X[part], y[part], classes=list("abc"))
    assert chunks.n_iter_ == 2
    with pytest.raises(ValueError, match=r"not among the known classes: \['d'\].*sequence 1, label 2"):
        chunks.partial_fit(X[:2], ["", "abd"])
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        ctc().partial_fit(X, y)


def test_early_stopping_the_length_and_stuck_fits(rng):
    X, y = pulses(rng, n=80)
    model = ctc(max_iter="auto", max_grad_norm=1.0).fit(X, y)
    assert len(model.max_iter_trials_) > 1
    stopped = ctc(early_stopping=True, validation_fraction=0.4, max_iter=30, n_iter_no_change=3).fit(X, y)
    assert stopped.best_epoch_ and min(stopped.validation_loss_curve_) < stopped.validation_loss_curve_[0]
    by_score = ctc(early_stopping=True, scoring="score", max_iter=10).fit(X, y)
    assert 0 <= by_score.best_validation_score_ <= 1
    noise = [rng.normal(size=(6, 1)) for _ in range(40)]
    labels = [str(rng.choice(["a", "b", "ab", ""])) for _ in noise]
    with pytest.warns(match="learned nothing from X"):
        ctc(max_iter=250, temperature=1.0, early_stopping=False, hidden_size=2, alpha=1.0, n_iter_no_change=250).fit(
            noise, labels
        )


def test_in_pipelines_and_searches(rng):
    X, y = pulses(rng, 100)
    cv = KFold(2)  # a number of folds would be stratified by whole texts
    pipeline = make_pipeline(PerStep(StandardScaler()), ctc(max_iter=40))
    scoring = {"exact": sequence_scorer(exact_match_score), "edits": sequence_scorer(edit_distance_rate)}
    grid = {"lstmclassifier__beam_width": [1, 3]}
    search = GridSearchCV(pipeline, grid, cv=cv, scoring=scoring, refit="exact", error_score="raise").fit(X, y)
    assert search.best_score_ > 0.3 and (search.cv_results_["mean_test_edits"] > -0.7).all()
    assert cross_val_score(ctc(), X, [list(text) for text in y], cv=cv, error_score="raise").shape == (2,)
    with pytest.raises(ValueError, match=r"accuracy_score compares.*cannot score label sequences.*sequence_scorer"):
        cross_val_score(ctc(), X, y, cv=cv, scoring="accuracy", error_score="raise")


def test_one_label_and_label_sequences_without_a_label(rng):
    X, y = pulses(rng, labels="a")
    model = ctc(max_iter=30).fit(X, y)
    assert model.classes_.tolist() == ["a"] and model.score(X, y) > 0.8
    assert exact_match_score(["", "a"], ["", "b"]) == 0.5 and edit_distance_rate(["", "a"], ["b", "a"]) == 1
    with pytest.raises(ValueError, match="No sequence of y_true has a label"):
        edit_distance_rate([""], ["b"])


# ---- streams ----


def test_streams_have_the_probabilities_of_steps(rng):
    X, y = pulses(rng, 20)
    model = ctc().fit(X, y)
    for method in ("predict_proba", "predict_log_proba", "encode"):
        stream = model.stream(method)
        found = np.array([stream.step(x_t) for x_t in X[0]]).reshape(len(X[0]), -1)
        expected = model.encode([X[0]]) if method == "encode" else getattr(model, method)([X[0]])[0]
        np.testing.assert_allclose(found[-len(expected) :], expected, rtol=1e-9)
    with pytest.raises(ValueError, match=r'labels of a sequence.*Pass response_method="predict_proba"'):
        model.stream()


# ---- what is refused ----


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"return_sequences": False}, r'loss="ctc" does not go with return_sequences=False.*Set return_sequences=True'),
        ({"structure": "crf"}, r"does not go with structure='crf'.*Set structure=None"),
        ({"bptt_steps": 2}, r"does not go with bptt_steps=2: .*last step"),
        ({"label_smoothing": 0.1}, r"does not go with label_smoothing=0\.1"),
        ({"class_weight": "balanced"}, "does not go with class_weight"),
        ({"loss": "log_loss", "beam_width": 2}, r'beam_width=2 is for loss="ctc"'),
        ({"loss": "CTC"}, "'loss' parameter of LSTMClassifier"),
        ({"beam_width": 0}, "'beam_width' parameter of LSTMClassifier"),
    ],
)
def test_contradictions_are_refused(rng, params, message):
    X, y = pulses(rng)
    with pytest.raises(ValueError, match=message):
        ctc(**params).fit(X, y)


def changed(y, i, text):
    return [*y[:i], text, *y[i + 1 :]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: changed(y, 3, "a" * len(X[3])), r"Sequence 3 of X has \d+ steps, but its \d+ labels in y need \d+ or more"),
        (lambda X, y: y[:-1], "inconsistent numbers of samples"),
        (lambda X, y: [""] * len(X), "No sequence of y has a label"),
        (lambda X, y: changed(y, 2, ["a", "b"]), r"got '.*' for sequence 0.*Expected the labels of each sequence"),
        (lambda X, y: changed([list(one) for one in y], 2, 5), "got 5 for sequence 2"),
        (lambda X, y: changed([list(one) for one in y], 2, [["a", "b"]]), r"sequence 2"),
        (lambda X, y: changed([list(one) for one in y], 2, ["a", None, "b"]), "no label at sequence 2, label 1"),
        (lambda X, y: [[0.5] for _ in y], "y holds quantities, such as 0.5: sequence 0, label 0"),
        (lambda X, y: np.arange(len(X)), "got 0 for sequence 0"),
        (lambda X, y: np.zeros((len(X), 2, 2)), "dim 3"),
        (lambda X, y: changed([list(one) for one in y], 4, [1, 2]), "cannot be sorted together"),
    ],
)
def test_y_that_has_no_meaning_is_refused(rng, change, message):
    X, y = pulses(rng, 20)
    wrong, model = change(X, y), ctc(max_iter=1).fit(X, y)
    with pytest.raises(ValueError, match=message):
        ctc().fit(X, wrong)
    if "No sequence" not in message:
        with pytest.raises(ValueError, match=f"In the validation data.*{message}|{message}|not among the known classes"):
            model.fit(X, y, X_val=X, y_val=wrong)


def test_other_refusals(rng):
    X, y = pulses(rng, 20)
    model = ctc().fit(X, y)
    with pytest.raises(ValueError, match=r"In the validation data.*not among the known classes: \['d'\].*sequence 0, label 1"):
        ctc().fit(X, y, X_val=X[:2], y_val=["ad", ""])
    with pytest.raises(ValueError, match="one sample_weight for each sequence"):
        ctc().fit(X, y, sample_weight=[np.ones(len(x)) for x in X])
    with pytest.raises(ValueError, match="cannot continue with other parameters"):
        clone(model).fit(X, y).set_params(warm_start=True, loss="log_loss").fit(X, [list("abc" * 9)[: len(x)] for x in X])
    with pytest.raises(ValueError, match=r'with loss="ctc" they have none'):
        ctc().fit([x[:, :1] for x in X], y).sample([[[0.0]]], 3)
    for width in (0, 10**7):  # which may be set after the fit
        with pytest.raises(ValueError, match="beam_width"):
            clone(model).fit(X, y).set_params(beam_width=width).predict(X)
    assert not hasattr(model, "transitions_") and not hasattr(LSTMClassifier(), "log_likelihood")
    assert hasattr(ctc(), "log_likelihood")
