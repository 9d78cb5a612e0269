"""What else people do: a common first recipe in PyTorch, an expert's, boosting on simple features, and a linear model on them.
The optimum stands beside them where it can be computed.

The plain recipe is nn.LSTM(64), the last state, a linear head, Adam(1e-3), minibatches of 32 (16 for up to 100 sequences) and
200 epochs. The expert's has AdamW(1e-3, weight_decay=0.01), a warm-up and a cosine, gradients clipped to the norm 1, dropout 0.2
before the head, a fifth of the sequences for validation, and ends with the weights of the epoch with the lowest validation loss.
In both, channels and quantities are standardised, and ragged sequences are packed.
"""

import math
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
from problems import Fitted, flat
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

SMALL_SET, SMALL_BATCH, BATCH = 100, 16, 32
MOST_FLAT = 500  # features, of which every step has its own up to here
CHUNK = 256  # sequences predicted at once


@dataclass(frozen=True)
class TorchRecipe:
    """Training of an nn.LSTM.

    Attributes
    ----------
    weight_decay : float
    dropout : float
        Before the head.
    warmup : float or None
        Part of the steps in which the rate rises; a cosine follows. None keeps the rate constant.
    max_norm : float or None
        Gradients are clipped to it.
    n_folds : int or None
        One of so many folds is for validation; None trains on all to the last epoch.
    """

    hidden_size: int = 64
    rate: float = 1e-3
    epochs: int = 200
    weight_decay: float = 0.0
    dropout: float = 0.0
    warmup: float | None = None
    max_norm: float | None = None
    n_folds: int | None = None

    def takes(self, problem):
        return True

    def differs(self, problem):
        return True

    def is_supported(self):
        from importlib.util import find_spec

        return find_spec("torch") is not None

    def fit(self, problem, X, y, seed):
        """A `Fitted` model."""
        import torch

        torch.set_num_threads(1)
        torch.manual_seed(seed)
        data = _TorchData(problem, X, y)
        train, validation = problem.folds(y, self.n_folds, seed)[0] if self.n_folds else (np.arange(len(y)), None)
        network = _network(problem, data, self.hidden_size, self.dropout)
        epochs = self._trained(network, data, train, validation)
        return Fitted(lambda X: data.predicted(network, X), epochs)

    def _trained(self, network, data, train, validation):
        """Train in place; returns the number of the epoch whose weights are kept."""
        import torch

        batch_size = SMALL_BATCH if len(train) <= SMALL_SET else BATCH
        optimizer = torch.optim.AdamW(network.parameters(), lr=self.rate, weight_decay=self.weight_decay)
        n_steps = self.epochs * math.ceil(len(train) / batch_size)
        factors = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: self._factor((step + 0.5) / n_steps))
        best, kept, kept_epoch = math.inf, None, self.epochs
        for epoch in range(self.epochs):
            network.train()
            for rows in torch.randperm(len(train)).split(batch_size):
                optimizer.zero_grad()
                data.loss(network, train[rows.numpy()]).backward()
                if self.max_norm is not None:
                    torch.nn.utils.clip_grad_norm_(network.parameters(), self.max_norm)
                optimizer.step()
                factors.step()
            if validation is not None:
                network.eval()
                with torch.no_grad():
                    loss = float(data.loss(network, validation))
                if loss < best:
                    best, kept, kept_epoch = loss, deepcopy(network.state_dict()), epoch + 1
        if kept is not None:
            network.load_state_dict(kept)
        network.eval()
        return kept_epoch

    def _factor(self, progress):
        """Factor of the rate."""
        if self.warmup is None:
            return 1.0
        if progress < self.warmup:
            return progress / self.warmup
        return 0.5 * (1 + math.cos(math.pi * (progress - self.warmup) / (1 - self.warmup)))


def _network(problem, data, hidden_size, dropout):
    """An LSTM and its head: ``network(batch)`` are the outputs of the last states, or of all steps of a packed batch."""
    import torch

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.per_step, both_ways = problem.per_step, problem.parameters.get("bidirectional", False)
            self.lstm = torch.nn.LSTM(data.n_channels, hidden_size, batch_first=True, bidirectional=both_ways)
            self.dropout = torch.nn.Dropout(dropout)
            self.head = torch.nn.Linear(hidden_size * (1 + both_ways), data.n_outputs)

        def forward(self, batch):
            outputs, (last, _) = self.lstm(batch)
            return self.head(self.dropout(outputs.data if self.per_step else torch.cat(list(last), dim=1)))

    return Network()


