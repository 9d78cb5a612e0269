"""Strokes as people draw them with a mouse or a finger, made by a generator, and a network that recognises them as they grow.

A stroke is an array of positions (n_points, 2) in pixels, of which y grows downwards. The network takes a step each time the pen
is `SPACING` pixels away from where it was, and reads in which direction: neither position nor speed matter. One more step says
that the pen was lifted. The network returns probabilities after every step; they are trained with the label of the whole stroke,
so early ones say what it may still become.
"""

import numpy as np

from sklstm import LSTMClassifier

SPACING = 6.0  # pixels
ACCURACY = 8  # positions are whole multiples of 1/8 pixel
SIZES = 90, 400  # pixels: of the longer side of a stroke
LAST_WEIGHT = 20  # of the step at the end of a stroke, compared with those before
N_DENSE = 400  # points of a shape before it is drawn


def polygon(corners, rng, *, noise=0.05):
    """A closed polygon from some corner on, rarely from within a side, either way round; its end may miss its beginning."""
    corners = np.array(corners, float) + rng.normal(scale=noise, size=(len(corners), 2))
    corners = np.roll(corners, rng.integers(len(corners)), axis=0)[:: rng.choice([-1, 1])]
    if rng.uniform() < 0.15:
        corners = np.vstack([corners[0] + (corners[-1] - corners[0]) * rng.uniform(0.3, 0.7), corners])
    end = corners[0] + (corners[-1] - corners[0]) * rng.uniform(-0.03, 0.12) + rng.normal(scale=noise, size=2)
    return np.vstack([corners, end])


def regular(n, skip=1):
    angles = 2 * np.pi * skip * np.arange(n) / n - np.pi / 2
    return np.column_stack([np.cos(angles), np.sin(angles)])


def around(angles, radii):
    return np.column_stack([np.cos(angles), np.sin(angles)]) * np.reshape(radii, (-1, 1))


def line(rng):
    return [(0, 0), (1, 0)] @ rotation(rng.uniform(0, 2 * np.pi))


def tick(rng):
    short, long = (rng.uniform(-0.65, -0.45), rng.uniform(-0.7, -0.2)), (rng.uniform(0.6, 1), rng.uniform(-1.5, -0.9))
    return np.array([short, (0, 0), long])


def zigzag(rng):
    n = rng.integers(3, 7)
    heights = np.where(np.arange(n + 1) % 2 == rng.integers(2), 1, -1) * rng.uniform(0.4, 1.3)
    return np.column_stack([np.arange(n + 1) + rng.normal(scale=0.1, size=n + 1), heights * rng.uniform(0.8, 1.2, size=n + 1)])


def wave(rng):
    n = rng.uniform(1.5, 3)
    t = np.linspace(0, n, N_DENSE)
    angles = 2 * np.pi * t + rng.choice([0, np.pi]) + rng.uniform(-0.5, 0.5)
    return np.column_stack([2 * t, rng.uniform(0.4, 1.2) * np.sin(angles)])


def circle(rng):
    turns, growth = rng.uniform(0.88, 1.2), rng.uniform(-0.12, 0.12)
    t = np.linspace(0, 1, N_DENSE)
    return around(2 * np.pi * (turns * t * rng.choice([-1, 1]) + rng.uniform()), 1 + growth * t)


def spiral(rng):
    t = np.linspace(0, 1, N_DENSE)
    shape = around(2 * np.pi * (rng.uniform(1.8, 3.5) * t * rng.choice([-1, 1]) + rng.uniform()), rng.uniform(0.03, 0.15) + t)
    return shape[:: rng.choice([-1, 1])]


def triangle(rng):
    return polygon(regular(3), rng, noise=0.08)


def square(rng):
    return polygon(regular(4) @ rotation(np.pi / 4), rng)


def eight(rng):
    """Begins where lines cross, or at the end of a loop; upright or lying."""
    begin = rng.choice([0, 0.25, 0.5, 0.75]) + rng.uniform(-0.05, 0.05)
    t = 2 * np.pi * (np.linspace(0, rng.uniform(0.95, 1.06), N_DENSE) + begin)
    shape = np.column_stack([rng.choice([-1, 1]) * np.sin(2 * t) * rng.uniform(0.4, 0.6), np.sin(t)])
    return shape[:, :: rng.choice([-1, 1])]


def star(rng):
    return polygon(regular(5, skip=2), rng, noise=0.06)


