"""Choice of the defaults: candidates compared inside the training data of problems of many kinds; and the test of the choice.

    python benchmarks/defaults.py choose --out choice.jsonl               in stages, up to two hours on two cores; it resumes
    python benchmarks/defaults.py report choice.jsonl                     ranks, worst cases, what lost and why, as Markdown
    python benchmarks/defaults.py test --out test.jsonl                   score the test splits once; never choose by it
    python benchmarks/defaults.py report test.jsonl
    python benchmarks/defaults.py choose --problems nile "24 noisy" --candidates max "alpha 0" --out FILE.jsonl

Problems are in problems.py, candidates in candidates.py (what differs from the defaults), and what else people do in recipes.py.
All candidates have the same splits and seeds, so they are compared pair by pair. Scores are accuracies, average precisions where
the last class is rare, or R2 (cut off at -1); classes have a log-loss too. A rank on a problem is the mean of both ranks.

The first stage has one split of each problem that is not slow, the second one of all, the third all splits, and the fourth fits
everything once more with other seeds. After a stage, a candidate is dropped if its mean rank is worse than that of the defaults
by more than two standard errors over the problems, and the mean of the worst tenth of its differences to the best candidate is
no better, in score and in log-loss. Of the others the best 24, 12 and 6 by mean rank are kept, and the best by the worst tenth.
A run that is interrupted, or whose time is over, goes on where it ended when it is started with the same file.
"""

import argparse
import os
import time
from typing import NamedTuple

from machine import ONE_THREAD, describe, report, table

os.environ.update(ONE_THREAD)

import comparison
from candidates import CANDIDATES, DEFAULTS, values_of_defaults
from comparison import Comparison
from problems import PROBLEMS, available
from trials import CONTENDERS, Records, Trial

OPTIMUM = "optimum"  # of few problems, so it takes no part in ranks
TESTED = [DEFAULTS, "before", "plain recipe", "expert recipe", "boosting", "linear", OPTIMUM]
FOR_ALL = TESTED[:4]  # take problems with a target for every step too
GROUPS = {name: candidate.group for name, candidate in CANDIDATES.items() if name != DEFAULTS}
LEAST_PROBLEMS = 8  # that a verdict needs
TIME_IS_OVER = "The time is over. The same command goes on from here."
LARGEST_RATIO = 1.3  # of log-losses, and of costs
LITTLE = 0.1  # less of what other fits gain over a constant is none; and so is a gain of the score up to this


class Stage(NamedTuple):
    """A stage.

    Attributes
    ----------
    n_splits : int or None
        Number of splits of each problem; None is all that it has.
    n_fits : int
        On each split.
    slow : bool
        Whether slow problems take part.
    most : int or None
        Number of candidates that are kept beside the defaults.
    """

    n_splits: int | None
    n_fits: int
    slow: bool
    most: int | None

    def trials(self, names, candidates):
        """One split of all problems after the other, so that candidates can be compared when the time is over."""
        problems = {name: PROBLEMS[name] for name in names if self.slow or not PROBLEMS[name].slow}
        for fit in range(self.n_fits):
            for split in range(self.n_splits or max(problem.n_splits for problem in problems.values())):
                for name, problem in problems.items():
                    if split < problem.n_splits:
                        takers = [c for c in candidates if CONTENDERS[c].takes(problem)]
                        yield from (Trial(name, c, "development", split, fit) for c in takers)


STAGES = [Stage(1, 1, False, 24), Stage(1, 1, True, 12), Stage(None, 1, True, 6), Stage(None, 2, True, None)]


def choose(arguments):
    """Run the stages, as far as the time allows."""
    deadline = time.time() + 60 * arguments.minutes
    names = _installed(arguments.problems)
    candidates = [DEFAULTS, *_different(_supported([c for c in arguments.candidates if c != DEFAULTS]), names)]
    records = Records(arguments.out)
    records.begin(defaults=values_of_defaults(), machine=describe())
    for number, stage in enumerate(STAGES, start=1):
        kept = [c for c in candidates if c not in records.dropped]
        trials = list(stage.trials(names, kept))
        print(f"Stage {number}: {len(kept)} candidates, {len(trials)} trials", flush=True)
        if not records.run(trials, arguments.jobs, deadline):
            print(TIME_IS_OVER)
            return
        if len(names) >= LEAST_PROBLEMS:
            for candidate, facts in Comparison.of(records.trials.values(), kept).losers(stage.most).items():
                records.drop(candidate, stage=number, **facts)


