"""Arbitrary objects for every public function in any order: no crash, only errors of the package, nothing lost.

The longer runs: ``make test-fuzz``, and tests/scripts/hostile.py for what may end the process. SKLSTM_FUZZ_CALLS=10000 sets how
many calls the machine makes.
"""

import os

import numpy as np
import pytest
from fuzz import grid
from fuzz.doors import DOORS
from fuzz.errors import complaint
from fuzz.machine import CALLS, Hostile
from fuzz.meaningless import MEANINGLESS
from fuzz.objects import OBJECTS
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from sklstm import LSTMClassifier

STEPS = 25
FEW, MANY = 200, 5000  # calls of the machine; in each process of the tests, and in slow ones
ONE_IN, SLOW_ONE_IN = 61, 19  # of the pairs of a public argument and an odd object
MEANINGLESS_ONE_IN = 3

pytestmark = pytest.mark.filterwarnings("ignore")


def run_machine(n_calls):
    before = CALLS["made"]
    own = settings(
        max_examples=n_calls * 5 // (4 * STEPS) + 1,  # some end early
        stateful_step_count=STEPS,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],  # without the search for a shorter example, which takes minutes
        report_multiple_bugs=False,
        print_blob=False,
    )
    run_state_machine_as_test(Hostile, settings=own)
    assert CALLS["made"] - before >= n_calls


def test_calls_in_any_order():
    run_machine(int(os.environ.get("SKLSTM_FUZZ_CALLS", FEW)))


@pytest.mark.slow
def test_many_calls_in_any_order():
    run_machine(MANY)


def check_pairs(pairs):
    found = {pair: wrong for pair in pairs if (wrong := grid.outcome(*pair))}
    assert not found, f"{len(found)} of {len(pairs)}:\n" + "\n".join(
        f"{pair}: {wrong}" for pair, wrong in list(found.items())[:40]
    )


def test_odd_objects_are_taken_or_refused_in_our_words():
    check_pairs(grid.pairs()[3::ONE_IN])


@pytest.mark.slow
@pytest.mark.parametrize("first", range(4))
def test_more_odd_objects_are_taken_or_refused_in_our_words(first):
    check_pairs(grid.pairs()[first::SLOW_ONE_IN])


def test_what_means_nothing_is_refused():
    assert all(door in DOORS and set(names) <= set(OBJECTS) for door, names in MEANINGLESS.items())
    check_pairs([(door, name) for door, names in MEANINGLESS.items() for name in names][::MEANINGLESS_ONE_IN])


def test_the_fuzz_tells_our_errors_from_others():
    def raw():
        np.asarray(["a"], float)

    def ours():
        LSTMClassifier().fit([[[np.nan]]], [0])

    for call, good in ((raw, False), (ours, True)):
        with pytest.raises(ValueError) as caught:
            call()
        assert (not complaint(caught.value)) is good
