"""Comparison of contenders by records of trials: ranks, worst cases, and paired differences with standard errors."""

from dataclasses import dataclass

import numpy as np
from machine import table
from scipy.stats import rankdata

MEASURES = {"score": 1, "log_loss": -1}  # 1: more is better
WORST = 0.1  # share of the problems
NOTHING_IN_COMMON = "No problem has a fit of every contender yet."
ERRORS = 2.0  # a difference of so many standard errors is clear
CLEARLY = "clearly worse"


@dataclass(frozen=True)
class Comparison:
    """Contenders on the same splits.

    Attributes
    ----------
    contenders : list of str
        The first is the one that the others are compared with.
    values : dict
        ``measure -> problem -> ndarray (n_contenders, n_splits)``, means over the fits of a split, more is better.
    costs : dict
        ``problem -> ndarray (n_contenders, 2)``: mean seconds and epochs; NaN where a fit failed.
    n_fits : int
        Fits of each contender.
    """

    contenders: list
    values: dict
    costs: dict
    n_fits: int

    @classmethod
    def of(cls, trials, contenders):
        """From records: of the splits and fits that all the contenders have. Failures count as the worst value there is."""
        by_cell = {}
        for record in trials:
            cell = record["problem"], record["split"], record["fit"]
            by_cell.setdefault(cell, {})[record["candidate"]] = record
        values, costs, n_fits = {measure: {} for measure in MEASURES}, {}, 0
        common = {}
        for (problem, split, _), records in sorted(by_cell.items()):
            if set(contenders) <= set(records) and any("error" not in records[c] for c in contenders):
                common.setdefault(problem, {}).setdefault(split, []).append([records[c] for c in contenders])
        for problem, splits in common.items():
            fits = [fit for fits in splits.values() for fit in fits]
            n_fits += len(fits)
            costs[problem] = np.mean([[_cost(record) for record in fit] for fit in fits], axis=0)
            for measure, sign in MEASURES.items():
                if any(measure in record for record in fits[0]):
                    means = [np.mean([_filled(fit, measure, sign) for fit in fits], axis=0) for fits in splits.values()]
                    values[measure][problem] = np.transpose(means)
        return cls(list(contenders), values, costs, n_fits)

    @property
    def problems(self):
        return list(self.costs)

    def ranks(self, *measures):
        """Ranks (n_problems, n_contenders), 1 is the best; of several measures the mean."""
        rows = []
        for problem in self.problems:
            known = [self.values[measure][problem] for measure in measures or MEASURES if problem in self.values[measure]]
            if known:
                rows.append(np.mean([rankdata(-value.mean(axis=1)) for value in known], axis=0))
        return np.array(rows).reshape(-1, len(self.contenders))

    def rank_difference(self, contender):
        """Mean rank minus that of the first contender, and its standard error over the problems."""
        ranks = self.ranks()
        difference = ranks[:, self.contenders.index(contender)] - ranks[:, 0]
        return difference.mean(), standard_error(difference)

    def worst_tenth(self, measure):
        """Mean of the worst tenth of each contender's differences to the best one on a problem (n_contenders,)."""
        means = np.array([value.mean(axis=1) for value in self.values[measure].values()])
        if not len(means):
            return np.full(len(self.contenders), np.nan)
        n_worst = int(np.ceil(WORST * len(means)))
        return np.sort(means - means.max(axis=1, keepdims=True), axis=0)[:n_worst].mean(axis=0)

    def difference(self, measure, problem, contender, reference=None):
        """Mean of the paired differences on a problem, more is better, and its standard error over the splits."""
        value = self.values[measure][problem]
        other = 0 if reference is None else self.contenders.index(reference)
        difference = value[self.contenders.index(contender)] - value[other]
        return difference.mean(), standard_error(difference)

    def cost_ratios(self, contender):
        """CPU seconds divided by those of the first contender, for each problem."""
        k = self.contenders.index(contender)
        return {problem: cost[k, 0] / cost[0, 0] for problem, cost in self.costs.items()}

    def losers(self, most=None):
        """Contenders that lose.

        They lose clearly if their mean rank is worse than that of the first by more than two standard errors, and their worst
        tenth is no better. Of the others those lose that are not among the best by mean rank, and have no best worst tenth.

        Parameters
        ----------
        most : int, default=None
            Number of the best by mean rank beside the first; None keeps all that do not lose clearly.

        Returns
        -------
        dict
            ``contender -> dict`` of the facts.
        """
        mean_ranks, worst = self.ranks().mean(axis=0), {measure: self.worst_tenth(measure) for measure in MEASURES}
        found = {}
        for k, contender in enumerate(self.contenders[1:], start=1):
            difference, error = self.rank_difference(contender)
            if difference > ERRORS * error and not any(value[k] > value[0] for value in worst.values()):
                found[contender] = self._facts(k, CLEARLY)
        others = [k for k, contender in enumerate(self.contenders) if k and contender not in found]
        best = sorted(others, key=lambda k: mean_ranks[k])[:most]
        best += [max(others, key=value.__getitem__) for value in worst.values() if others and not np.isnan(value).any()]
        return found | {self.contenders[k]: self._facts(k, f"not among the best {most}") for k in others if k not in best}

    def _facts(self, k, why):
        difference, error = self.rank_difference(self.contenders[k])
        facts = {"why": why, "rank_difference": difference, "standard_error": error, "problems": len(self.problems)}
        worst = {measure: self.worst_tenth(measure) for measure in MEASURES}
        return facts | {f"worst_{measure}": [value[k], value[0]] for measure, value in worst.items()}