def test(arguments):
    """Score the test splits."""
    names = _installed(arguments.problems)
    contenders = _supported(arguments.contenders)
    trials = []
    n_tests = {name: arguments.seeds or PROBLEMS[name].n_tests for name in names}
    for k in range(max(n_tests.values())):
        for name in names:
            if k < n_tests[name]:
                takers = [c for c in contenders if CONTENDERS[c].takes(PROBLEMS[name])]
                trials += [Trial(name, c, "test", k, 0, calibrated=c in (DEFAULTS, "before")) for c in takers]
    records = Records(arguments.out)
    records.begin(defaults=values_of_defaults(), machine=describe())
    if not records.run(trials, arguments.jobs, time.time() + 60 * arguments.minutes):
        print(TIME_IS_OVER)
    print_report(arguments)


def print_report(arguments):
    """Print what a file says, as Markdown."""
    records = Records(arguments.out)
    trials = list(records.trials.values())
    tests = [record for record in trials if record["part"] == "test"]
    print(_report_of_tests(tests) if tests else _report_of_choice(records, trials, arguments.top))
    failures = [record for record in trials if "error" in record]
    if failures:
        print("\n## Failures, which rank last\n")
        for r in failures:
            print(f"- {r['problem']}, {r['candidate']}, split {r['split']}: {r['error']}")
    print("\n## Machine\n", report(records.facts["machine"]), sep="\n")


def _report_of_choice(records, trials, n_detailed):
    names = [c for c in CONTENDERS if any(record["candidate"] == c for record in trials)]
    kept = [c for c in names if c not in records.dropped]
    found = Comparison.of(trials, kept)
    if not found.problems:
        return comparison.NOTHING_IN_COMMON
    hours = sum(record.get("seconds", 0) for record in trials if "same" not in record) / 3600
    best = [kept[k] for k in found.ranks().mean(axis=0).argsort(kind="stable") if k][:n_detailed]
    parts = [
        "# Candidates",
        f"{len(trials)} fits took {hours:.1f} hours of CPU time. {len(kept)} candidates were kept; each has {found.n_fits} fits"
        f" on {len(found.problems)} problems. Wins and losses are in score; those of more than two standard errors in brackets.",
        comparison.overview(found, GROUPS),
        "## Dropped",
        _dropped(records.verdicts) if records.verdicts else "None.",
        "## Scores, and differences of the best ranked candidates",
        comparison.differences(found, "score", best),
        "## Log-losses (a positive difference is better)",
        comparison.differences(found, "log_loss", best),
    ]
    return "\n\n".join(parts)


def _dropped(verdicts):
    """What lost, and why."""
    why = f"{comparison.CLEARLY.capitalize()}: by more than two standard errors in mean rank, and no worst tenth was better."
    lines = [["candidate", "group", "stage", "why", "mean rank - of the defaults", "worst tenth, score", "worst tenth, log-loss"]]
    for v in verdicts:
        worst = [f"{v[name][0]:+.3f} (defaults {v[name][1]:+.3f})" for name in ("worst_score", "worst_log_loss")]
        change = f"{v['rank_difference']:+.2f} ± {v['standard_error']:.2f}"
        lines.append([v["dropped"], GROUPS.get(v["dropped"], ""), str(v["stage"]), v["why"], change, *worst])
    return f"{why}\n\n{table(lines)}"


def _report_of_tests(tests):
    names = [c for c in CONTENDERS if any(record["candidate"] == c for record in tests)]
    names.sort(key=lambda name: TESTED.index(name) if name in TESTED else len(TESTED))
    found = Comparison.of(tests, [c for c in names if c not in TESTED or c in FOR_ALL])
    parts = ["# Test splits", comparison.overview(found, GROUPS)]
    ranked = [name for name in names if name != OPTIMUM]
    if set(ranked) != set(found.contenders):
        all_of_them = comparison.overview(Comparison.of(tests, ranked), GROUPS)
        parts += ["Without the problems that have a target for every step:", all_of_them]
    for title, measure in [
        ("Scores", "score"),
        ("Log-losses", "log_loss"),
        ("Log-losses after temperature scaling by cross-validation", "calibrated_log_loss"),
        ("Seconds of CPU time of a fit", "seconds"),
    ]:
        parts += [f"## {title}", comparison.levels(tests, measure, names)]
    return "\n\n".join([*parts, "## Requirements", _requirements(tests, found)])


