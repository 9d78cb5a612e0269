"""Random fitted models with random inputs, as Python takes them and as an exported model does."""

import warnings

import numpy as np
import onnxruntime

from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm.network import CELLS, MERGE_MODES, REGRESSION_LOSSES
from sklstm.network.input_layer import MISSING
from sklstm.network.pooling import POOLINGS

WORDS = np.array(["ash", "beech", "cedar", "elm"], dtype=object)
CODES = np.array([0.0, 1.0, 2.0, 7.0, 40.0])

# Kind of y -> from a generator and a number of samples to y, for a classifier.
CLASSES = {
    "binary": lambda rng, n: np.resize([False, True], n),
    "texts": lambda rng, n: rng.permutation(np.resize(["no", "perhaps", "yes"], n)),
    "two texts": lambda rng, n: np.resize(["no", "yes"], n),
    "codes": lambda rng, n: np.resize([0, 1, 2, 3], n),
    "integers": lambda rng, n: np.resize([-5, 3, 70], n),
    "floats": lambda rng, n: np.resize([0.0, 2.0], n),
    "labels": lambda rng, n: np.resize([[0, 1, 1], [1, 0, 0], [1, 1, 0]], (n, 3)),
}


def regression_options():
    """Pairs of a loss with its parameters, and the number of outputs; 0 for y without an axis of outputs."""
    several = [0.9, 0.1, 0.5]
    for loss in REGRESSION_LOSSES:
        quantiles = [0.7, several] if REGRESSION_LOSSES[loss].for_several_quantiles else [None]
        for quantile in quantiles:
            for n_outputs in (0, 2) if quantile is not several else (0,):
                yield {"loss": loss, "quantile": quantile}, n_outputs


def pick(rng, options):
    options = list(options)
    return options[rng.integers(len(options))]


def draw_options(rng):
    """Parameters of the network, of any estimator."""
    n_layers = int(rng.integers(1, 4))
    # Layer normalisation of a few units enlarges rounding errors: if they are alike, by up to the root of 1 / epsilon.
    cell, residual = pick(rng, CELLS), bool(rng.random() < 0.3)
    least = 8 if cell == "layernorm" else 1
    sizes = [int(width) for width in rng.integers(least, least + 7, n_layers)]
    sizes = [sizes[0]] * n_layers if residual else sizes
    width = int(rng.integers(min(sizes))) if rng.random() < 0.3 and CELLS[cell].can_project else 0  # 0 is none
    several = tuple(rng.permutation(list(POOLINGS))[: rng.integers(1, 4)].tolist())
    return {
        "hidden_size": tuple(sizes),
        "cell": cell,
        "proj_size": width,
        "activation": pick(rng, ["tanh", "tanh", "relu"]),
        "bidirectional": bool(rng.random() < 0.5),
        "merge_mode": pick(rng, MERGE_MODES),
        "residual": residual,
        "pooling": several if rng.random() < 0.5 else several[0],
        "return_sequences": bool(rng.random() < 0.25),
        "initial_state": pick(rng, ["zeros", "learned"]),
        "missing": pick(rng, MISSING),
        "standardize": bool(rng.random() < 0.7),
    }


def draw_X(rng, n, *, missing=False, d=3, categories="none", times="none", static="none", dtype=np.float64, longest=7):
    """`Sequences`, with a channel of categories, times and static features.

    Parameters
    ----------
    categories : {"none", "codes", "texts"}
        Of the last channel.
    times : {"none", "beside", "channel"}
        Of one more channel, the first.
    static : {"none", "numbers", "texts"}
    """
    lengths = rng.integers(1, longest + 1, n) if rng.random() < 0.8 else np.full(n, longest)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    total = offsets[-1]
    values = (rng.normal(size=(total, d)) * [1, 5, 0.1][:d] + 0.5).astype(dtype)
    if missing:
        values[rng.random(values.shape) < 0.3] = np.nan
    options, known = {}, {}
    if categories == "codes":
        values = np.column_stack([values, rng.choice(CODES, total).astype(dtype)])
        options["categorical_features"] = [d]
    if categories == "texts":
        values = np.column_stack([values, rng.integers(len(WORDS), size=total).astype(dtype)])
        options["categorical_features"], known = [d], {d: WORDS}
    clock = np.cumsum(rng.exponential(size=total) + 0.01)
    if times == "channel":
        values = np.column_stack([values, clock.astype(dtype)])
        options["time_feature"] = values.shape[1] - 1
    X = Sequences(values, offsets, categories=known)
    if times == "beside":
        X = X.with_times(clock)
    if static != "none":
        table = {"age": rng.normal(50, 10, n), "size": rng.normal(size=n)}
        if static == "texts":
            table["tree"] = rng.choice(WORDS, n)
        X = X.with_static(table)
    return X, options