def _cost(record):
    return record.get("seconds", np.nan), record.get("epochs", np.nan)


def _filled(records, measure, sign):
    """Values of the contenders in one fit; those that failed have the lowest of the others'."""
    values = np.array([sign * record.get(measure, np.nan) for record in records])
    return np.where(np.isnan(values), np.nanmin(values), values)


def _mean_of_known(values):
    """Mean over the first axis, NaN left out."""
    return np.ma.masked_invalid(values).mean(axis=0)


def standard_error(values):
    values = np.asarray(values)
    return values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan


def overview(comparison, groups):
    """Table of the contenders, the best mean rank first; `groups` has what they are about, by name."""
    c = comparison
    if not c.problems:
        return NOTHING_IN_COMMON
    both, by_score, by_loss = c.ranks().mean(axis=0), c.ranks("score").mean(axis=0), c.ranks("log_loss").mean(axis=0)
    worst = {measure: c.worst_tenth(measure) for measure in MEASURES}
    ranks = ["mean rank", "- of the first", "of scores", "of log-losses"]
    lines = [["contender", "group", *ranks, "worst tenth, score", "worst tenth, log-loss", "wins", "losses", "cost", "epochs"]]
    epochs = _mean_of_known([cost[:, 1] for cost in c.costs.values()])
    for k in np.argsort(both, kind="stable"):
        name = c.contenders[k]
        difference, error = c.rank_difference(name)
        wins, losses = _wins_and_losses(c, name)
        ratio = np.exp(_mean_of_known(np.log(list(c.cost_ratios(name).values()))))
        first = "" if k == 0 else f"{difference:+.2f} ± {error:.2f}"
        cells = [f"{both[k]:.2f}", first, f"{by_score[k]:.2f}", f"{by_loss[k]:.2f}"]
        cells += [f"{worst[measure][k]:+.3f}" for measure in MEASURES]
        cells += [*((wins, losses) if k else ("", "")), f"{ratio:.2f}", f"{epochs[k]:.0f}"]
        lines.append([name, groups.get(name, ""), *cells])
    return table(lines)


def _wins_and_losses(comparison, contender):
    """Numbers of problems with a better and a worse score than the first contender, and in brackets of those clearly so."""
    found = np.array([comparison.difference("score", problem, contender) for problem in comparison.problems])
    clear = np.where(found[:, 1] > 0, np.abs(found[:, 0]) > ERRORS * found[:, 1], False)
    signs = found[:, 0] > 1e-9, found[:, 0] < -1e-9
    return [f"{sign.sum()} ({(sign & clear).sum()})" for sign in signs]


def differences(comparison, measure, names):
    """Table of a measure of the first contender, and differences of others with standard errors; a row per problem."""
    lines = [["problem", comparison.contenders[0], *names]]
    for problem, value in comparison.values[measure].items():
        changes = [comparison.difference(measure, problem, name) for name in names]
        cells = ["=" if mean == 0 else f"{mean:+.3f}{_plus_minus(error)}" for mean, error in changes]
        lines.append([problem, f"{MEASURES[measure] * value[0].mean():.3f}", *cells])
    return table(lines)


def levels(trials, measure, contenders):
    """Table of means over the splits, with standard errors; a row per problem. What a contender does not take is left out."""
    found = {}
    for record in trials:
        if measure in record:
            found.setdefault(record["problem"], {}).setdefault(record["candidate"], []).append(record[measure])
    lines = [["problem", *contenders]]
    for problem, values in found.items():
        cells = [values.get(name) for name in contenders]
        lines.append([problem, *("-" if v is None else f"{np.mean(v):.3f}{_plus_minus(standard_error(v))}" for v in cells)])
    return table(lines)


def _plus_minus(error):
    return "" if np.isnan(error) else f" ± {error:.3f}"
