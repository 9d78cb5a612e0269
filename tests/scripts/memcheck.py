"""Run tests of the kernels under valgrind's memcheck, at the levels that it knows, and fail for errors in our extensions.

    python tests/scripts/memcheck.py [arguments of pytest]

An error counts where one of our extensions is among its innermost frames: a kernel, or what a kernel called. CPython, NumPy and
SciPy have some of their own. Valgrind knows no AVX-512. Without valgrind it says so and does nothing.
"""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from shutil import which

ROOT = Path(__file__).parents[2]
LEVELS = "avx2", "baseline"
INNERMOST = 8  # frames; a call from Python into a kernel is further out
OURS = "_kernels"
TESTS = [
    "--one-in=29", "tests/test_kernels.py", "tests/test_twin.py", "tests/test_gradients.py",
    # Not: other processes, which run outside of valgrind; accuracy at 600,000 points; central differences.
    "-k", "not instruction_set and not ulp and not every_entry and not penalty and not truncated",
]


def frames(error):
    """Of the first stack of an error, innermost first: object file and function."""
    return [(frame.findtext("obj", ""), frame.findtext("fn", "?")) for frame in error.find("stack").findall("frame")]


def errors(report):
    """Those in our extensions, as text, and the number of others."""
    found, others = [], 0
    for error in ElementTree.parse(report).getroot().findall("error"):
        if error.findtext("kind").startswith("Leak_"):
            continue  # with XML valgrind looks for leaks whatever it is told, and CPython keeps memory to its end
        stack = frames(error)
        if any(OURS in Path(path).parts for path, _ in stack[:INNERMOST]):
            what = error.findtext("what") or error.findtext("xwhat/text")
            found.append("\n".join([what, *(f"    {function}  {Path(path).name}" for path, function in stack[:12])]))
        else:
            others += 1
    return found, others


def run_tests(level, arguments, report):
    """Exit status of pytest."""
    tool = ["valgrind", "--tool=memcheck", "--quiet", "--num-callers=20", "--xml=yes", f"--xml-file={report}"]
    environment = os.environ | {
        "SKLSTM_SIMD": level,
        "PYTHONMALLOC": "malloc",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    command = [*tool, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "one_in"]
    return subprocess.run([*command, "-m", "not slow", *arguments], cwd=ROOT, env=environment).returncode


def main():
    if which("valgrind") is None:
        return print("Skipped: valgrind is not installed.")
    failed = False
    for level in LEVELS:
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder, "report.xml")
            status = run_tests(level, sys.argv[1:] or TESTS, report)
            found, others = errors(report)
        print("\n\n".join(found))
        print(f"{level}: {len(found)} errors in our extensions, {others} elsewhere")
        failed = failed or status != 0 or bool(found)
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