def _requirements(tests, found):
    """What the defaults must show, and where they do not."""
    worse, costly = [], []
    if "before" in found.contenders:
        for measure, values in found.values.items():
            for problem in values:
                mean, error = found.difference(measure, problem, DEFAULTS, "before")
                if mean < -comparison.ERRORS * error:
                    worse.append(f"{problem} ({measure} {mean:+.3f} ± {error:.3f})")
        for problem, ratio in found.cost_ratios("before").items():
            if 1 / ratio > LARGEST_RATIO:
                costly.append(f"{problem} ({1 / ratio:.2f})")
    lines = {
        "Worse than before by more than two standard errors": worse,
        f"More than {LARGEST_RATIO} times as costly as before": costly,
        f"Log-loss more than {LARGEST_RATIO} times that after temperature scaling": _uncalibrated(tests),
        "Fits at the level of a constant where others of the problem learn": _stuck(tests),
    }
    return "\n".join(f"- {title}: {', '.join(cases) or 'nowhere'}." for title, cases in lines.items())


def _uncalibrated(tests):
    ratios = []
    for problem, fits in _of_defaults(tests, "calibrated_log_loss"):
        ratio = sum(fit["log_loss"] for fit in fits) / sum(fit["calibrated_log_loss"] for fit in fits)
        if ratio > LARGEST_RATIO:
            ratios.append(f"{problem} ({ratio:.2f})")
    return ratios


def _stuck(tests):
    stuck = []
    for problem, fits in _of_defaults(tests, "constant"):
        gains = [fit["score"] - fit["constant"] for fit in fits]
        n_stuck = sum(gain < LITTLE * max(gains) for gain in gains)
        if max(gains) > LITTLE and n_stuck:
            stuck.append(f"{problem} ({n_stuck} of {len(gains)})")
    return stuck


def _of_defaults(tests, entry):
    """Problems and the records of the defaults that have an entry."""
    found = {}
    for record in tests:
        if record["candidate"] == DEFAULTS and entry in record:
            found.setdefault(record["problem"], []).append(record)
    return found.items()


def _installed(names):
    missing = [name for name in names if name not in available()]
    if missing:
        print(f"Left out, because packages are not installed (pip install '.[bench]'): {', '.join(missing)}")
    return [name for name in names if name not in missing]


def _different(candidates, names):
    same = [c for c in candidates if not any(CONTENDERS[c].differs(PROBLEMS[name]) for name in names)]
    if same:
        print(f"Left out, because they are the same as the defaults: {', '.join(same)}")
    return [c for c in candidates if c not in same]


def _supported(names):
    missing = [name for name in names if not CONTENDERS[name].is_supported()]
    if missing:
        print(f"Left out, because this version or a package does not have it: {', '.join(missing)}")
    return [name for name in names if name not in missing]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="choose | report | test")
    comparable = [*CANDIDATES, *FOR_ALL[1:]]  # what does not take every problem would take it from all
    for function, others, known, default in (
        (choose, "candidates", comparable, list(CANDIDATES)),
        (test, "contenders", list(CONTENDERS), TESTED),
    ):
        command = commands.add_parser(function.__name__, help=function.__doc__)
        command.set_defaults(run=function)
        command.add_argument("--out", required=True, metavar="FILE", help="lines of JSON, which a run adds to")
        names = {"nargs": "+", "metavar": "NAME"}
        command.add_argument("--problems", choices=PROBLEMS, default=list(PROBLEMS), help=_list(PROBLEMS), **names)
        command.add_argument(f"--{others}", choices=known, default=default, help=_list(known), **names)
        command.add_argument("--minutes", type=float, default=110, help="after which no fit begins (110)")
        command.add_argument("--jobs", type=int, default=2, help="number of processes, of one thread each (2)")
        command.add_argument("--top", type=int, default=8, help="number of candidates in the tables of differences (8)")
    commands.choices["test"].add_argument("--seeds", type=int, help="number of test splits (3 to 10, by the problem)")
    command = commands.add_parser("report", help=print_report.__doc__)
    command.set_defaults(run=print_report)
    command.add_argument("out", metavar="FILE")
    command.add_argument("--top", type=int, default=8, help="number of candidates in the tables of differences (8)")
    arguments = parser.parse_args()
    arguments.run(arguments)


def _list(names):
    return ", ".join(names).replace("%", "%%")


if __name__ == "__main__":
    main()
