"""Advice of messages about saved models, checkpoints and paths."""

import atexit
import io
import os
import pathlib
import shutil
import tempfile

import joblib
import numpy as np
import skops.io
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from test_archive import members_of, with_members, zipped

from sklstm import LSTMRegressor
from sklstm.archive import write_archive
from sklstm.persistence import load, save

from .case import X, Y, case, regress


class OwnRegressor(LSTMRegressor):
    """A class that is not part of sklstm."""


def folder():
    """An empty folder, which goes when Python ends."""
    path = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return pathlib.Path(path)


def dumped(dump, loaded, model):
    path = folder() / "model"
    dump(model, path)
    return loaded(path)


def saved(model=None, change=None):
    """Path of the file of a model, of which some bytes are others."""
    path = folder() / "model"
    save(regress() if model is None else model, path)
    if change is not None:
        path.write_bytes(change(path.read_bytes()))
    return path


def cut(content):
    return content[:-1]


def other(content):
    at = content.index(b"PK\1\2") - 1  # of the last array
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def checkpoint_of(X, **params):
    path = folder() / "checkpoint"
    regress(X, Y, checkpoint=path, **params)
    return path


def in_a_folder_that_is_not_there():
    return folder() / "missing" / "checkpoint"


def restored_or_written_again(change):
    """Two ways out for a damaged file: a copy, and the model saved again."""
    path = saved()
    kept = path.read_bytes()
    path.write_bytes(change(kept))
    path.write_bytes(kept)
    np.testing.assert_array_equal(load(path).predict(X), regress().predict(X))
    save(regress(), path)
    load(path)


def nested(depth):
    value = 0
    for _ in range(depth):
        value = [value]
    return value


def of_others(content):
    return zipped({name: member.replace(b'"sklstm"', b'"others"', 1) for name, member in members_of(content).items()})


def without_an_array(content):
    return with_members(content, lambda members: members.popitem() and None)


def of_the_format_before(content):
    """As it began in the first versions."""
    text = b'{"__metadata__":{"sha256":"' + b"0" * 64 + b'","format":"sklstm","kind":"model","sklstm_version":"0.0.1"}}'
    return len(text).to_bytes(8, "little") + text


def changed():
    model = regress()
    del model._state.theta
    return model


def foreign():
    """Path of a sound file that holds something else than a model."""
    path = folder() / "model"
    write_archive(path, {"a": 1}, "model")
    return path


SAVED = [
    case(
        lambda: save(Ridge(), io.BytesIO()),
        r"by skops\.io\.dump or joblib\.dump",
        lambda: dumped(skops.io.dump, skops.io.load, Ridge().fit([[0.0]], [1.0])),
        lambda: dumped(joblib.dump, joblib.load, make_pipeline(regress())),
    ),
    case(
        lambda: save(make_pipeline(regress()), io.BytesIO()),
        r"or save the part that is one of sklstm's \(see its `(.*?)`\)",
        lambda name: save(getattr(make_pipeline(regress()), name)[-1][1], io.BytesIO()),
    ),
    case(
        lambda: save(OwnRegressor(2, max_iter=1).fit(X, Y), io.BytesIO()),
        r"Its code is not part of a file: use skops\.io\.dump or joblib\.dump",
        lambda: dumped(joblib.dump, joblib.load, OwnRegressor(2, max_iter=1).fit(X, Y)),
    ),
    case(
        lambda: load(saved(change=cut)),
        "restore a copy, or write it again",
        lambda: restored_or_written_again(cut),
    ),
    case(
        lambda: load(saved(change=other)),
        "does not have the checksum.*: restore a copy, or write it again",
        lambda: restored_or_written_again(other),
    ),
    case(
        lambda: load(checkpoint_of(X)),
        "Pass the path of such a file",
        lambda: load(saved()),
    ),
    case(
        lambda: load(saved(change=lambda content: b"\x89PNG" * 100)),
        "Pass the path of a file that sklstm wrote .*restore a copy",
        lambda: load(saved()),
        lambda: restored_or_written_again(lambda content: b"\x89PNG" * 100),
    ),
    case(
        lambda: save(regress().set_params(checkpoint=object()), io.BytesIO()),
        "Convert it to one of these",
        lambda: save(regress().set_params(checkpoint="path"), io.BytesIO()),
    ),
    case(
        lambda: save(regress().set_params(verbose=nested(500)), io.BytesIO()),
        "is nested more than .* Flatten it",
        lambda: save(regress().set_params(verbose=[0] * 500), io.BytesIO()),
    ),
    case(
        lambda: load(saved(change=lambda content: content + bytes(2**20))),
        "It was cut off or changed since it was written, or is not by sklstm: restore a copy, or write it again",
        lambda: restored_or_written_again(lambda content: content + bytes(2**20)),
    ),
    case(
        lambda: load(saved(change=without_an_array)),
        "is not by sklstm: restore a copy, or write it again",
        lambda: restored_or_written_again(without_an_array),
    ),
    case(
        lambda: load(saved(change=of_the_format_before)),
        "was written by an earlier build of sklstm 0.0.1 .* Fit again and save",
        lambda: load(saved(regress())),
    ),
    case(
        lambda: load(saved(change=of_others)),
        "got another zip file .* Pass the path of a file that sklstm wrote",
        lambda: load(saved()),
    ),
    case(
        lambda: load(foreign()),
        "holds no model: .* Restore a copy of the file, or save the model again",
        lambda: restored_or_written_again(lambda content: foreign().read_bytes()),
    ),
    case(
        lambda: save(changed(), io.BytesIO()),
        "could not be loaded again: .* Fit it afresh",
        lambda: save(changed().fit(X, Y), io.BytesIO()),
    ),
    case(lambda: save(regress(), ""), "Pass the path of a file", lambda: save(regress(), folder() / "model")),
    case(
        lambda: save(regress(), io.StringIO()),
        r"such as by open\(path, ('wb')\)",
        lambda code: save(regress(), open(saved(), eval(code))),
    ),
    case(
        lambda: load(io.StringIO("text")),
        r"such as by open\(path, ('rb')\)",
        lambda code: load(open(saved(), eval(code))),
    ),
]

CHECKPOINTS = [
    case(
        lambda: regress(checkpoint=in_a_folder_that_is_not_there()),
        "Pass the path of a file in a folder that exists and that can be written to",
        lambda: regress(checkpoint=folder() / "checkpoint"),
    ),
    case(
        lambda: regress(X + 1, Y, checkpoint=checkpoint_of(X)),
        "Fit with the same data and parameters to .* Pass the path of another file as checkpoint, or delete this one",
        lambda: regress(X, Y, checkpoint=checkpoint_of(X)),
        lambda: regress(X + 1, Y, checkpoint=folder() / "another"),
        lambda: os.remove(path := checkpoint_of(X)) or regress(X + 1, Y, checkpoint=path),
    ),
]

CASES = SAVED + CHECKPOINTS
