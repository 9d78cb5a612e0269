"""Hostile campaigns, in child processes: a crash or a hang is attributed to the trial that it came in, and the rest goes on.

    python tests/scripts/hostile.py containers --count 1000      Sequences that were tampered with
    python tests/scripts/hostile.py races --count 100            containers edited by another thread while they are read
    python tests/scripts/hostile.py states --count 1000          pickles of estimators and streams with an edited state
    python tests/scripts/hostile.py attributes --count 1000      the same, edited in the private attributes themselves
    python tests/scripts/hostile.py files --count 1000           edited models and checkpoints; FIFOs, devices, links
    python tests/scripts/hostile.py interrupts --count 500       KeyboardInterrupt at random lines
    python tests/scripts/hostile.py forks --count 1000           forks while threads fit
    python tests/scripts/hostile.py pools --count 100            fork pools while threads fit
    python tests/scripts/hostile.py streams --count 10000        memory of streams of one model
    python tests/scripts/hostile.py grid --count 1000            odd objects at public functions, so many of all pairs

Trials are numbered by --first on; each number is one trial, always the same. Says what went wrong and ends with a line of
counts; the exit status is 1 if anything did. PYTHONPATH decides which sklstm is tried: tests/scripts/sanitized.py --hostile runs
the same with the sanitizers.
"""

import argparse
import collections
import faulthandler
import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

TESTS = Path(__file__).parents[1]
MEMORY = 8 << 30  # bytes of address space of a child; unlimited under AddressSanitizer, which maps terabytes

# Name -> module of tests/fuzz, function, seconds for one trial, whether the function takes all trials at once.
CAMPAIGNS = {
    "containers": ("containers", "trial", 30, False),
    "races": ("containers", "race", 30, False),
    "states": ("states", "trial", 30, False),
    "attributes": ("states", "direct", 30, False),
    "files": ("files", "trial", 30, False),
    "interrupts": ("interrupts", "trial", 60, False),
    "forks": ("forks", "forks", 40, True),
    "pools": ("forks", "pools", 60, True),
    "grid": ("grid", "trial", 30, False),
}


def run_child(name, first, count):
    """Run trials one after the other; a line before and after each."""
    module, function, _, together = CAMPAIGNS[name]
    if "asan" not in os.environ.get("LD_PRELOAD", ""):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    faulthandler.enable()
    output, sys.stdout = os.fdopen(os.dup(1), "w"), sys.stderr  # what trials print is not ours

    def say(*parts):
        print(json.dumps(parts), file=output, flush=True)

    trial = getattr(importlib.import_module(f"fuzz.{module}"), function)
    seeds = range(first, first + count)
    say("begin", first)
    if together:
        for seed, (what, wrong) in zip(seeds, trial(seeds), strict=False):
            say("end", seed, what, wrong)
            say("begin", seed + 1)
    else:
        for seed in seeds:
            say("begin", seed)
            result = trial(seed)
            say("end", seed, *(result if isinstance(result, tuple) else (name, result)))
    output.close()
    os._exit(0)  # whatever threads a trial left


class Child:
    """A process that runs trials from one number on, and what it says."""

    def __init__(self, name, first, count):
        self.errors = tempfile.TemporaryFile("w+")
        command = [sys.executable, "-W", "ignore", __file__, name, "--child", "--first", str(first), "--count", str(count)]
        path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = os.environ | {"PYTHONPATH": path}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.errors, text=True, env=environment)
        self.seconds, self.now, self.results, self.hung = CAMPAIGNS[name][2], first, [], False
        self._last = time.monotonic()

    def run(self):
        threading.Thread(target=self._watch, daemon=True).start()
        for line in self.process.stdout:
            self._last = time.monotonic()
            kind, seed, *rest = json.loads(line)
            if kind == "begin":
                self.now = seed
            else:
                self.results.append((seed, *rest))
        return self.process.wait()

    def _watch(self):
        while self.process.poll() is None:
            time.sleep(0.2)
            if time.monotonic() - self._last > self.seconds:
                self.hung = True
                self.process.kill()

    def last_words(self, n_lines=12):
        """Where it was, as faulthandler or a sanitizer says."""
        self.errors.seek(0)
        lines = [line for line in self.errors.read().splitlines() if line.strip() and not line.startswith("Extension modules")]
        return "\n".join(line[:200] for line in lines[:n_lines])


def results(name, first, count):
    """(seed, what, wrong) of all trials, whatever becomes of the children."""
    end = first + count
    while first < end:
        child = Child(name, first, end - first)
        code = child.run()
        yield from child.results
        if code == 0:
            return
        reason = f"HANG, more than {child.seconds} s" if child.hung else f"CRASH, exit status {code}"
        yield child.now, name, f"{reason}\n{child.last_words()}"
        first = child.now + 1


def streams(count):
    sys.path.insert(0, str(TESTS))
    what, wrong = importlib.import_module("fuzz.memory").streams(count)
    yield 0, what, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("campaign", choices=[*CAMPAIGNS, "streams"])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--verbose", action="store_true", help="say what each trial was")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        sys.path.insert(0, str(TESTS))
        return run_child(options.campaign, options.first, options.count)
    began, n_trials, faults = time.monotonic(), 0, collections.Counter()
    source = streams(options.count) if options.campaign == "streams" else results(options.campaign, options.first, options.count)
    for seed, what, wrong in source:
        n_trials += 1
        if wrong:
            faults[wrong.split(",")[0].split(":")[0]] += 1
        if wrong or options.verbose or options.campaign == "streams":
            print(f"{seed}: {what}: {wrong or 'well'}", flush=True)
    seconds = time.monotonic() - began
    print(f"{options.campaign}: {n_trials} trials in {seconds:.0f} s, {sum(faults.values())} faults. {dict(faults) or ''}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