SHAPES = {shape.__name__: shape for shape in (line, tick, zigzag, wave, circle, spiral, triangle, square, eight, star)}


def rotation(angle):
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def smooth_noise(rng, n, n_waves=4):
    """Some sines over n points, of variance 1."""
    t = np.linspace(0, 2 * np.pi, n)
    waves = [np.sin(rng.uniform(0.3, n_waves) * t + rng.uniform(0, 2 * np.pi)) for _ in range(n_waves)]
    return np.sqrt(2 / n_waves) * np.sum(waves, axis=0)


def along(points, n, speed=None):
    """n points along a stroke: equally far from each other, or as far as `speed` (n,) says."""
    s = np.r_[0, np.cumsum(np.hypot(*np.diff(points, axis=0).T))]
    t = np.linspace(0, 1, n) if speed is None else np.r_[0, np.cumsum(speed[1:])] / speed[1:].sum()
    return np.column_stack([np.interp(t * s[-1], s, points[:, k]) for k in range(2)])


def drawn(shape, rng, roughness=1.0):
    """Positions (n_points, 2) of a shape as a pointer reports them: distorted, rounded, turned, and at changing speed."""
    points = along(np.asarray(shape, float), N_DENSE)
    width = int(rng.uniform(1, 1 + 0.03 * roughness * N_DENSE))  # corners are round
    padded = np.pad(points, ((width, width), (0, 0)), mode="edge")
    points = np.column_stack([np.convolve(padded[:, k], np.ones(width) / width, mode="same")[width:-width] for k in range(2)])
    points -= (points.max(axis=0) + points.min(axis=0)) / 2
    size = np.ptp(points, axis=0).max()
    hand = np.column_stack([smooth_noise(rng, N_DENSE) for _ in range(2)])
    points = points / size + rng.uniform(0, 0.025 * roughness) * hand
    order = rng.choice([-1, 1])
    squeezed = np.array([[rng.uniform(1 - 0.25 * roughness, 1), rng.normal(scale=0.08 * roughness)], [0, 1]])[::order, ::order]
    points = points @ squeezed @ rotation(np.radians(roughness * rng.uniform(-20, 20)))
    points = points / np.ptp(points, axis=0).max() * np.exp(rng.uniform(*np.log(SIZES)))
    length = np.hypot(*np.diff(points, axis=0).T).sum()
    n = int(np.clip(length / np.exp(rng.uniform(*np.log([2, 20]))), 12, 600))
    points = along(points, n, np.exp(0.5 * smooth_noise(rng, n)))
    points += rng.normal(scale=rng.uniform(0, 0.5 * roughness), size=points.shape)
    return np.rint((points - points.min(axis=0) + 20) * ACCURACY) / ACCURACY


def directions(points):
    """What the network reads of a stroke (n_steps, 3): unit vectors, and whether the pen is lifted. page.js has the same bits."""
    (x, y), found = points[0], []
    for px, py in points[1:].tolist():
        while True:
            dx, dy = px - x, py - y
            distance = np.sqrt(dx * dx + dy * dy)
            if distance < SPACING:
                break
            dx, dy = dx / distance, dy / distance
            x, y = x + SPACING * dx, y + SPACING * dy
            found.append((dx, dy, 0))
    return np.array([*found, (0, 0, 1)], dtype=np.float32)


def strokes(n, seed, roughness=1.0):
    """n strokes (n_points, 2), and their names. A steady hand has a small roughness."""
    rng = np.random.default_rng(seed)
    names = np.array(list(SHAPES))[np.arange(n) % len(SHAPES)]
    return [drawn(SHAPES[name](rng), rng, roughness) for name in names], names


def sequences(n, seed):
    """Directions (n_steps, 3) of n strokes, and for each of their steps the name of the whole."""
    drawings, names = strokes(n, seed)
    X = [directions(points) for points in drawings]
    return X, [np.full(len(x), name) for x, name in zip(X, names, strict=True)]


def trained(n=6000, max_iter=50):
    """The network, and what it was trained on."""
    X, y = sequences(n, seed=0)
    weights = [np.r_[np.ones(len(x) - 1), LAST_WEIGHT] for x in X]
    model = LSTMClassifier(32, return_sequences=True, learning_rate_init=1e-2, max_iter=max_iter, random_state=0)
    return model.fit(X, y, sample_weight=weights), X
