"""Texts that are numbers, which are refused."""

import re
import reprlib

# Formats of numbers, and how to read a column of such texts as numbers. The first that fits a text is its format.
NUMBER_FORMATS = {
    "plain": (re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"), "pandas.to_numeric({column})"),
    "thousands": (
        re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?"),
        "pandas.read_csv(..., thousands=',') or, where the comma marks decimals, pandas.read_csv(..., decimal=',')",
    ),
    "comma": (re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d+),\d+([eE][+-]?\d+)?"), "pandas.read_csv(..., decimal=',', thousands='.')"),
    "spaces": (re.compile(r"[+-]?\d{1,3}([ '_\u00a0\u202f]\d{3})+([.,]\d*)?"), "pandas.read_csv(..., thousands={separator!r})"),
    "percent": (re.compile(r"[+-]?(\d+\.?\d*|\.\d+) ?%"), "{column}.str.rstrip('%').astype(float)"),
}

LIKE_A_NUMBER = re.compile(r"[+-]?\.?\d")

# Texts that stand for no value, as tables of numbers have them.
MARKERS = {"", "?", "-", "--", ".", "*", "na", "n/a", "#n/a", "nan", "none", "null", "nil", "missing", "inf", "-inf"}

MOST = 0.9  # of the distinct texts: a column in which as many are numbers is one of numbers

CATEGORICAL = (
    "If the texts are codes, such as ZIP codes, give the column a categorical type (pandas: astype('category'), polars:"
    " cast(pl.Categorical))."
)


def format_of(text):
    """Which of NUMBER_FORMATS a text has, None if it is not a number."""
    stripped = text.strip()
    if not LIKE_A_NUMBER.match(stripped):  # most texts: quickly
        return None
    return next((format for format, (pattern, _) in NUMBER_FORMATS.items() if pattern.fullmatch(stripped)), None)


def describe_numerals(texts, what, column, codes_remedy=CATEGORICAL):
    """What to say of texts that are meant as numbers; None if fewer than nine in ten of them are.

    Parameters
    ----------
    texts : iterable of str
        Distinct.
    what : str
        What holds them, for the message.
    column : str
        How a user would write it.
    codes_remedy : str
        What to do about texts that are codes.
    """
    formats, others = {}, []
    for text in texts:
        format = format_of(text)
        if format is None:
            others.append(text)
        else:
            formats.setdefault(format, text)
    strange = sum(text.strip().lower() not in MARKERS for text in others)
    n_numbers = len(texts) - len(others)
    if not n_numbers or n_numbers < MOST * (n_numbers + strange):
        return None
    shown = " and ".join(reprlib.repr(example) for example in formats.values())
    but = f", and {_listed(others)}, which {'is' if len(others) == 1 else 'are'} none" if others else ""
    separator = re.search(r"[ '_\u00a0\u202f]|$", formats.get("spaces", "").strip())[0]
    remedies = [NUMBER_FORMATS[name][1] for name in formats if name != "plain"]
    advice = " and ".join(remedy.format(column=column, separator=separator) for remedy in remedies)
    if not advice:
        marks = f", errors='coerce') or pandas.read_csv(..., na_values={others[:5]!r})" if others else ")"
        advice = f"pandas.to_numeric({column}{marks}"
    return f"{what} holds numbers as texts, such as {shown}{but}. Read them as numbers: {advice}. {codes_remedy}".rstrip()


def _listed(texts):
    return ", ".join(map(reprlib.repr, texts[:3])) + (f" and {len(texts) - 3} more" if len(texts) > 3 else "")
