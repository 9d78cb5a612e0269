"""Trials: a contender is fitted on one split of a problem, and scored; a file has a line of JSON for each, so a run resumes."""

import json
import os
import time
import warnings
from functools import lru_cache
from multiprocessing import Pool
from pathlib import Path
from typing import NamedTuple

import numpy as np
from candidates import BEFORE, CANDIDATES, DEFAULTS, LARGER
from problems import LOWEST_PROBABILITY, PROBLEMS, flat
from recipes import RECIPES

from sklstm.training.calibration import fit_temperature

CONTENDERS = CANDIDATES | {"100 units both ways": LARGER, "before": BEFORE} | RECIPES
CALIBRATION_FOLDS = 3


class Trial(NamedTuple):
    """One fit.

    Attributes
    ----------
    problem, candidate : str
        Names in PROBLEMS and CONTENDERS.
    part : {"development", "test"}
    split : int
        Number of the split, which seeds the data of generators.
    fit : int
        Number of the fit on that split, which seeds the fit.
    calibrated : bool
        Whether to measure the log-loss after temperature scaling too, which takes three more fits.
    """

    problem: str
    candidate: str
    part: str
    split: int
    fit: int
    calibrated: bool = False

    @property
    def identity(self):
        return self[:5]

    def run(self):
        """A record: the trial, its scores, seconds of CPU time and epochs; or "error", what was raised."""
        problem, contender = PROBLEMS[self.problem], CONTENDERS[self.candidate]
        record = self._asdict()
        del record["calibrated"]
        try:
            with warnings.catch_warnings(action="ignore"):
                split = _split(self.problem, self.part, self.split)
                seed = 1000 * self.fit + self.split
                started = time.process_time()
                fitted = contender.fit(problem, split.X, split.y, seed)
                record |= {"seconds": time.process_time() - started, "epochs": fitted.epochs}
                predicted = fitted.predict(split.X_score)
                record |= problem.scores(split, predicted) | {"constant": problem.score_of_constant(split)}
                if self.calibrated and problem.has_classes:
                    temperature = held_out_temperature(problem, contender, split, seed)
                    scaled = _scaled(problem.flat_predictions(predicted), temperature)
                    log_loss = problem.scores(split, [scaled] if problem.per_step else scaled)["log_loss"]
                    record |= {"temperature": temperature, "calibrated_log_loss": log_loss}
        except Exception as error:  # it is reported, and ranks last
            record["error"] = f"{type(error).__name__}: {error}"[:300]
        return {name: float(value) if isinstance(value, np.number) else value for name, value in record.items()}


@lru_cache(maxsize=2)
def _split(name, part, k):
    return getattr(PROBLEMS[name], part)(k)


def held_out_temperature(problem, contender, split, seed):
    """The temperature that minimises the log-loss of predictions for the folds of a cross-validation on the training data."""
    logarithms, codes = [], []
    classes = np.unique(flat(split.y))
    for train, rest in problem.folds(split.y, CALIBRATION_FOLDS, seed):
        present = np.unique(flat(split.y[train]))
        predicted = contender.fit(problem, split.X[train], split.y[train], seed).predict(split.X[rest])
        probabilities = np.zeros((len(flat(split.y[rest])), len(classes)))
        probabilities[:, np.searchsorted(classes, present)] = problem.flat_predictions(predicted)
        logarithms.append(_logarithms(probabilities))
        codes.append(np.searchsorted(classes, flat(split.y[rest])))
    codes = np.concatenate(codes)
    return fit_temperature("multinomial_log_loss", np.concatenate(logarithms), codes, np.ones(len(codes)), prior=0.0)


def _logarithms(probabilities):
    return np.log(np.clip(probabilities, LOWEST_PROBABILITY, 1))


def _scaled(probabilities, temperature):
    logits = _logarithms(probabilities) / temperature
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


class Records:
    """Lines of a file: facts about the run, records of trials, and verdicts on candidates that were dropped.

    Parameters
    ----------
    path : str or Path
        A file that does not exist yet, or one that a run goes on with.
    """

    def __init__(self, path):
        self.path = Path(path)
        lines = self.path.read_text().splitlines(keepends=True) if self.path.exists() else []
        if lines and not lines[-1].endswith("\n"):  # an interrupt came while it was written
            lines.pop()
            self.path.write_text("".join(lines))
        entries = [json.loads(line) for line in lines]
        self.facts = next((entry for entry in entries if "defaults" in entry), None)
        self.verdicts = [entry for entry in entries if "dropped" in entry]
        self.trials = {_identity(entry): entry for entry in entries if "problem" in entry}

    def begin(self, **facts):
        """Write facts about the run, or check that those in the file have the same "defaults"."""
        facts = json.loads(json.dumps(facts))  # tuples become lists
        if self.facts is None:
            self.facts = facts
            self._write(facts)
        elif self.facts["defaults"] != facts["defaults"]:
            names = [n for n, value in facts["defaults"].items() if self.facts["defaults"].get(n, value) != value]
            raise SystemExit(f"{self.path} is of other defaults ({', '.join(names) or 'other names'}). Write to another file.")

    def add(self, record):
        self.trials[_identity(record)] = record
        self._write(record)

    def drop(self, candidate, **facts):
        self.verdicts.append({"dropped": candidate, **facts})
        self._write(self.verdicts[-1])

    @property
    def dropped(self):
        """Names of the candidates that were dropped."""
        return {verdict["dropped"] for verdict in self.verdicts}

    def _write(self, entry):
        with self.path.open("a") as file:
            file.write(json.dumps(entry) + "\n")

    def run(self, trials, jobs, deadline):
        """Run the trials that have no record yet, or only that of an error.

        Parameters
        ----------
        trials : list of Trial
        jobs : int
            Number of processes.
        deadline : float
            `time.time()` from which on no trial begins.

        Returns
        -------
        bool
            Whether all trials have a record.
        """
        missing = [trial for trial in trials if "error" in self.trials.get(trial.identity, {"error": ""})]
        asked = [trial for trial in missing if trial.candidate == DEFAULTS or _differs(trial)]
        done, begun = 0, time.time()
        with Pool(jobs, _lower_priority) as pool:
            for record in pool.imap_unordered(_run_before, [(trial, deadline) for trial in asked]):
                if record is not None:
                    self.add(record)
                    done += 1
                    _show(record, done, len(asked), time.time() - begun)
        self._copy_defaults(missing)
        return all(trial.identity in self.trials for trial in trials)

    def _copy_defaults(self, trials):
        """Candidates that are the same as the defaults on a problem have their record."""
        for trial in trials:
            same = self.trials.get(trial._replace(candidate=DEFAULTS).identity)
            if same and trial.candidate != DEFAULTS and not _differs(trial):
                self.add(same | {"candidate": trial.candidate, "same": True})


def _differs(trial):
    return CONTENDERS[trial.candidate].differs(PROBLEMS[trial.problem])


def _identity(record):
    return tuple(record[name] for name in Trial._fields[:5])


def _lower_priority():
    if hasattr(os, "nice"):
        os.nice(5)


def _run_before(argument):
    trial, deadline = argument
    return None if time.time() > deadline else trial.run()


def _show(record, done, n, seconds):
    scores = [f"{name} {record[name]:.3f}" for name in ("score", "log_loss") if name in record]
    trial = f"{record['problem']}, {record['candidate']}, split {record['split']}"
    print(f"{done}/{n} {seconds / 60:.1f} min  {trial}: {record.get('error') or ' '.join(scores)}", flush=True)
