"""Times written as texts: ISO 8601 dates and clock times, the only texts whose order is known."""

import re
import reprlib

import numpy as np

from .errors import converts

DATE = re.compile(
    r"(\d{4}-\d\d(?:-\d\d)?)"  # 1: the day, or the month
    r"(?:[T ](\d\d(?::\d\d(?::\d\d(?:[.,](\d{1,9}))?)?)?)"  # 2: the time of day, 3: fractions of its second
    r" ?(Z|UTC|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)?)?"  # 4: the zone
)
CLOCK = re.compile(r"(\d\d):([0-5]\d)(?::([0-5]\d)(?:[.,](\d{1,9}))?)?")

EXPECTED = (
    "Expected ISO 8601 dates, such as '2024-09-30' and '2024-09-30 08:00', or clock times with two digits for the hour, such as"
    " '08:00'."
)

# How texts in some formats are made times: the first that fits all of them.
REMEDIES = (
    (re.compile(r"[+-]?\d+"), "make them numbers by {column}.astype(int)"),
    (re.compile(r"[+-]?(\d+\.?\d*|\.\d+)"), "make them numbers by {column}.astype(float)"),
    (
        re.compile(r"\d{1,2}/\d{1,2}/\d{4}"),
        "parse them by pandas.to_datetime({column}, format='%m/%d/%Y') if the month is first, else format='%d/%m/%Y'",
    ),
    (re.compile(r"\d{1,2}\.\d{1,2}\.\d{4}"), "parse them by pandas.to_datetime({column}, format='%d.%m.%Y')"),
    (re.compile(r"\d{1,2}:\d\d ?[AaPp][Mm]"), "parse them by pandas.to_datetime({column}, format='%I:%M %p')"),
    (re.compile(r"\d{1,2}:\d\d"), "parse them by pandas.to_datetime({column}, format='%H:%M')"),
    (re.compile(r"\d{4}-?Q[1-4]"), "parse them by pandas.PeriodIndex({column}, freq='Q')"),
    (re.compile(r".*", re.DOTALL), "parse them by pandas.to_datetime({column}, format=...)"),
)


def parse_times(texts, name):
    """Texts as times.

    Parameters
    ----------
    texts : list of str
    name : str
        Of the column, for messages.

    Returns
    -------
    times : ndarray of datetime64 (UTC, if they have a zone) or timedelta64
    wall : ndarray of datetime64 or None
        As the clocks of their zone show them; None if they have no zone, or are durations.

    Raises
    ------
    ValueError
        If one has another format, or some have a zone and others none.
    """
    stripped = [text.strip() for text in texts]
    dates = [DATE.fullmatch(text) for text in stripped]
    if all(dates):
        return _moments(texts, dates, name)
    clocks = [CLOCK.fullmatch(text) for text in stripped]
    if all(clocks):
        return _durations(clocks), None
    odd = [text for text, date, clock in zip(texts, dates, clocks, strict=True) if not (date or clock)]
    if odd:
        raise ValueError(_ambiguous(name, odd, stripped))
    date = next(text for text, match in zip(texts, dates, strict=True) if match)
    clock = next(text for text, match in zip(texts, clocks, strict=True) if match)
    raise ValueError(f"Column {name!r} mixes dates and clock times: {date!r} and {clock!r}. Write all times in one format.")


def _ambiguous(name, odd, texts):
    shown = " and ".join(map(reprlib.repr, odd[:2]))
    remedy = next(remedy for pattern, remedy in REMEDIES if all(pattern.fullmatch(text) for text in texts))
    return (
        f"Column {name!r} holds times as texts, such as {shown}, whose order is ambiguous. {EXPECTED} For others,"
        f" {remedy.format(column=f'frame[{name!r}]')}, or leave time out to keep the order of the rows."
    )


def _moments(texts, matches, name):
    """Dates, in UTC if they have a zone, and as their clocks show them."""
    naive = [text for text, match in zip(texts, matches, strict=True) if match[4] is None]
    if naive and len(naive) < len(texts):
        aware = next(text for text, match in zip(texts, matches, strict=True) if match[4])
        raise ValueError(
            f"Column {name!r} mixes times with a zone and without: {aware!r} and {naive[0]!r}. Write all times in one zone."
        )
    plain = [match[1] if match[2] is None else f"{match[1]}T{match[2].replace(',', '.')}" for match in matches]
    fine = any(match[3] and len(match[3]) > 6 for match in matches)
    bad = [text for text in texts if fine and not "1678" <= text.strip()[:4] <= "2261"]  # what nanoseconds reach
    if bad:
        raise ValueError(f"Column {name!r} holds {bad[0]!r}, which is too far for times in nanoseconds. Round the times.")
    try:
        wall = np.array(plain, dtype="M8[ns]" if fine else "M8")
    except ValueError:
        bad = next(text for text, one in zip(texts, plain, strict=True) if not converts(np.datetime64, one))
        raise ValueError(f"Column {name!r} holds {bad!r}, which is no date. Correct or drop such rows.") from None
    if naive:
        return wall, None
    zones = [match[4] for match in matches]
    minutes = {zone: _minutes(zone) for zone in set(zones)}
    offsets = np.array([minutes[zone] for zone in zones], dtype="m8[m]")
    return wall - offsets, wall if len(minutes) == 1 else None


def _minutes(zone):
    """Minutes that a zone is ahead of UTC."""
    if zone in ("Z", "UTC"):
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    return (-1 if zone[0] == "-" else 1) * (60 * int(digits[:2]) + int(digits[2:]))


def _durations(matches):
    seconds = np.array([3600 * int(h) + 60 * int(m) + int(s or 0) for h, m, s, _ in map(re.Match.groups, matches)])
    if not any(match[4] for match in matches):
        return seconds.astype("m8[s]")
    return (seconds * 10**9 + [int((match[4] or "").ljust(9, "0")) for match in matches]).astype("m8[ns]")
