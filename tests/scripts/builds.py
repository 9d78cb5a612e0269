"""Builds of the package other than the release, each in a folder of its own below build/."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def install(switch):
    """Install the package with a switch of setup.py, unless what is there is newer than the sources; returns the folder of it.

    Parameters
    ----------
    switch : str
        Name of the environment variable, such as SKLSTM_SANITIZE.
    """
    folder = ROOT / "build" / f"installed_{switch.removeprefix('SKLSTM_').lower()}"
    stamp = folder / "built"
    sources = [ROOT / "setup.py", *(path for path in (ROOT / "sklstm").rglob("*") if path.suffix != ".so" and path.is_file())]
    if stamp.exists() and all(path.stat().st_mtime < stamp.stat().st_mtime for path in sources):
        return folder
    command = ["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--upgrade", "--target", folder, "."]
    subprocess.run([sys.executable, "-m", "pip", *command], cwd=ROOT, env=os.environ | {switch: "1"}, check=True)
    stamp.touch()
    return folder
