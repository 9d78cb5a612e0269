"""Run the tests of the kernels on extensions with AddressSanitizer and UndefinedBehaviorSanitizer.

    python tests/scripts/sanitized.py [arguments of pytest]
    python tests/scripts/sanitized.py --fuzz 10000                         calls of the stateful fuzz of tests/test_fuzz.py
    python tests/scripts/sanitized.py --hostile containers --count 1000    a campaign of tests/scripts/hostile.py

They are built in build/installed_sanitize. Where the compiler has no such libraries, or Python does not so much as start with
them, that is said and nothing done. Leaks are not looked for: CPython keeps memory to its end.
"""

import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

from builds import install

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "build" / "installed_sanitize"
LIBRARIES = "libasan.so", "libubsan.so", "libstdc++.so"  # the last before any module that throws, else ASan misses its hooks
TESTS = [
    ["tests/test_kernels.py", "tests/test_sequences.py"],
    ["--one-in=5", "tests/test_twin.py"],
    ["--one-in=5", "tests/test_inference.py", "tests/test_stream.py", "-k", "not memory"],
    ["--one-in=23", "tests/test_gradients.py", "-k", "every_entry"],
    ["tests/test_gradients.py", "-k", "not every_entry"],
    ["--one-in=9", "tests/test_encoder_decoder.py", "-k", "not torch"],
    ["--one-in=5", "tests/test_ctc.py", "-k", "paths or beam"],
    ["tests/test_fuzz.py", "-k", "any_order"],
]
FUZZ = ["-x", "tests/test_fuzz.py::test_calls_in_any_order"]
# Objects that ask for terabytes are to get a MemoryError, as without ASan, and not to end the process.
ASAN_OPTIONS = "detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=8192"


def libraries():
    """Paths of the sanitizers' libraries, None where the compiler lacks one."""
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
    found = []
    for name in LIBRARIES:
        try:
            path = subprocess.run([compiler, f"-print-file-name={name}"], capture_output=True, text=True).stdout.strip()
        except FileNotFoundError:
            return None
        if not os.path.isabs(path):
            return None
        found.append(path)
    return found


def obstacle(preload):
    """Why nothing can be run with the libraries; empty if something can."""
    if preload is None:
        return f"the compiler has not all of {', '.join(LIBRARIES)}."
    environment = os.environ | {"LD_PRELOAD": " ".join(preload), "ASAN_OPTIONS": "detect_leaks=0"}
    result = subprocess.run([sys.executable, "-c", "pass"], capture_output=True, text=True, env=environment)
    # A library that does not load is left out with a message.
    if result.returncode or "cannot be preloaded" in result.stderr:
        return f"Python does not start with {', '.join(preload)}:\n{result.stderr[-2000:]}"
    return ""


def environment(preload):
    """That of a process with the libraries; their reports go to files, as pytest captures what tests write."""
    log = PACKAGE / "report"
    return os.environ | {
        "LD_PRELOAD": " ".join(preload),
        "ASAN_OPTIONS": f"{ASAN_OPTIONS}:log_path={log}",
        "UBSAN_OPTIONS": f"print_stacktrace=1:log_path={log}",
        "PYTHONPATH": os.pathsep.join([str(PACKAGE), str(Path(__file__).parent)]),
        "PYTHONSAFEPATH": "1",
    }


def run_tests(preload, arguments):
    """Exit status of pytest."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "one_in", "-m", "not slow", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment(preload)).returncode


def run_fuzz(preload, n_calls):
    """Exit status of so many calls of the stateful fuzz; where it ends the process, the last call is in the file `calls`."""
    log = PACKAGE / "calls"
    log.unlink(missing_ok=True)
    own = environment(preload) | {"SKLSTM_FUZZ_CALLS": n_calls, "SKLSTM_FUZZ_LOG": str(log)}
    status = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *FUZZ], cwd=ROOT, env=own).returncode
    calls = log.read_text().splitlines() if log.exists() else []
    print(f"{len(calls)} calls, the last one: {calls[-1] if calls else 'none'}")
    return status


def run_hostile(preload, arguments):
    """Exit status of a campaign."""
    command = [sys.executable, str(Path(__file__).with_name("hostile.py")), *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment(preload)).returncode


def run_all(preload, arguments):
    """Whether anything failed."""
    match arguments:
        case ["--fuzz", n_calls]:
            return run_fuzz(preload, n_calls) != 0
        case ["--hostile", *campaign]:
            return run_hostile(preload, campaign) != 0
    runs = [arguments] if arguments else [["-n", "2", *tests] for tests in TESTS]
    return any([run_tests(preload, run) for run in runs])


def main():
    preload = libraries()
    reason = obstacle(preload)
    if reason:
        return print(f"Skipped: {reason}")
    install("SKLSTM_SANITIZE")
    for old in PACKAGE.glob("report.*"):
        old.unlink()
    failed = run_all(preload, sys.argv[1:])
    reports = sorted(PACKAGE.glob("report.*"))
    for report in reports:
        print(report.read_text())
    sys.exit(1 if failed or reports else 0)


if __name__ == "__main__":
    main()