def draw(seed):
    """A fitted model with random weights, and X."""
    rng = np.random.default_rng(seed)
    options = draw_options(rng)
    dtype = pick(rng, [np.float32, np.float64])
    kinds = {"categories": ["none", "codes", "texts"], "times": ["none", "none", "beside", "channel"]}
    kinds |= {"static": ["none", "numbers", "texts"]}
    chosen = {name: pick(rng, values) for name, values in kinds.items()}
    n = 24
    X, of_X = draw_X(rng, n, missing=options["missing"] != "error", dtype=dtype, **chosen)
    n_samples = len(X.values) if options["return_sequences"] else n
    if rng.random() < 0.5:
        y, cls, of_y = pick(rng, CLASSES.values())(rng, n_samples), LSTMClassifier, {}
        if options["return_sequences"] and y.ndim == 1 and rng.random() < 0.5:
            of_y["structure"] = "crf"
    else:
        of_y, n_outputs = pick(rng, regression_options())
        y, cls = rng.gamma(1, size=(n_samples, *[n_outputs] * bool(n_outputs))), LSTMRegressor
    if options["return_sequences"]:
        y = np.split(y, X.offsets[1:-1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = cls(**options | of_X | of_y, max_iter=1, early_stopping=False, random_state=0).fit(X, y)
    return with_noise(model, rng), X


def with_noise(model, rng, scale=0.2):
    """The model with other weights: those that are 0 at first hide what reads them."""
    from sklstm.estimators.architecture import build

    network, theta = build(model._network_spec), model._theta.copy()
    for name, part in network.layout.slices.items():
        if name.rpartition(".")[2] not in {"scale", "offset", "mean", "known"}:
            theta[part] += (scale * rng.normal(size=theta[part].shape)).astype(theta.dtype)
    model._theta = theta
    return model


def padded(values, lengths, fill):
    """(n_sequences, n_steps, ...) of (total_steps, ...)"""
    out = np.full((len(lengths), lengths.max(), *values.shape[1:]), fill, dtype=values.dtype)
    out[np.arange(lengths.max()) < lengths[:, np.newaxis]] = values
    return out


def feeds(X, fill=np.nan):
    """What an exported model takes for `Sequences`."""
    texts, numbers = {}, X.values.copy()
    for channel, values in X.categories.items():
        found = values[X.values[:, channel].astype(int)]
        if values.dtype == object:
            texts[channel] = found
        else:
            numbers[:, channel] = found
    numbers = numbers[:, [k for k in range(X.n_channels) if k not in texts]]
    found = {"X": padded(numbers, X.lengths, fill), "lengths": X.lengths.astype(np.int64)}
    found |= {f"channel_{channel}": padded(values, X.lengths, "") for channel, values in texts.items()}
    if X.times is not None:
        found["times"] = padded(X.times, X.lengths, fill)
    if X._static is not None:
        static = X._static
        of_texts = {k: values for k, values in static.categories.items()}
        found["static"] = static.values[:, [k for k in range(static.values.shape[1]) if k not in of_texts]]
        found |= {static.names[k]: values[static.values[:, k].astype(int)] for k, values in of_texts.items()}
    return found


def session(exported):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(exported.SerializeToString(), options, providers=["CPUExecutionProvider"])


TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64, "tensor(string)": object}


def typed(own, found):
    """What a session takes of arrays by name, in its types."""
    return {i.name: found[i.name].astype(TYPES[i.type]) for i in own.get_inputs()}


def run(exported, found):
    """Name -> output, for what `feeds` has found."""
    own = session(exported)
    return dict(zip([output.name for output in own.get_outputs()], own.run(None, typed(own, found)), strict=True))


class Stepper:
    """A model of one step, with the states of some sequences."""

    def __init__(self, exported, n_sequences):
        self.session, self.n_sequences = session(exported), n_sequences
        self.begin()

    def begin(self):
        """Let all sequences be new ones."""
        states = [i for i in self.session.get_inputs() if i.name.startswith("state_in_")]
        self.states = {i.name: np.zeros([self.n_sequences, *i.shape[1:]], TYPES[i.type]) for i in states}

    def step(self, given):
        """Name -> output for the next step."""
        names = [output.name for output in self.session.get_outputs()]
        found = dict(zip(names, self.session.run(None, typed(self.session, given | self.states)), strict=True))
        self.states = {name: found[name.replace("in", "out", 1)] for name in self.states}
        return found


def flat(model, X, predicted):
    """What Python predicts, or of padded outputs that of the steps that there are, as one array."""
    if isinstance(predicted, np.ndarray) and predicted.shape[:1] == (len(X),):
        return predicted[np.arange(predicted.shape[1]) < X.lengths[:, np.newaxis]] if model.return_sequences else predicted
    return np.concatenate(list(predicted))


def deviation(model, X, outputs):
    """The largest deviation of outputs from what Python predicts, of large numbers the relative one, and the number of labels, or
    of sequences of labels, that differ though another one is clearly less likely."""
    expected, name, wrong = flat(model, X, model.predict(X)), "variable", 0
    if isinstance(model, LSTMClassifier):
        labels, found = expected, flat(model, X, outputs["label"])
        expected, name = flat(model, X, model.predict_proba(X)), "probabilities"
        if model.structure is None:
            top = np.sort(expected, axis=1)
            margin = np.abs(expected - 0.5) * 2 if labels.ndim == 2 else top[:, -1] - top[:, -2]
            wrong = np.count_nonzero((found != labels) & (margin > 1e-4))
        else:
            logs = [model.log_likelihood(X, np.split(path, X.offsets[1:-1])) for path in (labels, found)]
            wrong = np.count_nonzero(logs[0] - logs[1] > 1e-4)
    found = flat(model, X, outputs[name])
    expected = expected.reshape(found.shape).astype(np.float64)
    return np.abs(found - expected).max() / max(1, np.abs(expected).max()), wrong
