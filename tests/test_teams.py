"""The benchmarks of threads: that contenders take turns and do the same work, and that the load ends."""

import importlib
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
SHAPE = (4, 5, 3, 8)


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    for name, value in os.environ.items():
        monkeypatch.setenv(name, value)  # so that what the benchmarks set is undone
    return importlib.import_module


def test_contenders_take_turns(module, monkeypatch):
    threads = module("threads")
    monkeypatch.setattr(threads, "PACKAGES", {"sklstm": ("sklstm",), "nobody": ("no_such_package",)})
    results, names = threads.compare({"fit": [SHAPE], "step": [SHAPE], "row": [(1, *SHAPE[1:])]}, [1, 2], True, 0.01, 1)
    assert names == ["sklstm"]
    assert [result["task"] for result in results] == ["fit", "step", "row"]
    for result in results:
        assert result["seconds"].keys() == {"sklstm 1", "sklstm 2"}
        assert threads.ratio(result, "sklstm 1", "sklstm 2") > 0
    rows = threads.table_rows(results, names, [1, 2])
    assert {len(row) for row in rows} == {5}


def test_different_work_is_noticed(module):
    threads = module("threads")
    assert threads.agree([1.0, 20.0], [1.0, 20.001], (1e-5, 1e-4))
    assert not threads.agree([1.0, 20.0], [1.1, 20.0], (1e-5, 1e-4))
    assert not threads.agree([np.nan, 20.0], [1.0, 20.0], (1e-5, 1e-4))


def test_the_load_ends_with_an_error(module):
    threads = module("threads")
    begun = []

    class Popen(subprocess.Popen):
        def __init__(self, *args):
            super().__init__(*args)
            begun.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads.subprocess, "Popen", Popen)
        with pytest.raises(KeyboardInterrupt), threads.load(True):
            raise KeyboardInterrupt
    assert begun[0].returncode is not None


def test_the_model_of_the_cost(module, monkeypatch):
    machine, cost_model = module("machine"), module("cost_model")
    monkeypatch.setattr(machine, "clock", cost_model.perf_counter)
    result = cost_model.model(SHAPE, (2, 4, 3), (1e-6, 1e10), 0.01, 1)
    assert result["speed-up"].keys() == {2, 4}  # 3 does not divide 8
    assert result["seconds"]["waiting"][4] == pytest.approx(5 * (2e-6 * 2 + 4 * 4 * 40 * 0.75 / 1e10))
    monkeypatch.setattr(cost_model, "ROUNDS", 100)
    costs = cost_model.handover_costs(SHAPE)
    assert costs is None or min(costs) > 0
