"""Run the threads of a team (sklstm/_kernels/team.h) under ThreadSanitizer, without Python.

    python tests/scripts/team_races.py

A run has to be silent, and another with a barrier left out has to be reported. Where the compiler has no ThreadSanitizer, that is
said and nothing done.
"""

import os
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
KERNELS = HERE.parents[1] / "sklstm" / "_kernels"
# Jobs wait with Python's locks alone, which the program has as its own; nothing else of Python is called.
FLAGS = ["-std=gnu11", "-O1", "-g", "-fsanitize=thread", "-pthread", "-Wl,--unresolved-symbols=ignore-all"]


def build(program):
    """Whether the program was built."""
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
    includes = [f"-I{KERNELS}", f"-I{sysconfig.get_paths()['include']}"]
    result = subprocess.run([compiler, *FLAGS, *includes, HERE / "team_races.c", "-o", program], capture_output=True, text=True)
    if result.returncode:
        print(f"Skipped: the program cannot be built with ThreadSanitizer:\n{result.stderr[-2000:]}")
    return result.returncode == 0


def run(program, *arguments):
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=300)


def main():
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "team_races"
        if not build(program):
            return
        well, planted = run(program), run(program, "planted")
    print(well.stdout, well.stderr)
    seen = "WARNING: ThreadSanitizer: data race" in planted.stderr
    print(f"Planted race: {'reported' if seen else 'NOT reported'}.")
    sys.exit(1 if well.returncode or not seen else 0)


if __name__ == "__main__":
    main()
