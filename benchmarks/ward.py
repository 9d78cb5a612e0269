"""A simulated table of intensive care: 37 channels over 48 hours, of which 80 % of the values are missing."""

import numpy as np

N_HOURS = 48
# Channels of one kind: their number, hours after which their values are forgotten, measurements per day for a stable patient,
# how many times as many for a patient who gets worse, and the share of patients who have them at all.
KINDS = {
    "monitor": (5, 3.0, 30.0, 1.1, 1.0),  # heart rate, blood pressures, respiration, saturation
    "nurse": (4, 8.0, 12.0, 1.3, 1.0),  # temperature, coma score, urine, pain
    "blood gas": (6, 6.0, 3.5, 2.2, 0.8),
    "blood": (16, 24.0, 2.2, 1.6, 1.0),  # once or twice a day
    "ordered": (6, 48.0, 0.8, 3.0, 0.5),  # lactate, troponin: when somebody suspects something
}


def make_ward(n_patients, seed=0):
    """Hourly values of patients, and who dies.

    Every patient has a severity that goes up and down along the hours. Each channel follows a share of it and forgets: it is an
    Ornstein-Uhlenbeck process around that. Values are missing in three informative ways: the worse a patient, the more is
    measured; a measurement is likelier while the severity rises, since somebody suspects something; and some channels are
    measured for a part of the patients only, more often for those who are worse. Death depends on the severity of the last
    hours, so that old values count less than new ones.

    Parameters
    ----------
    n_patients : int
    seed : int

    Returns
    -------
    X : ndarray of float32 of shape (n_patients, 48, 37)
        With NaN for what was not measured.
    y : ndarray of int of shape (n_patients,)
        1 for those who die, one in seven.
    """
    rng = np.random.default_rng(seed)
    severity = _severity(rng, n_patients)
    rise = severity - np.concatenate([severity[:, :1], severity[:, :-1]], axis=1)
    fixed = np.random.default_rng(2012)  # what is the same in every ward
    channels = []
    for count, memory, per_day, more, share in KINDS.values():
        for _ in range(count):
            loading, centre, spread = fixed.choice([-1, 1]) * fixed.uniform(0.3, 0.8), fixed.normal(0, 50), fixed.uniform(1, 20)
            values = _following(rng, loading * severity, memory, np.sqrt(1 - loading**2))
            rate = per_day / 24 * fixed.uniform(0.7, 1.3) * more ** (severity + 2 * rise)
            has = rng.random((n_patients, 1)) < 1 / (1 + np.exp(-np.log(share / (1.0001 - share)) - severity[:, :1]))
            seen = has & (rng.random(severity.shape) < -np.expm1(-rate))
            channels.append(np.where(seen, centre + spread * values, np.nan))
    risk = 2.2 * severity[:, -6:].mean(axis=1) - 2.9
    y = rng.random(n_patients) < 1 / (1 + np.exp(-risk))
    return np.stack(channels, axis=2).astype(np.float32), y.astype(int)


def _severity(rng, n_patients):
    """(n_patients, 48): a standard normal part that stays, and one that forgets within a day."""
    stays = rng.normal(size=(n_patients, 1))
    return np.sqrt(0.5) * (stays + _following(rng, np.zeros((n_patients, N_HOURS)), 24.0, 1.0))


def _following(rng, centre, memory, spread):
    """An Ornstein-Uhlenbeck process (n_patients, 48) of standard deviation `spread` around a centre; `memory` in hours."""
    keep, noise = np.exp(-1 / memory), rng.normal(size=centre.shape)
    x = np.empty_like(centre)
    x[:, 0] = centre[:, 0] + spread * noise[:, 0]
    for t in range(1, N_HOURS):
        x[:, t] = keep * x[:, t - 1] + (1 - keep) * centre[:, t] + spread * np.sqrt(1 - keep**2) * noise[:, t]
    return x