class _TorchData:
    """Standardised tensors of training data, and how outputs become predictions."""

    def __init__(self, problem, X, y):
        import torch

        self.problem = problem
        self.scaler = StandardScaler().fit(np.concatenate(list(X)))
        self.X = self._tensors(X)
        self.n_channels = self.X[0].shape[1]
        targets = list(y) if problem.per_step else [np.reshape(target, (1, -1)) for target in y]
        lengths = [len(target) for target in targets]
        table = np.concatenate(targets).reshape(sum(lengths), -1)
        if problem.has_classes:
            classes, codes = np.unique(table.ravel(), return_inverse=True)
            self.n_outputs, self.criterion, table = len(classes), torch.nn.CrossEntropyLoss(), codes.ravel()
        else:
            self.mean, self.scale = table.mean(axis=0), table.std(axis=0)
            self.n_outputs, self.criterion = table.shape[1], torch.nn.MSELoss()
            table = ((table - self.mean) / self.scale).astype(np.float32)
        self.targets = torch.from_numpy(table).split(lengths)

    def loss(self, network, rows):
        """Mean loss of rows."""
        import torch
        from torch.nn.utils.rnn import pack_sequence

        chosen = [self.targets[k] for k in rows]
        targets = pack_sequence(chosen, enforce_sorted=False).data if self.problem.per_step else torch.cat(chosen)
        return self.criterion(network(self._batch([self.X[k] for k in rows])), targets)

    def predicted(self, network, X):
        """Probabilities or quantities, as `Fitted.predict` returns them."""
        import torch

        with torch.no_grad():
            outputs = [self._outputs(network, sequences) for sequences in _chunks(self._tensors(X))]
        outputs = torch.cat(outputs)
        if self.problem.has_classes:
            predicted = outputs.softmax(dim=1).numpy()
            return [predicted] if self.problem.per_step else predicted
        predicted = outputs.numpy() * self.scale + self.mean
        return [predicted] if self.problem.per_step else predicted

    def _outputs(self, network, sequences):
        """Outputs, those of all steps in the order of the sequences."""
        import torch
        from torch.nn.utils.rnn import PackedSequence, unpack_sequence

        batch = self._batch(sequences)
        outputs = network(batch)
        if not self.problem.per_step:
            return outputs
        return torch.cat(unpack_sequence(PackedSequence(outputs, *batch[1:])))

    def _tensors(self, X):
        import torch

        return [torch.from_numpy(self.scaler.transform(x).astype(np.float32)) for x in X]

    def _batch(self, sequences):
        import torch
        from torch.nn.utils.rnn import pack_sequence

        ragged = len({len(x) for x in sequences}) > 1
        return pack_sequence(sequences, enforce_sorted=False) if ragged or self.problem.per_step else torch.stack(sequences)


def _chunks(sequences):
    return [sequences[k : k + CHUNK] for k in range(0, len(sequences), CHUNK)]


@dataclass(frozen=True)
class OnFeatures:
    """A model of scikit-learn on features of whole sequences: a summary of each channel and, if that is not much, every step.

    Attributes
    ----------
    models : dict
        ``kind of problem -> function of the number of sequences that returns the model``.
    """

    models: dict

    def takes(self, problem):
        return not problem.per_step

    def differs(self, problem):
        return True

    def is_supported(self):
        return True

    def fit(self, problem, X, y, seed):
        """A `Fitted` model."""
        flattened = isinstance(X, np.ndarray) and X[0].size <= MOST_FLAT
        model = self.models[problem.kind](len(y), seed)
        if not problem.has_classes and np.ndim(y) == 2 and isinstance(model, HistGradientBoostingRegressor):
            model = MultiOutputRegressor(model)
        model.fit(features(X, flattened), flat(y))
        method = model.predict_proba if problem.has_classes else model.predict
        return Fitted(lambda X: method(features(X, flattened)), 0)


class Optimum:
    """The best predictions that there are, where they can be computed."""

    def takes(self, problem):
        return problem.optimum is not None

    def differs(self, problem):
        return True

    def is_supported(self):
        return True

    def fit(self, problem, X, y, seed):
        """A `Fitted` model."""
        return Fitted(problem.optimum, 0)


def features(X, flattened):
    """Features of sequences (n, n_features)."""
    table = np.array([_summary(np.asarray(x, dtype=np.float64)) for x in X])
    return np.hstack([table, X.reshape(len(X), -1)]) if flattened else table


def _summary(x):
    """Length, and for each channel its level, spread, extremes and where they are, slope, roughness and ends."""
    time = np.linspace(-0.5, 0.5, len(x))
    changes = np.abs(np.diff(x, axis=0)) if len(x) > 1 else np.zeros((1, x.shape[1]))
    slope = (time[:, None] * x).mean(axis=0)
    parts = [x.mean(axis=0), x.std(axis=0), *np.quantile(x, [0, 0.25, 0.5, 0.75, 1], axis=0), x.argmin(axis=0), x.argmax(axis=0)]
    return np.concatenate([[len(x)], *parts, slope, changes.mean(axis=0), changes.max(axis=0), x[0], x[-1]])


def _boosted(kind):
    return lambda n, seed: kind(min_samples_leaf=min(20, max(2, n // 20)), random_state=seed)


def _logistic(n, seed):
    strengths = {"C": np.logspace(-3, 1, 5)}
    search = GridSearchCV(LogisticRegression(max_iter=1000), strengths, scoring="neg_log_loss", cv=3)
    return make_pipeline(StandardScaler(), search)


def _ridge(n, seed):
    return make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 4, 13)))


BOOSTING = {"classes": _boosted(HistGradientBoostingClassifier), "quantities": _boosted(HistGradientBoostingRegressor)}
RECIPES = {
    "plain recipe": TorchRecipe(),
    "expert recipe": TorchRecipe(weight_decay=1e-2, dropout=0.2, warmup=0.05, max_norm=1.0, n_folds=5),
    "boosting": OnFeatures(BOOSTING),
    "linear": OnFeatures({"classes": _logistic, "quantities": _ridge}),
    "optimum": Optimum(),
}
