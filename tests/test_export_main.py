"""The command line of the exports: what it refuses, and how it says so."""

from pathlib import Path

import numpy as np
import pytest

import sklstm
from sklstm import LSTMClassifier
from sklstm.export.__main__ import main

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# Options -> what the error says.
OF_ANOTHER_FORMAT = {
    "--to onnx --dtype int8 --name x": "--name, --dtype cannot be used with --to onnx",
    "--to onnx --calibration X.npy": "--calibration cannot be used with --to onnx",
    "--to c --streaming": "--streaming cannot be used with --to c",
    "--to c --calibration X.npy": "--calibration is of use with --dtype q15 or int8 only",
    "--to c --dtype int4": "invalid choice: 'int4'",
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Path of a model, and X."""
    X = np.random.default_rng(0).normal(size=(60, 5, 2)).astype(np.float32)
    path = tmp_path_factory.mktemp("saved") / "model.npz"
    sklstm.save(LSTMClassifier(3, pooling="last", max_iter=1, random_state=0).fit(X, np.arange(60) % 2), path)
    return str(path), X


@pytest.mark.parametrize(("options", "message"), OF_ANOTHER_FORMAT.items())
def test_options_of_another_format_are_refused(options, message, saved, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main([saved[0], str(tmp_path / "out"), *options.split()])
    assert ended.value.code == 2 and message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["empty", "truncated", "damaged", "no arrays", "no file of NumPy", "a model", "missing"])
def test_a_bad_file_for_calibration_is_named(kind, saved, tmp_path, capsys):
    path, out = tmp_path / "X.npz", tmp_path / "model.h"
    np.savez_compressed(path, *saved[1])
    whole = path.read_bytes()
    damaged = whole[:80] + bytes(200) + whole[280:]
    contents = {"empty": b"", "truncated": whole[:-40], "damaged": damaged, "no file of NumPy": b"1, 2, 3"}
    contents["a model"] = Path(saved[0]).read_bytes()
    if kind == "no arrays":
        np.savez(path)
    elif kind == "missing":
        path.unlink()
    else:
        path.write_bytes(contents[kind])
    assert main([saved[0], str(out), "--to", "c", "--dtype", "q15", "--calibration", str(path)]) == 1
    error = capsys.readouterr().err
    assert "X.npz" in error and "\n" not in error.strip() and len(error) < 400
    assert kind == "missing" or ("--calibration" in error and "numpy.savez" in error)
    assert not out.exists()


def test_sequences_of_one_array_or_of_several_calibrate_alike(saved, tmp_path):
    X, texts = saved[1], []
    for path, write in ((tmp_path / "X.npy", np.save), (tmp_path / "X.npz", lambda path, X: np.savez(path, *X))):
        write(path, X)
        out = tmp_path / "model.h"
        assert main([saved[0], "--to", "c", str(out), "--dtype", "q15", "--calibration", str(path)]) == 0
        texts.append(out.read_text())
    assert texts[0] == texts[1]
