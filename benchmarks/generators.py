"""Generators of problems: ``make(rng, n)`` draws n sequences, and returns X, y and, where noise hides it, y without noise."""

import numpy as np

from sklstm import Sequences
from sklstm.datasets import make_sine_mixture


def of_datasets(make, **parameters):
    """One of the generators of `sklstm.datasets`."""

    def draw(rng, n):
        X, y = make(n, random_state=int(rng.integers(2**31)), **parameters)
        return (Sequences(X.values.astype(np.float32), X.offsets) if isinstance(X, Sequences) else X.astype(np.float32)), y

    return draw


def flipped_sines(rng, n):
    """Three classes of sines; 30 % of the labels are drawn anew."""
    X, y = make_sine_mixture(n, n_steps=30, noise=0.3, random_state=int(rng.integers(2**31)))
    return X.astype(np.float32), np.where(rng.random(n) < 0.3, rng.integers(3, size=n), y)


def noisy_mean(rng, n):
    """The class is drawn by a probability that depends on the mean of one of two channels."""
    X = rng.normal(size=(n, 20, 2))
    odds = 2.0 * np.sqrt(20) * X[:, :, 0].mean(axis=1)
    return X.astype(np.float32), (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(int)


def autoregressive(rng, n):
    """Which of two overlapping autoregressive processes."""
    y = rng.integers(2, size=n)
    coefficient = np.where(y == 1, 0.75, 0.45)
    X = np.zeros((n, 40))
    noise = rng.normal(size=X.shape)
    for t in range(1, X.shape[1]):
        X[:, t] = coefficient * X[:, t - 1] + noise[:, t]
    return X[:, :, None].astype(np.float32), y


def _with_shapes(rng, n, n_steps, classes, shapes, height=2.5, noise=0.5):
    X = noise * rng.normal(size=(n, n_steps))
    for x, c in zip(X, classes, strict=True):
        if c:
            shape = shapes[c - 1]
            at = rng.integers(n_steps - len(shape))
            x[at : at + len(shape)] += height * shape
    return X[:, :, None].astype(np.float32)


def shapes_somewhere(rng, n):
    """A triangle up, a triangle down or a step back and forth, somewhere in noise."""
    ramp = np.r_[np.linspace(0, 1, 10), np.linspace(1, 0, 10)]
    y = rng.integers(1, 4, size=n)
    return _with_shapes(rng, n, 120, y, [ramp, -ramp, np.r_[np.ones(10), -np.ones(10)]], height=1.5), y


def rare_event(rng, n):
    """A bump somewhere in 6 % of the sequences."""
    y = (rng.random(n) < 0.06).astype(int)
    y[:3] = 1
    return _with_shapes(rng, n, 80, y, [np.sin(np.linspace(0, np.pi, 12))], height=2.0), y


def rare_spike_tags(rng, n):
    """Tags of every step: whether one of two rare patterns has just been completed."""
    X = rng.integers(4, size=(n, 60))
    y = np.zeros(X.shape, int)
    y[:, 2:] = (X[:, :-2] == 0) & (X[:, 1:-1] == 1) & (X[:, 2:] == 2)
    return np.eye(4, dtype=np.float32)[X], y


STAY = 0.85  # probability that a hidden state is that of the step before
LEVELS = np.array([[0, 0.8], [0.8, -0.4], [-0.8, -0.4]])  # of both channels in each hidden state
NOISE = 1.6


def markov_tags(rng, n, n_steps=40):
    """Three hidden states that tend to stay, seen through normal noise; the tags are the states."""
    n_states = len(LEVELS)
    states = np.zeros((n, n_steps), int)
    states[:, 0] = rng.integers(n_states, size=n)
    for t in range(1, n_steps):
        other = (states[:, t - 1] + rng.integers(1, n_states, size=n)) % n_states
        states[:, t] = np.where(rng.random(n) < STAY, states[:, t - 1], other)
    return (LEVELS[states] + NOISE * rng.normal(size=(n, n_steps, 2))).astype(np.float32), states


def markov_posteriors(X, both_ways):
    """Probabilities of the tags of `markov_tags`, given the steps so far or all steps, by the forward-backward algorithm."""
    squares = ((X[:, :, np.newaxis] - LEVELS) ** 2).sum(axis=3)
    likelihoods = np.exp(-(squares - squares.min(axis=2, keepdims=True)) / (2 * NOISE**2))
    transitions = np.full((3, 3), (1 - STAY) / 2) + (STAY - (1 - STAY) / 2) * np.eye(3)
    posteriors = np.empty_like(likelihoods)
    belief = np.full((len(X), 3), 1 / 3)
    for t in range(X.shape[1]):
        belief = likelihoods[:, t] * (belief @ transitions if t else belief)
        belief /= belief.sum(axis=1, keepdims=True)
        posteriors[:, t] = belief
    message = np.ones((len(X), 3))  # likelihood of the later steps for each state, up to a factor
    for t in range(X.shape[1] - 2, -1 if both_ways else X.shape[1], -1):
        message = (likelihoods[:, t + 1] * message) @ transitions
        message /= message.sum(axis=1, keepdims=True)
        posteriors[:, t] *= message
    return list(posteriors / posteriors.sum(axis=2, keepdims=True))


def echo_tags(rng, n):
    """Per step: the symbol of five steps before."""
    X = rng.integers(3, size=(n, 40))
    y = np.roll(X, 5, axis=1)
    y[:, :5] = 0
    return np.eye(3, dtype=np.float32)[X], y


def drifting_levels(rng, n):
    """Whether a series rises or falls on the whole, at any level and scale."""
    y = rng.integers(2, size=n)
    walk = np.cumsum(rng.normal(size=(n, 50)) + 0.25 * (2 * y[:, None] - 1), axis=1)
    return (rng.normal(size=(n, 1)) * 20 + walk)[:, :, None].astype(np.float32), y


def irregular_lengths(rng, n):
    """Slow or fast oscillations of 4 to 250 steps."""
    y = rng.integers(3, size=n)
    lengths = np.exp(rng.uniform(np.log(4), np.log(250), size=n)).astype(int)
    frequency = np.array([0.5, 0.8, 1.2])[y] * rng.uniform(0.9, 1.1, size=n)
    X = []
    for f, m in zip(frequency, lengths, strict=True):
        X.append(np.sin(f * np.arange(m) + rng.uniform(0, 6.3)) + 0.4 * rng.normal(size=m))
    return Sequences.from_list([x[:, None].astype(np.float32) for x in X]), y


def strokes(rng, n):
    """Twelve kinds of pen strokes, drawn at different speeds, slants and sizes; few of each kind."""
    kinds = np.random.default_rng(7).normal(size=(12, 5, 2))
    y = rng.permutation(np.arange(n) % 12)
    out = []
    for c in y:
        m = rng.integers(15, 40)
        angles = np.linspace(0, 1, m) ** rng.uniform(0.7, 1.4)
        waves = np.stack([np.cos(np.pi * k * angles) for k in range(5)], axis=1) @ (kinds[c] + 0.25 * rng.normal(size=(5, 2)))
        turn = 0.3 * rng.normal()
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        out.append((waves @ rotation * rng.uniform(0.7, 1.4) + 0.1 * rng.normal(size=(m, 2))).astype(np.float32))
    return Sequences.from_list(out), y


def majority(rng, n):
    """Which of two symbols is more frequent in 10 to 60 steps."""
    lengths = rng.integers(10, 61, size=n)
    X = [rng.integers(3, size=m) for m in lengths]
    y = np.array([int((x == 0).sum() > (x == 1).sum()) for x in X])
    return Sequences.from_list([np.eye(3, dtype=np.float32)[x] for x in X]), y


def _filtered(rng, n, n_steps=40):
    X = rng.normal(size=(n, n_steps, 3))
    clean = (0.8 ** np.arange(n_steps)[::-1] * (X[:, :, 0] + 0.5 * X[:, :, 1] * (X[:, :, 2] > 0))).sum(axis=1)
    return X.astype(np.float32), clean / clean.std()


def heavy_tails(rng, n):
    """Noise of a t distribution of 1.5 degrees of freedom; the score is about the value without noise."""
    X, clean = _filtered(rng, n)
    return X, clean + rng.standard_t(1.5, size=n), clean


def normal_noise(rng, n):
    X, clean = _filtered(rng, n)
    return X, clean + rng.normal(size=n), clean


def skewed(rng, n):
    """A positive quantity with log-normal noise of mean 1; the score is about the mean."""
    X, clean = _filtered(rng, n)
    mean = np.exp(0.7 * clean)
    return X, mean * rng.lognormal(-0.18, 0.6, size=n), mean


def outliers(rng, n):
    """Five per cent of the targets are wild."""
    X, clean = _filtered(rng, n)
    y = clean + 0.1 * rng.normal(size=n)
    wild = rng.random(n) < 0.05
    return X, np.where(wild, 30 * rng.normal(size=n), y), clean


def denoised(rng, n):
    """Per step: the slow wave under noise."""
    t = np.arange(50)
    clean = np.sin(rng.uniform(0.1, 0.4, size=(n, 1)) * t + rng.uniform(0, 6.3, size=(n, 1)))
    return (clean + 0.7 * rng.normal(size=clean.shape))[:, :, None].astype(np.float32), clean


def dynamics(rng, n):
    """Next value of two coupled logistic maps of unknown rate."""
    rate = rng.uniform(3.5, 3.9, size=n)
    x = rng.uniform(0.2, 0.8, size=n)
    steps = []
    for _ in range(26):
        steps.append(x)
        x = rate * x * (1 - x)
    X = np.stack(steps, axis=1)
    return X[:, :, None].astype(np.float32), x
