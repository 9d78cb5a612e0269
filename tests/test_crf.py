"""`structure="crf"`: the chain against all label sequences, and what a classifier makes of it."""

import itertools
import pickle

import numpy as np
import pytest
from problems import Problem
from reference import CELLS, central_differences, of_all_paths
from rows import assert_same_rows
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklstm._kernels._chain import ChainLogLoss

from sklstm import LSTMClassifier, Sequences, load, save
from sklstm.network import Chain
from sklstm.parallel import Threads
from sklstm.preprocessing import PerStep
from sklstm.training import batching as batching_module
from sklstm.training.gradient import GradientComputer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
QUICK = {"hidden_size": 4, "return_sequences": True, "max_iter": 6, "random_state": 0}


def crf(**params):
    return LSTMClassifier(**QUICK | {"structure": "crf"} | params)


# ---- the chain, against all label sequences ----


def drawn(seed, K, scale=1.0, allows=1.0, labelled=0.6):
    """A chain of three sequences of 1 to 6 steps, scores, codes (-1 for none), and the loss with what it allows."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 7 if K < 4 else 6, size=3)
    structure, scores = rng.normal(scale=scale, size=(K + 2, K)), rng.normal(scale=scale, size=(lengths.sum(), K))
    allowed = rng.random((K + 2, K)) < allows
    allowed[range(K), range(K)] = allowed[K:] = True
    codes = np.repeat(rng.integers(K, size=3), lengths)  # which stay the same, as is always allowed
    codes[rng.random(len(codes)) > labelled] = -1
    return Chain(structure, lengths), scores, codes, allowed


def loss_of(loss, chain, scores, codes, dstructure=None, dtype=np.float64):
    """Sum of the losses, and the gradient with respect to the scores of half of that."""
    gradient, weights = np.empty_like(scores), (codes >= 0).astype(float)
    return loss(scores, codes[:, np.newaxis].astype(dtype), weights, 2.0, gradient, chain, dstructure), gradient


# Scores of ordinary size are scaled; those of hundreds have messages that only logarithms hold.
@pytest.mark.parametrize("scale", [1.0, 300.0])
@pytest.mark.parametrize("allows", [1.0, 0.5])
@pytest.mark.parametrize("K", [1, 2, 3, 4])
def test_the_chain_is_the_sum_over_all_label_sequences(K, allows, scale):
    for seed in range(6):
        chain, scores, codes, allowed = drawn(seed, K, scale, allows)
        loss, masked = ChainLogLoss(allowed=allowed), np.where(allowed, chain.structure, -np.inf)
        cuts = np.cumsum(chain.lengths)[:-1]
        parts = [of_all_paths(s, masked, c) for s, c in zip(np.split(scores, cuts), np.split(codes, cuts), strict=True)]
        losses, marginals, paths = zip(*parts, strict=True)
        assert loss_of(loss, chain, scores, codes)[0] == pytest.approx(sum(losses), rel=1e-11, abs=1e-10)
        np.testing.assert_allclose(loss.marginals(scores, chain), np.concatenate(marginals), atol=1e-11)
        np.testing.assert_allclose(np.exp(loss.marginals(scores, chain, True)), np.concatenate(marginals), atol=1e-11)
        np.testing.assert_array_equal(loss.paths(scores, chain), np.concatenate(paths))


@pytest.mark.parametrize("labelled", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_the_gradient_is_that_of_the_loss(scale, labelled):
    chain, scores, codes, allowed = drawn(7, 3, scale, 0.7, labelled)
    loss, dstructure = ChainLogLoss(allowed=allowed), np.zeros_like(chain.structure)
    gradient = loss_of(loss, chain, scores, codes, dstructure)[1]
    for array, analytic in ((scores, gradient), (chain.structure, dstructure)):
        numeric = central_differences(lambda: loss_of(loss, chain, scores, codes)[0] / 2, array.reshape(-1))
        np.testing.assert_allclose(analytic.ravel(), numeric, atol=1e-10 * scale)
    assert (dstructure[~allowed] == 0).all()
    assert labelled > 0 or not (gradient.any() or dstructure.any())


@pytest.mark.parametrize("structure", ["left to right", "dense"])
def test_float32_is_right_for_thousands_of_steps(rng, structure):
    K, T = 3, 5000
    allowed = None if structure == "dense" else np.vstack([np.triu(np.ones((K, K))), np.ones((2, K))])
    loss = ChainLogLoss(allowed=allowed)  # left to right, messages of the first label fade away, for which there are logarithms
    scores, weights = rng.normal(size=(T, K)).astype(np.float32), rng.normal(size=(K + 2, K)).astype(np.float32)
    codes = np.sort(rng.integers(K, size=T))
    found, gradient = loss_of(loss, Chain(weights, np.array([T])), scores, codes, dtype=np.float32)
    S = np.where(True if allowed is None else allowed, weights.astype(float), -np.inf)
    alpha = S[K] + scores[0]
    for s in scores[1:].astype(float):
        alpha = logsumexp(alpha[:, np.newaxis] + S[:K], axis=0) + s
    path = S[K, codes[0]] + S[K + 1, codes[-1]] + scores[range(T), codes].sum(dtype=float) + S[codes[:-1], codes[1:]].sum()
    assert found == pytest.approx(logsumexp(alpha + S[K + 1]) - path, rel=1e-11)
    np.testing.assert_allclose(gradient.sum(axis=1), 0, atol=1e-6)
    assert gradient.dtype == np.float32 and np.abs(gradient).max() <= 0.5


def test_lengths_that_are_not_those_of_the_scores_are_refused(rng):
    scores, structure = rng.normal(size=(4, 2)), np.zeros((4, 2))
    for lengths in ([5], [4, 1], [3], [0, 4], [-1, 5], []):
        with pytest.raises(ValueError, match="samples together"):
            ChainLogLoss().paths(scores, Chain(structure, np.array(lengths, np.intp)))
    with pytest.raises(ValueError, match="shape"):
        ChainLogLoss().paths(scores, Chain(structure[:3].copy(), np.array([4])))
    with pytest.raises(ValueError, match="allowed must have shape"):
        ChainLogLoss(allowed=np.ones((3, 2))).paths(scores, Chain(structure, np.array([4])))
    with pytest.raises(ValueError, match="needs a structure"):
        ChainLogLoss()(scores, np.zeros((4, 1)), np.ones(4), 1.0, np.empty_like(scores))


# ---- the network, in packed minibatches ----

OPTIONS = [{"cell": cell} for cell in CELLS] + [
    {"bidirectional": True, "hidden_sizes": (3, 3), "residual": True},
    {"dropout": 0.3, "recurrent_dropout": 0.3, "training_seed": 2},
    {"static_size": 2, "learned_state": True},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_gradient_of_the_network(rng, options):
    problem = Problem([rng.normal(size=(length, 2)) for length in (3, 1, 5, 5, 2, 7)], "chain_log_loss", pooling=None, **options)
    lengths = problem.sequences.lengths
    weights = np.repeat(rng.uniform(0.5, 2, size=len(lengths)), lengths) * (rng.random(lengths.sum()) < 0.7)
    problem.weights = np.ascontiguousarray(weights)
    rows, penalty = np.arange(len(lengths)), 0.1
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
    of_chain = [part for name, part in problem.network.layout.slices.items() if name.startswith("crf.")]
    assert len(of_chain) == 3 and all(np.abs(analytic[part]).min() > 0 for part in of_chain)


def test_shards_add_up_to_the_gradient_of_the_minibatch(rng, monkeypatch):
    sequences = [rng.normal(size=(length, 3)) for length in rng.integers(1, 30, size=100)]
    problem, rows, found = Problem(sequences, "chain_log_loss", (5,), pooling=None), rng.permutation(100), []
    problem.weights = np.ones(len(problem.weights))
    for flops, n_threads in ((1e12, 1), (1.0, 1), (1.0, 2)):
        monkeypatch.setattr(batching_module, "SHARD_FLOPS", flops)
        threads = Threads(n_threads)
        gradient = GradientComputer(problem.network, problem.loss, problem.data(), problem.theta, 0.0, threads)
        gradient(rows, rng)
        found.append(gradient.grad)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-10, atol=1e-14)
    np.testing.assert_array_equal(found[1], found[2])


# ---- the classifier ----


def runs(rng, n=40, low=3, high=12, labels="abc"):
    """Sequences of two channels, and labels that come in runs."""
    X, y = [], []
    for length in rng.integers(low, high, size=n):
        codes = np.cumsum(rng.random(length) < 0.3) % len(labels)
        X.append(np.column_stack([codes, codes == 1]) + rng.normal(scale=0.7, size=(length, 2)))
        y.append(np.array(list(labels))[codes])
    return X, y


def effective(model):
    """The structure (K + 2, K) by the attributes."""
    return np.vstack([model.transitions_, model.start_transitions_, model.end_transitions_])


def head_scores(model, X):
    """Scores of the head: those of a plain model with the same weights."""
    weights = {name: value for name, value in model.weights_.items() if not name.startswith("crf.")}
    plain = clone(model).set_params(structure=None, allowed_transitions=None, temperature=1.0)
    y = [model.classes_[np.arange(len(x)) % len(model.classes_)] for x in X]
    plain.fit(X, y).set_weights(weights)
    return [np.log(p) for p in plain.predict_proba(X)]  # but for a constant of each step


@pytest.mark.parametrize("labels", ["ab", "abc"])
def test_predictions_are_those_of_all_label_sequences(rng, labels):
    X, y = runs(rng, labels=labels, high=6)
    model = crf(max_iter=15, hidden_size=6, temperature=2.0).fit(X, y)
    assert model.weights_["head.V"].shape == (6, len(labels)) == (6, model.n_outputs_)
    if labels == "abc":  # whose plain model has as many scores
        for x, scores in zip(X[:6], head_scores(model, X[:6]), strict=True):
            loss, marginals, path = of_all_paths(scores, effective(model), np.zeros(len(x), int))
            np.testing.assert_allclose(model.predict_proba([x])[0], marginals, atol=1e-9)
            assert model.predict([x])[0].tolist() == model.classes_[path].tolist()
            assert model.log_likelihood([x], [["a"] * len(x)])[0] == pytest.approx(-loss, abs=1e-9)
    p, logs = model.predict_proba(X), model.predict_log_proba(X)
    np.testing.assert_allclose(np.concatenate(p).sum(axis=1), 1)
    np.testing.assert_allclose(np.exp(np.concatenate(logs)), np.concatenate(p))
    hits = np.concatenate(model.predict(X)) == np.concatenate(y)
    assert model.score(X, y) == pytest.approx(hits.mean())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_sequence_does_not_depend_on_those_beside_it(rng, dtype):
    X, y = runs(rng)
    X = [x.astype(dtype) for x in X]
    model = crf(bidirectional=True).fit(X, y)
    for method in ("predict", "predict_proba", "predict_log_proba"):
        together = getattr(model, method)(X)
        assert method == "predict" or together[0].dtype == dtype
        for k in (0, 7, 39):
            assert_same_rows(getattr(model, method)([X[k]])[0], together[k])


def test_the_loss_is_the_likelihood_per_labelled_step(rng):
    X, y = runs(rng)
    y = [np.where(rng.random(len(labels)) < 0.3, None, labels.astype(object)) for labels in y]
    y[3][:] = None
    weights = rng.uniform(0.5, 2, size=len(X))
    model = crf(temperature=1.0).fit(X, y, X_val=X, y_val=y, sample_weight_val=weights)
    n_labelled = np.array([sum(label is not None for label in labels) for labels in y])
    likelihood = model.log_likelihood(X, y)
    assert likelihood[3] == 0 and (np.delete(likelihood, 3) < 0).all()
    assert model.validation_loss_curve_[-1] == pytest.approx(-(weights @ likelihood) / (weights @ n_labelled), rel=1e-9)


def test_labels_beyond_a_gap_count(rng):
    # Labels alternate, and X says nothing: the label before a gap tells all that follow.
    X = [np.zeros((6, 1)) for _ in range(40)]
    whole = [np.roll(list("ababab"), k % 2) for k in range(40)]
    gaps = [np.where(np.arange(6) % 2, None, labels.astype(object)) for labels in whole]
    model = crf(max_iter=100, learning_rate_init=0.1, max_grad_norm=None, alpha=0).fit(X, gaps)
    np.testing.assert_allclose(model.log_likelihood(X, gaps), np.log(0.5), atol=0.05)  # but of the first label all are certain
    model.fit(X, whole)
    np.testing.assert_allclose(model.log_likelihood(X, whole), np.log(0.5), atol=0.05)
    known = [[*labels[:1], *[None] * 4, *labels[5:]] for labels in whole]
    np.testing.assert_allclose(model.log_likelihood(X, known), model.log_likelihood(X, whole), atol=0.05)


def test_weights_equal_repetitions(rng):
    X, y = runs(rng, n=10)
    weights = np.array([1, 2, 0, 1, 3, 1, 2, 1, 1, 1])
    rows = np.repeat(np.arange(10), weights)
    weighted = crf().fit(X, y, sample_weight=weights)
    repeated = crf().fit([X[i] for i in rows], [y[i] for i in rows])
    np.testing.assert_array_equal(weighted._theta, repeated._theta)
    # Equal sequences with labels at other steps are not equal.
    y = [labels.astype(object) for labels in y]
    other = [labels.copy() for labels in y]
    for labels in other:
        labels[0] = None
    both = crf(early_stopping=False).fit(X + X, y + other)
    assert both.t_ == 6 * 20


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_fits_continue_and_come_back(rng, tmp_path, n_jobs):
    X, y = runs(rng)
    whole = crf(n_jobs=n_jobs, learning_rate="constant", allowed_transitions={"a": ["a", "b"]}).fit(X, y)
    half = clone(whole).set_params(max_iter=3, warm_start=True, checkpoint=tmp_path / "fit").fit(X, y)
    again = clone(half).set_params(max_iter=3).fit(X, y)
    np.testing.assert_array_equal(again._theta, half._theta)
    half.set_params(checkpoint=None).fit(X, y)
    np.testing.assert_array_equal(half._theta, whole._theta)
    save(whole, tmp_path / "model")
    other_threads = clone(whole).set_params(n_jobs=3 - n_jobs).fit(X, y)
    for copy in (pickle.loads(pickle.dumps(whole)), load(tmp_path / "model"), other_threads):
        np.testing.assert_array_equal(np.concatenate(copy.predict_proba(X)), np.concatenate(whole.predict_proba(X)))
        np.testing.assert_array_equal(effective(copy), effective(whole))
    chunks = crf(learning_rate="constant")
    for part in (slice(20), slice(20, 40)):
        chunks.partial_fit(X[part], y[part], classes=list("abc"))
    assert chunks.n_iter_ == 2 and np.abs(chunks.transitions_).min() > 0


def test_early_stopping_and_the_length_use_the_loss_of_sequences(rng):
    X, y = runs(rng, n=60)
    model = crf(max_iter="auto", hidden_size=8).fit(X, y)
    assert len(model.max_iter_trials_) > 1 and model.temperature_ != 1 and model.score(X, y) > 0.8
    stopped = crf(early_stopping=True, validation_fraction=0.4, max_iter=30, n_iter_no_change=3).fit(X, y)
    assert stopped.best_epoch_ and min(stopped.validation_loss_curve_) < 1


def test_in_pipelines_and_searches(rng):
    X, y = runs(rng)
    pipeline = make_pipeline(PerStep(StandardScaler()), crf())
    search = GridSearchCV(pipeline, {"lstmclassifier__structure": [None, "crf"]}, cv=2, error_score="raise").fit(X, y)
    assert search.score(X, y) > 0.4 and len(search.predict(Sequences.from_list(X))) == len(X)


def test_labels_that_follow_a_markov_chain():
    # Labels go round, and emissions are ambiguous: a network of one direction knows the steps before, the chain those after, too.
    rng, K, T = np.random.default_rng(0), 3, 40
    P = np.array([[0.05, 0.9, 0.05], [0.05, 0.05, 0.9], [0.9, 0.05, 0.05]])

    def draw(n):
        codes = rng.integers(K, size=(n, T))
        for t in range(1, T):
            codes[:, t] = (rng.random((n, 1)) > P[codes[:, t - 1]].cumsum(axis=1)).sum(axis=1)
        return (codes + rng.normal(size=codes.shape))[:, :, np.newaxis], codes

    (X, y), (X_test, y_test) = draw(300), draw(500)
    generating = Chain(np.vstack([np.log(P), np.zeros((2, K))]), np.full(500, T))
    emissions = np.concatenate(-0.5 * (X_test - np.arange(K)) ** 2)
    params = {"cell": "rnn", "max_iter": 40, "learning_rate_init": 1e-2, "temperature": 1.0}
    chain, plain = (crf(**params, structure=structure).fit(X, y) for structure in ("crf", None))

    def accuracy(codes):
        return (np.reshape(codes, (500, T)) == y_test).mean()

    exact = accuracy(ChainLogLoss().paths(emissions, generating))
    assert chain.score(X_test, y_test) > exact - 0.005
    assert plain.score(X_test, y_test) < exact - 0.03
    by_step = accuracy(ChainLogLoss().marginals(emissions, generating).argmax(axis=1))
    assert accuracy(chain.predict_proba(X_test).argmax(axis=2)) > by_step - 0.005


# ---- transitions that are allowed ----

TAGS = np.array(["B-x", "B-y", "I-x", "I-y", "O"])


def tagged(rng, n=30):
    y = []
    for length in rng.integers(2, 9, size=n):
        tags = ["O"]
        for _ in range(length):
            kind = tags[-1][2:]
            tags.append(str(rng.choice(["O", "B-x", "B-y", *([f"I-{kind}"] if kind else [])])))
        y.append(tags[1:])
    return [rng.normal(size=(len(tags), 2)) for tags in y], y


def test_bio_predictions_are_sound(rng):
    X, y = tagged(rng)
    model = crf(allowed_transitions="bio", max_iter=2).fit(X, y)
    assert model.classes_.tolist() == TAGS.tolist()
    noise = [rng.normal(scale=5, size=(12, 2)) for _ in range(50)]
    model.set_weights({"head.V": rng.normal(scale=3, size=(4, 5))})
    for tags in model.predict(noise):
        for before, tag in itertools.pairwise(["O", *tags]):
            assert tag[0] != "I" or before in (tag, f"B-{tag[2:]}")
    assert (model.transitions_ == -np.inf).sum() == 6 and (model.start_transitions_ == -np.inf).sum() == 2
    assert np.concatenate(model.predict_proba(noise))[0, 2] == 0
    assert model.log_likelihood([noise[0][:2]], [["O", "I-x"]])[0] == -np.inf


def test_forms_of_allowed_transitions(rng):
    X, y = tagged(rng)
    of_dict = {tag: [other for other in TAGS if other[0] != "I" or tag[2:] == other[2:]] for tag in TAGS}
    matrix = [[other in of_dict[tag] for other in TAGS] for tag in TAGS]
    by_name, by_dict, by_matrix = (
        crf(allowed_transitions=allowed).fit(X, y) for allowed in ("bio", of_dict | {None: ["O", "B-x", "B-y"]}, matrix)
    )
    np.testing.assert_array_equal(by_name._theta, by_dict._theta)
    np.testing.assert_array_equal(by_matrix.transitions_ == -np.inf, by_name.transitions_ == -np.inf)
    assert np.isfinite(by_matrix.start_transitions_).all()


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["O", "B-x", "I-y"], r"does not allow 'I-y' after 'B-x', which y has at sequence 2, step 2\. Allow it"),
        (["I-x", "I-x", "O"], r"does not allow 'I-x' at the start, which y has at sequence 2, step 0"),
        (["O", None, "I-y"], None),
        (["B-y", None, "I-x"], None),
    ],
)
def test_labels_that_are_not_allowed_are_named(rng, y, message):
    X, tags = tagged(rng)
    X, tags = [*X[:2], np.zeros((3, 2)), *X[2:]], [*tags[:2], y, *tags[2:]]
    model = crf(allowed_transitions="bio")
    if message is None:
        assert np.isfinite(model.fit(X, tags).loss_curve_).all()
        return
    with pytest.raises(ValueError, match=message):
        model.fit(X, tags)
    with pytest.raises(ValueError, match=r"In the validation data.*" + message):
        model.fit(X[:2] + X[3:], tags[:2] + tags[3:], X_val=X, y_val=tags)


def test_gaps_that_no_labels_fill_are_named():
    X, whole = [np.zeros((4, 1))] * 6, [list("aabc"), list("abcc")] * 3
    model = crf(allowed_transitions={"a": ["a", "b"], "b": "c", "c": "c"})
    model.fit(X, [*whole[:5], ["a", None, None, "c"]])
    with pytest.raises(ValueError, match=r"'c' after 'a', which y has at sequence 5, step 1"):
        model.fit(X, [*whole[:5], ["a", "c", None, "c"]])
    with pytest.raises(ValueError, match=r"'b' after 'b' with 1 steps without a label between them.*sequence 5, step 3"):
        model.fit(X, [*whole[:5], [None, "b", None, "b"]])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"return_sequences": False}, r'structure="crf" does not go with return_sequences=False.*Set return_sequences=True'),
        ({"bptt_steps": 2}, r"does not go with bptt_steps=2: .*last step"),
        ({"label_smoothing": 0.1}, r"does not go with label_smoothing=0\.1"),
        ({"class_weight": "balanced"}, "does not go with class_weight"),
        ({"structure": None, "allowed_transitions": "bio"}, r'allowed_transitions is for structure="crf"'),
        ({"allowed_transitions": "bio"}, r'"bio" needs labels "O", "B-\.\.\." and "I-\.\.\.", got \'a\''),
        ({"allowed_transitions": {"a": ["d"]}}, r"has the label 'd', which is not in y"),
        ({"allowed_transitions": [[1, 0], [0, 1]]}, r"array of booleans \(n_classes, n_classes\).*\['a', 'b', 'c'\]"),
        ({"allowed_transitions": [[0, 1, 1], [0, 0, 1], [0, 0, 0]]}, "ends after at most 3 steps"),
        ({"allowed_transitions": {None: []}}, "ends after at most"),
        ({"structure": "tree"}, "'structure' parameter of LSTMClassifier"),
    ],
)
def test_contradictions_are_refused(rng, params, message):
    X, y = runs(rng)
    with pytest.raises(ValueError, match=message):
        crf(**params).fit(X, y)


def test_y_and_weights_that_have_no_meaning_are_refused(rng):
    X, y = runs(rng)
    weights = [np.ones(len(x)) for x in X]
    weights[4][1] = 2
    with pytest.raises(ValueError, match=r"sample_weight of sequence 4, step 0 is 1, but that of another step is 2"):
        crf().fit(X, y, sample_weight=weights)
    with pytest.raises(ValueError, match="one label per step"):
        crf().fit(X, [np.ones((len(x), 3), int) * [0, 1, 0] for x in X])
    with pytest.raises(ValueError, match=r"not among the known classes: \['d'\].*sequence 1, step 0"):
        crf().fit(X, y).log_likelihood(X[:2], [y[0], ["d"] * len(X[1])])
    assert not hasattr(LSTMClassifier(), "log_likelihood") and not hasattr(crf(structure=None).fit(X, y), "transitions_")


# ---- streams ----


@pytest.mark.parametrize("missing", ["error", "indicator"])
def test_streams_have_the_probabilities_given_the_steps_so_far(rng, missing):
    X, y = runs(rng, n=20, low=8, high=9)
    model = crf(missing=missing, allowed_transitions={"a": ["a", "b"], None: ["a", "b"]}).fit(X, y)
    without_end = pickle.loads(pickle.dumps(model)).set_weights({"crf.end": np.zeros(3)})
    stream, labels, logs = (model.stream(method) for method in ("predict", "predict_proba", "predict_log_proba"))
    stream, labels = labels, stream
    for t in range(8):
        x = np.stack([X[0][t], X[1][t]])
        p, label, log = stream.step(x), labels.step(x), logs.step(x)
        expected = [without_end.predict_proba([one[: t + 1]])[0][-1] for one in X[:2]]
        np.testing.assert_allclose(p, expected, atol=1e-12)
        np.testing.assert_allclose(np.exp(log), p)
        assert label.tolist() == model.classes_[p.argmax(axis=1)].tolist()
        if t == 3:
            copies = [pickle.loads(pickle.dumps(stream)), model.stream("predict_proba")]
            copies[1].state = stream.state
        if t > 3:
            for copy in copies:
                np.testing.assert_array_equal(copy.step(x), p)
    stream.reset([1])
    first = model.stream("predict_proba").step(X[1][0])
    np.testing.assert_array_equal(stream.step(np.stack([X[0][0], X[1][0]]))[1], first[0])
    state = stream.state
    state["crf.filtered"][0, 0] = np.nan
    with pytest.raises(ValueError, match=r"crf\.filtered"):
        stream.state = state


def test_the_best_constant_knows_the_order_of_labels(rng):
    # Labels alternate whatever X is: a network that finds out no more has learned nothing from X.
    X = [rng.normal(size=(10, 1)) for _ in range(40)]
    y = [np.roll(list("ab" * 5), k % 2) for k in range(40)]
    with pytest.warns(match="learned nothing from X"):
        crf(max_iter=300, temperature=1.0, early_stopping=False, hidden_size=2, alpha=1.0, n_iter_no_change=300).fit(X, y)
