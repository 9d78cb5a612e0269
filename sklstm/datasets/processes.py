"""Stationary processes of unit variance whose channels depend on each other, and what they would be at another pace."""

import numpy as np

from .series import draw_season, season_at

SPEED = 2.0  # how much faster time runs where the frequency changes
N_HARMONICS = 2  # of a season


class Autoregression:
    """A Gaussian autoregression of order 1 or 2, with the same coefficients in all channels and correlated innovations.

    With the poles :math:`z_1, z_2` (:math:`z_2 = 0` for order 1) and :math:`\\phi_1 = z_1 + z_2`, :math:`\\phi_2 = -z_1 z_2`,

    .. math::

        x_t = \\phi_1 x_{t-1} + \\phi_2 x_{t-2} + \\sigma e_t, \\quad
        \\sigma^2 = (1 + \\phi_2) \\frac{(1 - \\phi_2)^2 - \\phi_1^2}{1 - \\phi_2}

    has variance 1 (Box and Jenkins 1976, "Time series analysis: forecasting and control", section 3.2). Where time runs s
    times as fast, poles are :math:`z^s`.
    """

    def __init__(self, poles, correlation):
        self.poles, self.correlation = np.asarray(poles, complex), correlation

    def draw(self, generator, n_series, n_steps, n_channels):
        """Values (n_series, n_steps, n_channels)."""
        e = _correlated(generator, (n_series, 2 + n_steps, n_channels), self.correlation)
        phi_1, phi_2, _ = self._coefficients(1.0)
        lag_1 = phi_1 / (1 - phi_2)  # the autocorrelation at lag 1: the first two values are a draw from the stationary law
        older = e[:, 0]
        newer = lag_1 * older + np.sqrt(1 - lag_1**2) * e[:, 1]
        return self._filter(e[:, 2:], older, newer, speed=1.0)

    def faster(self, generator, X, i, channel, steps):
        """Values of the steps (a slice) of one channel where time runs `SPEED` times as fast."""
        return self._continue(generator, X[i, : steps.start, channel], steps, SPEED)

    def detached(self, generator, X, i, channel, steps):
        """Values of the steps of one channel, continued by innovations that have nothing to do with other channels."""
        return self._continue(generator, X[i, : steps.start, channel], steps, 1.0)

    def _continue(self, generator, past, steps, speed):
        e = generator.standard_normal(size=(1, steps.stop - steps.start, 1))
        return self._filter(e, past[-2:-1, np.newaxis], past[-1:, np.newaxis], speed)[0, :, 0]

    def _coefficients(self, speed):
        z_1, z_2 = self.poles**speed
        phi_1, phi_2 = (z_1 + z_2).real, -(z_1 * z_2).real
        return phi_1, phi_2, np.sqrt((1 + phi_2) * ((1 - phi_2) ** 2 - phi_1**2) / (1 - phi_2))

    def _filter(self, e, older, newer, speed):
        """The recursion over e (n, n_steps, d), after the values `older` and `newer` (n, d)."""
        from scipy.signal import lfilter  # which takes longer to import than the rest of this package

        phi_1, phi_2, sigma = self._coefficients(speed)
        state = np.stack([phi_1 * newer + phi_2 * older, phi_2 * newer], axis=1)
        return lfilter([sigma], [1, -phi_1, -phi_2], e, axis=1, zi=state)[0]


class Season:
    """A Fourier series of unit variance, at another time in each channel, and correlated Gaussian noise.

    All channels of a series have one shape; where time runs s times as fast, so does that of the shape.
    """

    def __init__(self, period, noise, correlation):
        self.period, self.noise, self.correlation = period, noise, correlation

    def draw(self, generator, n_series, n_steps, n_channels):
        """Values (n_series, n_steps, n_channels)."""
        self.shapes = [draw_season(generator, N_HARMONICS) for _ in range(n_series)]
        self.delays = generator.uniform(0, self.period, size=(n_series, n_channels))
        X = self.noise * _correlated(generator, (n_series, n_steps, n_channels), self.correlation)
        for i, channel in np.ndindex(n_series, n_channels):
            X[i, :, channel] += self._at(i, channel, np.arange(n_steps))
        return X

    def faster(self, generator, X, i, channel, steps):
        """Values of the steps (a slice) of one channel where time runs `SPEED` times as fast."""
        return self._noisy(generator, self._at(i, channel, steps.start + SPEED * np.arange(steps.stop - steps.start)))

    def detached(self, generator, X, i, channel, steps):
        """Values of the steps of one channel, a quarter to three quarters of a period away from where they should be."""
        away = generator.uniform(0.25, 0.75) * self.period
        return self._noisy(generator, self._at(i, channel, away + np.arange(steps.start, steps.stop)))

    def _at(self, i, channel, t):
        return season_at(self.shapes[i], t + self.delays[i, channel], self.period)

    def _noisy(self, generator, values):
        return values + self.noise * generator.standard_normal(size=len(values))


def _correlated(generator, shape, correlation):
    """Standard normal numbers of which those along the last axis have this correlation with each other."""
    shared, own = generator.standard_normal(size=(*shape[:-1], 1)), generator.standard_normal(size=shape)
    return np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own


PROCESSES = {  # by name, of the period in steps, the noise of a season, and the correlation of channels
    "ar": lambda period, noise, correlation: Autoregression(
        np.exp(np.array([-1 + 2j * np.pi, -1 - 2j * np.pi]) / period), correlation
    ),
    "ou": lambda period, noise, correlation: Autoregression([np.exp(-1 / period), 0], correlation),
    "seasonal": Season,
}
