"""What must hold for a tree of values in a file: the same bits come back, and a file that is not as it was is refused."""

import copy
import datetime
import errno
import gzip
import io
import json
import os
import pathlib
import pickle
import re
import socket
import stat
import struct
import tempfile
import tracemalloc
import zipfile
import zoneinfo

import numpy as np
import pytest

import sklstm.archive as archive
import sklstm.files as files
from sklstm import LSTMClassifier
from sklstm.archive import read_archive, write_archive
from sklstm.persistence import load, save

# ---- helpers, for test_persistence.py too ----


def same(a, b):
    """Whether two trees have the same types, order and bits."""
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return same(list(a.items()), list(b.items()))
    if isinstance(a, float):
        return np.float64(a).tobytes() == np.float64(b).tobytes()
    if isinstance(a, np.ndarray):
        return (a.dtype, a.shape) == (b.dtype, b.shape) and (
            same(a.ravel().tolist(), b.ravel().tolist()) if a.dtype == object else a.tobytes() == b.tobytes()
        )
    if isinstance(a, (np.str_, np.bytes_)):
        return a == b
    if isinstance(a, np.generic):
        return a.dtype == b.dtype and a.tobytes() == b.tobytes()
    if isinstance(a, np.random.Generator):
        return same(a.bit_generator.state, b.bit_generator.state)
    if isinstance(a, np.random.RandomState):
        return same(a.get_state(legacy=False), b.get_state(legacy=False))
    return a == b


def members_of(raw):
    """Name -> bytes of each member of a file."""
    with zipfile.ZipFile(io.BytesIO(raw)) as file:
        return {name: file.read(name) for name in file.namelist()}


def zipped(members, compression=zipfile.ZIP_STORED):
    """A zip file of members, a dict or a list of (name, bytes), with right checksums and the number of its bytes in its tree."""
    items = list(members.items() if isinstance(members, dict) else members)
    for _ in range(2):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", compression) as file:
            for name, content in items:
                member = zipfile.ZipInfo(name)
                member.create_system = 3
                file.writestr(member, content, compression)
        n_bytes = b'"n_bytes":"%020d"' % len(stream.getvalue())
        items = [(name, re.sub(rb'"n_bytes":"[0-9]{20}"', n_bytes, content, count=1)) for name, content in items]
    return stream.getvalue()


def with_members(raw, change):
    """The file after a change of its members, a function of name -> bytes."""
    members = members_of(raw)
    changed = change(members)
    return zipped(members if changed is None else changed)


def tree_of(raw):
    """The tree of a file, as JSON."""
    return json.loads(members_of(raw)["tree.json"])["tree"]


def with_tree(raw, node):
    """The file with another tree, a JSON value or a text as it is, and with its arrays."""
    text = node if isinstance(node, str) else json.dumps(node, separators=(",", ":"), ensure_ascii=False)

    def change(members):
        header = members["tree.json"].partition(b'"tree":')[0]
        members["tree.json"] = header + b'"tree":' + text.encode("utf-8", "surrogatepass") + b"}"

    return with_members(raw, change)


def written(tmp_path, tree, kind="checkpoint"):
    path = tmp_path / "file.npz"
    write_archive(path, tree, kind)
    return path


def float_of(bits):
    return struct.unpack(">d", bits.to_bytes(8))[0]


# ---- the same bits come back ----

TREES = {
    "nothing": None,
    "numbers": [True, False, 0, -1, 2**63 - 1, -(2**63), 2**63, -(2**200), 10**5000],
    "floats": [0.0, -0.0, 0.1, 5e-324, 1.7976931348623157e308, np.inf, -np.inf, np.nan],
    "NaNs": [float_of(bits) for bits in (0x7FF8000000000000, 0xFFF8000000000000, 0x7FF8DEADBEEF0001, 0xFFF0000000000123)],
    "texts": ["", "ü€😀", "\0", '"\\\n\x7f\u2028', "\ud800", "\ud83d\ude00", "x" * 10000],
    "bytes": [b"", b"\0\xff", bytes(range(256))],
    "containers": [[], (), {}, [[]], ((),), {"a": {}}, ([], {"b": ()}), {"dict": {"tuple": []}}],
    "keys": {"a": 1, 2: "b", None: 3, True: 4, 2.5: 5, b"k": 6, (1, ("x", None)): 7, -0.0: 8, np.float32(0.1): 9},
    "order": {"z": 1, "a": 2, "m": 3},
    "surrogate keys": {"\ud83d\ude00": 1, "\U0001f600": 2},
    "__metadata__": {"__metadata__": np.arange(3), "a.b": np.zeros(1), "a": {"b": np.ones(1)}, 1: np.ones(2), "1": np.ones(3)},
    "scalars": [
        *(kind(1) for kind in (np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64)),
        *(kind(value) for kind in (np.float16, np.float32, np.float64, np.complex64, np.complex128) for value in (1, np.nan)),
        np.float32(-0.0),
        np.datetime64("2020-01-01T00:00", "25s"),
        np.datetime64("NaT"),
        np.timedelta64(3, "ns"),
        np.str_("ü\0"),
        np.bytes_(b"a\0"),
        np.str_(""),
    ],
    "arrays": [
        *(np.arange(6).reshape(2, 3).astype(code) for code in "?bBhHiIqQefdFD"),
        np.array([np.nan, -0.0, np.inf], dtype=np.float32),
        np.array(["ab", "", "ü😀\0x"]),
        np.array([b"ab", b"", b"\0x"]),
        np.array(["2020-01-01", "NaT"], dtype="M8[D]"),
        np.array([1, -1], dtype="m8[ns]"),
        np.array([1], dtype="m8"),
    ],
    "0-d": [np.array(1.5), np.array("x"), np.array(b"y"), np.array(None, dtype=object), np.array(True), np.array(1j)],
    "empty": [np.zeros(0), np.zeros((0, 3), np.float32), np.zeros((2, 0, 1), "U5"), np.zeros(0, "S2"), np.zeros((0, 2), object)],
    "objects": np.array([[1, "a", None], [2.5, (1, 2), np.float32(3)]], dtype=object),
}


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize("kind", ["model", "checkpoint"])
def test_round_trip(tmp_path, name, kind):
    path = written(tmp_path, {"tree": TREES[name]}, kind)
    assert same(read_archive(path, kind), {"tree": TREES[name]})
    path = written(tmp_path, TREES[name], kind)
    assert same(read_archive(str(path), kind), TREES[name])


LEAVES = [leaf for name in TREES if isinstance(TREES[name], list) for leaf in TREES[name]]


def random_tree(rng, depth):
    """A tree of leaves of all kinds."""
    kind = rng.integers(4) if depth else 0
    if kind == 0:
        return LEAVES[rng.integers(len(LEAVES))]
    items = [random_tree(rng, depth - 1) for _ in range(rng.integers(4))]
    if kind == 1:
        return items
    if kind == 2:
        return tuple(items)
    return {("k", k) if rng.random() < 0.3 else f"k{k}": item for k, item in enumerate(items)}


@pytest.mark.parametrize("seed", range(40))
def test_round_trip_of_random_trees(tmp_path, seed):
    tree = random_tree(np.random.default_rng(seed), 5)
    path = written(tmp_path, tree)
    assert same(read_archive(path, "checkpoint"), tree)
    # The same tree is the same file.
    raw = path.read_bytes()
    assert written(tmp_path, copy.deepcopy(tree)).read_bytes() == raw


def test_arrays_of_any_layout(tmp_path):
    values = np.arange(24.0).reshape(2, 3, 4)
    np.save(tmp_path / "mapped.npy", values)
    mapped = np.load(tmp_path / "mapped.npy", mmap_mode="r")
    read_only = values.copy()
    read_only.flags.writeable = False
    layouts = [np.asfortranarray(values), values[:, ::-1, ::2], values.T, mapped, read_only, np.broadcast_to(1.5, (2, 3))]
    for layout, result in zip(layouts, read_archive(written(tmp_path, layouts), "checkpoint"), strict=True):
        assert type(result) is np.ndarray and result.dtype == np.float64
        np.testing.assert_array_equal(result, layout)
    for swapped in (values.astype(">f8"), np.array(["ab", "ü"]).astype(">U2"), np.array([3], ">M8[s]")):
        result = read_archive(written(tmp_path, swapped), "checkpoint")
        assert result.dtype.isnative
        np.testing.assert_array_equal(result, swapped)


def test_arrays_are_writable_apart_and_aligned(tmp_path):
    tree = [np.arange(n, dtype=dtype) for n in (1, 3, 100) for dtype in (np.int8, np.float32, np.float64)]
    arrays = read_archive(written(tmp_path, tree), "checkpoint")
    for array in arrays:
        assert array.flags.writeable and array.flags.c_contiguous and array.flags.aligned
        array[...] = 0
    for k, a in enumerate(arrays):
        assert not any(np.shares_memory(a, b) for b in arrays[:k])


def test_generators_go_on(tmp_path):
    rng = np.random.default_rng(7)
    rng.integers(10, size=3, dtype=np.int32), rng.standard_normal(5)  # so that half a number is in store
    other = read_archive(written(tmp_path, {"rng": rng}), "checkpoint")["rng"]
    assert same(rng, other)
    assert same(rng.integers(2**31, size=1000, dtype=np.int32), other.integers(2**31, size=1000, dtype=np.int32))
    assert same(rng.standard_normal(1000), other.standard_normal(1000))


def test_random_states_go_on(tmp_path):
    random_state = np.random.RandomState(7)
    random_state.normal(size=3)  # so that one number is in store
    other = read_archive(written(tmp_path, [random_state]), "checkpoint")[0]
    assert same(random_state.normal(size=1001), other.normal(size=1001))
    assert same(np.random.RandomState(3), read_archive(written(tmp_path, np.random.RandomState(3)), "checkpoint"))


def test_global_random_state_is_not_touched(tmp_path):
    before = np.random.get_state(legacy=False)  # noqa: NPY002
    read_archive(written(tmp_path, [np.random.RandomState(0), np.random.default_rng(0)]), "checkpoint")
    assert same(before, np.random.get_state(legacy=False))  # noqa: NPY002


class Text(str):
    """A str that is more than one."""


@pytest.mark.parametrize(
    ("tree", "path", "kind"),
    [
        ({"class_weight": {"a": {1}}}, "['class_weight']['a']", "set"),
        ({"f": [1, (2, len)]}, "['f'][1][1]", "builtin_function_or_method"),
        ({1: {None: 1 + 2j}}, "[1][None]", "complex"),
        ({frozenset(): 1}, "[frozenset()]", "frozenset"),
        ([Text("a")], "[0]", "test_archive.Text"),
        ([np.ma.masked_array([1])], "[0]", "numpy.ma"),
        ([np.zeros(2, np.longdouble)], "[0]", "dtype float|longdouble"),
        ([np.longdouble(1)], "[0]", "longdouble|float"),
        ({"a": np.zeros(2, "i4,f8")}, "['a']", "numpy.ndarray of dtype"),
        ({"a": np.array([1, slice(2)], dtype=object)}, "['a'][1]", "slice"),
        (object(), "The value", "object"),
        ([np.random.Generator(np.random.Philox(0))], "[0]", "Generator"),
        ({"r": np.random.RandomState(np.random.SFC64(0))}, "['r']", "RandomState"),
        ([datetime.datetime(2024, 10, 27, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))], "[0]", "datetime"),
    ],
)
def test_other_values_are_refused_by_their_path(tmp_path, tree, path, kind):
    if np.dtype(np.longdouble) == np.float64 and "longdouble" in kind:
        pytest.skip("long double is double here")
    with pytest.raises(TypeError, match=kind) as error:
        write_archive(tmp_path / "file", tree, "checkpoint")
    assert str(error.value).startswith(f"{path} is a ") and "Convert it" in str(error.value)
    assert not list(tmp_path.iterdir())


def test_trees_without_end_are_refused(tmp_path):
    loop = {"a": []}
    loop["a"].append(loop)
    deep = None
    for _ in range(2000):
        deep = [deep]
    for tree in (loop, deep):
        with pytest.raises(TypeError, match="nested more than 64 deep, or contains itself"):
            write_archive(tmp_path / "file", tree, "checkpoint")
    for wrap in (lambda tree: [tree], lambda tree: {"a": tree}, lambda tree: {1: tree}, lambda tree: {(1,): (tree,)}):
        tree = np.random.default_rng(0)
        for _ in range(30):
            tree = wrap(tree)
        assert same(read_archive(written(tmp_path, tree), "checkpoint"), tree)


def test_unknown_kind(tmp_path):
    with pytest.raises(ValueError, match="kind must be one of"):
        write_archive(tmp_path / "file", None, "pickle")


def test_numpy_opens_it(tmp_path):
    arrays = {np.dtype(code).name: np.arange(7).astype(code) for code in "bBhHiIqQefd?FD"}
    tree = {"w": arrays, "classes": np.array(["a", "bc"]), "day": np.array(["2024-02-29"], "M8[D]"), "e": np.zeros((0, 2))}
    path = written(tmp_path, tree | {"ü/..": np.zeros(1), "name": "ü", "one": np.float32(1)})
    with np.load(path, allow_pickle=False) as found:
        assert set(found.files) == {"tree.json", *(f"w.{name}" for name in arrays), "classes", "day", "e", "_.."}
        for name, array in arrays.items():
            assert same(found[f"w.{name}"], array)
        assert same(found["classes"], tree["classes"]) and same(found["day"], tree["day"]) and same(found["e"], tree["e"])
        header = json.loads(found["tree.json"])
    assert (header["format"], header["kind"], header["format_version"]) == ("sklstm", "checkpoint", archive.FORMAT_VERSION)
    assert header["version"] == archive.OWN_VERSION and int(header["n_bytes"]) == path.stat().st_size
    assert header["tree"]["name"] == "ü" and header["tree"]["w"]["float64"] == {"$array": "w.float64.npy"}
    # So it does for the tree alone, and for any other tree.
    for tree in TREES.values():
        with np.load(written(tmp_path, tree), allow_pickle=False) as found:
            assert "tree.json" in found.files and all(found[name] is not None for name in found.files)


def test_large_files(tmp_path, monkeypatch):
    """A zip file has other records for what takes more than 2 GB: here for more than 500 bytes."""
    tree = {"a": np.arange(100.0), "b": np.arange(1000.0), "c": "d", "e": np.arange(3)}
    small = written(tmp_path, tree).read_bytes()
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 500)
    path = written(tmp_path, tree)
    assert path.stat().st_size > len(small) + 100 and b"PK\x06\x06" in path.read_bytes()
    assert same(read_archive(path, "checkpoint"), tree)
    assert same(read_archive(io.BytesIO(path.read_bytes()), "checkpoint"), tree)
    with np.load(path, allow_pickle=False) as found:
        assert same(found["b"], tree["b"])


# ---- a file is there as a whole or not at all ----


def test_permissions_are_those_of_any_new_file(tmp_path):
    umask = os.umask(0o027)
    try:
        path = written(tmp_path, [1])
    finally:
        os.umask(umask)
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_forms_of_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in ("here.sklstm", os.fsencode("bytes.sklstm"), tmp_path / ("n" * 255), "ü €.sklstm"):
        write_archive(path, [1], "model")
        assert read_archive(path, "model") == [1]
    with pytest.raises(FileNotFoundError):
        read_archive("nowhere", "model")
    with pytest.raises(FileNotFoundError):
        write_archive(tmp_path / "no folder" / "file", [1], "model")
    with pytest.raises(OSError):
        write_archive(tmp_path, [1], "model")  # a folder
    with pytest.raises(OSError):
        read_archive(tmp_path, "model")
    assert len(list(tmp_path.iterdir())) == 4


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    try:
        link.symlink_to(tmp_path / "real" / "file")
    except OSError:
        pytest.skip("no links here")
    write_archive(link, [1], "model")
    write_archive(link, [2], "model")
    assert link.is_symlink() and read_archive(tmp_path / "real" / "file", "model") == [2]


class FullDisk:
    """A file that takes so many bytes."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def write(self, data):
        self.room -= len(data)
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.file.write(data)

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.file.close()


TREE_WITH_ARRAYS = {"a": np.arange(1000.0), "b": np.zeros(5000, np.float32), "rng": np.random.default_rng(0)}


def fails(call):
    def failing(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    return lambda monkeypatch: monkeypatch.setattr(os, call, failing)


def with_room(room):
    return lambda monkeypatch: monkeypatch.setattr(files, "open", lambda *args: FullDisk(open(*args), room), raising=False)


@pytest.mark.parametrize(
    "break_disk",
    [fails("fsync"), fails("replace"), fails("open"), with_room(0), with_room(2000), with_room(20000)],
    ids=["fsync", "replace", "open", "room 0", "room 2000", "room 20000"],
)
@pytest.mark.parametrize("existing", [True, False])
def test_a_full_disk_leaves_the_target_as_it_was(tmp_path, monkeypatch, break_disk, existing):
    path = tmp_path / "file"
    if existing:
        write_archive(path, "before", "model")
    raw = path.read_bytes() if existing else None
    with monkeypatch.context() as patch:
        break_disk(patch)
        with pytest.raises(OSError, match="No space left"):
            write_archive(path, TREE_WITH_ARRAYS, "model")
    assert [entry.name for entry in tmp_path.iterdir()] == (["file"] if existing else [])
    if existing:
        assert path.read_bytes() == raw


def test_an_interrupt_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupted(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_archive(tmp_path / "file", TREE_WITH_ARRAYS, "model")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_synced_is_no_error(tmp_path, monkeypatch):
    sync = os.fsync

    def sync_files_only(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", sync_files_only)
    assert read_archive(written(tmp_path, [1]), "checkpoint") == [1]


# ---- damaged files ----


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 3, 2)), np.arange(20) % 3
    return LSTMClassifier(hidden_size=2, random_state=np.random.RandomState(0)).partial_fit(X, y, [0, 1, 2])


@pytest.fixture(params=["model", "checkpoint"])
def case(request, model, tmp_path):
    """Raw bytes of a file, where it is, and the function that reads such."""
    path = tmp_path / "damaged.npz"
    if request.param == "model":
        save(model, path)
        return path.read_bytes(), path, load
    others = {"note": "é", "odd": {1: (True, None)}, "text": np.array(["a"]), "rs": np.random.RandomState(0)}
    state = model._state.to_dict() | others
    write_archive(path, state, "checkpoint")
    return path.read_bytes(), path, lambda path: read_archive(path, "checkpoint")


def refused(raw, path, read, words=None, factor=60):
    """The message with which a file is refused, that takes no more memory than so many times its own."""
    path.write_bytes(raw)
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    with pytest.raises(ValueError, match=words) as error:
        read(path)
    peak = tracemalloc.get_traced_memory()[1] - before
    assert type(error.value) is ValueError
    message = str(error.value)
    assert message.startswith(f"{path} ") and len(message) < 1000, message
    assert any(advice in message for advice in ("estore a copy", "Pass the path", "upgrade sklstm", "by a version")), message
    assert peak < factor * len(raw) + 3_000_000, f"{peak} bytes for a file of {len(raw)}"
    return message


@pytest.fixture
def traced():
    tracemalloc.start()
    yield
    tracemalloc.stop()


def damage(rng, raw):
    """The file, damaged in one of the ways that disks, networks and editors have."""
    n = len(raw)
    at, directory = int(rng.integers(n)), raw.index(b"PK\1\2")
    changed = bytearray(raw)
    kind = rng.integers(9)
    if kind == 0:
        return raw[:at]
    if kind == 1:
        return raw[: int(rng.choice([directory, n - 22, directory + 46, 4, 30, 39, 200, n - 1]))]
    if kind == 2:
        changed[at] ^= 1 << int(rng.integers(8))
    if kind == 3:
        other = int(rng.integers(n))
        changed[at], changed[other] = changed[other], changed[at]
    if kind == 4:
        return raw + rng.bytes(int(rng.integers(1, 100)))
    if kind == 5:
        changed[at : at + 512] = bytes(len(changed[at : at + 512]))
    if kind == 6:
        changed[int(rng.integers(directory, n))] = int(rng.integers(256))  # the directory
    if kind == 7:
        del changed[at : at + int(rng.integers(1, 20))]
    if kind == 8:
        return raw.replace(b"\n", b"\r\n") if b"\n" in raw and rng.random() < 0.1 else raw[at:] + raw[:at]
    return bytes(changed)


def refused_or_the_same(raw, path, read, expected):
    """Whether a damaged file is refused. Some bytes of a zip file mean nothing to a reader, such as the date of a member."""
    path.write_bytes(raw)
    try:
        found = read(path)
    except ValueError:
        refused(raw, path, read, "no sklstm file|is damaged|newer sklstm|is a .*; expected a")
        return True
    assert same(vars(found) | {"_state": found._state.to_dict()} if isinstance(found, LSTMClassifier) else found, expected)
    return False


@pytest.mark.parametrize("part", range(4))
def test_damaged_files_are_refused(case, traced, part):
    raw, path, read = case
    path.write_bytes(raw)
    whole = read(path)
    whole = vars(whole) | {"_state": whole._state.to_dict()} if isinstance(whole, LSTMClassifier) else whole
    rng = np.random.default_rng(part)
    n_refused = n_harmless = 0
    while n_refused < 150:
        damaged = damage(rng, raw)
        if damaged != raw and refused_or_the_same(damaged, path, read, whole):
            n_refused += 1
        else:
            n_harmless += damaged != raw
    assert n_harmless < 40


def test_a_flipped_bit_of_any_byte_is_found(tmp_path):
    tree = {"a": np.arange(3.0), "b": "text"}
    path = written(tmp_path, tree)
    raw = path.read_bytes()
    contents = [(raw.index(content), raw.index(content) + len(content)) for content in members_of(raw).values()]
    for at in range(len(raw)):  # another bit of each byte
        flipped = raw[:at] + bytes([raw[at] ^ 1 << at % 8]) + raw[at + 1 :]
        is_refused = refused_or_the_same(flipped, path, lambda path: read_archive(path, "checkpoint"), tree)
        assert is_refused or not any(begin <= at < end for begin, end in contents)


def bomb():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("zeros", bytes(10**7))
    return stream.getvalue()


class Exploit:
    """A pickle of it would call a function."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was read",))


FOREIGN = {
    "an empty file": b"",
    "another zip file": bomb(),
    "a gzip file": gzip.compress(bytes(10**6)),
    "a pickle": pickle.dumps(Exploit()),
    "a file that begins with b'cos": pickle.dumps(Exploit(), protocol=0).replace(b"c__builtin__", b"cos") + b"cos",
    "a NumPy array": b"\x93NUMPY\x01\0",
    "an HDF5 file": b"\x89HDF\r\n",
    "a compressed pickle": b"x\x9c" + bytes(100),
    "begins with b'Dear": b"Dear reader, " * 20,
    "begins with b'\\\\x00": bytes(1000),
    "a safetensors file": bytes(8) + b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}' + bytes(100),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_other_files_are_refused(case, traced, name):
    _, path, read = case
    words = "a file that begins" if name.startswith(("a file that begins", "a safetensors")) else name
    message = refused(FOREIGN[name], path, read, "is no sklstm file: expected a (model|checkpoint).*got .*" + words)
    assert "Pass the path" in message


def test_files_of_the_format_before_say_which_version_wrote_them(case, tmp_path):
    _, path, read = case
    header = b'{"__metadata__":{"sha256":"' + b"0" * 64 + b'","format":"sklstm","format_version":"1","kind":"checkpoint",'
    old = header + b'"sklstm_version":"0.1.0.dev0","tree":"{}"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    raw = len(old).to_bytes(8, "little") + old + bytes(4)
    path.write_bytes(raw)
    words = "was written by an earlier build of sklstm 0.1.0.dev0 in a format .safetensors. that this one cannot read. Fit again"
    for source in (path, io.BytesIO(raw)):
        with pytest.raises(ValueError, match=words):
            read(source)


# ---- files with right checksums that sklstm did not write ----


def first_array(members):
    return next(name for name in members if name.endswith(".npy"))


def edit_array(change):
    """A change of the bytes of the first array."""

    def changed(members):
        members[first_array(members)] = change(members[first_array(members)])

    return changed


def npy(array=None, version=(1, 0), **header):
    """The bytes of an array as NumPy writes them; of a header that says something else than there is."""
    stream = io.BytesIO()
    if array is not None:
        np.lib.format.write_array(stream, array, version)
        return stream.getvalue()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": (1,)} | header)
    return stream.getvalue()


def set_header(**values):
    return edit_array(lambda raw: npy(**values) + raw[128:])


def in_header(old, new):
    """Another text in the header of an array, with as many blanks less or more."""
    return edit_array(lambda raw: raw.replace(old, new, 1)[: len(raw) + len(new) - len(old)])


MEMBERS = {
    "shape 2**62": set_header(shape=(2**62,)),
    "shape 2**62 x 4": set_header(shape=(2**62, 4)),
    "shape 2**62 x 0": set_header(shape=(2**62, 0)),
    "shape 2**32 x 2**32": set_header(shape=(2**32, 2**32)),
    "many axes": set_header(shape=(1,) * 100),
    "shape -1": in_header(b"(", b"(-"),
    "shape of a float": in_header(b",), }", b".0,), }"),
    "shape of a call": in_header(b"(", b"f("),
    "shape of text": in_header(b"(", b"('1',"),
    "longer than the array": edit_array(lambda raw: raw[:-8]),
    "shorter than the array": edit_array(lambda raw: raw + bytes(8)),
    "empty": edit_array(lambda raw: b""),
    "no header": edit_array(lambda raw: raw[:10]),
    "no text": edit_array(lambda raw: raw[:10] + bytes(len(raw) - 10)),
    "header beyond the array": edit_array(lambda raw: raw[:8] + b"\xff\xff" + raw[10:]),
    "nested": in_header(b"(", b"(" * 1000),
    "signs": in_header(b"(", b"(" + b"-" * 9000),
    "dtype O": set_header(descr="|O"),
    "an array of objects": edit_array(lambda raw: npy(np.array([{1: 2}], object))),
    "a pickle": edit_array(lambda raw: npy(descr="|O") + pickle.dumps(Exploit())),
    "dtype of fields": set_header(descr=[("a", "<f8")]),
    "dtype V8": set_header(descr="|V8"),
    "dtype f16": set_header(descr="<f16"),
    "dtype of nothing": set_header(descr="<U0", shape=(2**62,)),
    "dtype of a long text": set_header(descr="<U500000000", shape=(0,)),
    "no dtype": set_header(descr="<q9"),
    "dtype of many": set_header(descr="f8,f8"),
    "big-endian": edit_array(lambda raw: npy(np.arange(3.0).astype(">f8"))),
    "Fortran order": edit_array(lambda raw: npy(np.asfortranarray(np.zeros((3, 4))))),
    "version 2": edit_array(lambda raw: npy(np.zeros(3), (2, 0))),
    "version 9": edit_array(lambda raw: raw[:6] + b"\x09" + raw[7:]),
    "an array less": lambda members: members.pop(first_array(members)) and None,
    "an array too many": lambda members: members.update({"extra.npy": npy(np.zeros(3))}),
    "an empty array too many": lambda members: members.update({"extra.npy": npy(shape=(2**62, 0))}),
    "a member too many": lambda members: members.update({"run.py": b"print(1)"}),
    "a folder": lambda members: members.update({"folder/": b""}),
    "a path": lambda members: members.update({"../../etc/cron.d/x.npy": npy(np.zeros(3))}),
    "a name of other letters": lambda members: members.update({"ü.npy": npy(np.zeros(3))}),
    "renamed": lambda members: members.update({"other.npy": members.pop(first_array(members))}),
    "a path instead": lambda members: members.update({"/tmp/other.npy": members.pop(first_array(members))}),
    "twice": lambda members: [*members.items(), (first_array(members), members[first_array(members)])],
    "two trees": lambda members: [*members.items(), ("tree.json", members["tree.json"])],
    "tree last": lambda members: dict(reversed(members.items())),
    "in another order": lambda members: {"tree.json": members.pop("tree.json")} | dict(reversed(members.items())),
    "no tree": lambda members: members.pop("tree.json") and None,
    "nothing": lambda members: {},
}


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_that_lie_are_refused(case, traced, name):
    raw, path, read = case
    refused(with_members(raw, MEMBERS[name]), path, read, "is damaged|is no sklstm file")


def test_files_that_another_program_packed_are_refused(case, traced):
    raw, path, read = case
    assert zipped(members_of(raw)) == raw
    refused(zipped(members_of(raw), zipfile.ZIP_DEFLATED), path, read, "is damaged|no sklstm file")
    some = dict(list(members_of(raw).items())[:1])
    stream = io.BytesIO(zipped(some))
    with zipfile.ZipFile(stream, "a") as file:
        for name, content in members_of(raw).items():
            if name not in some:
                file.writestr(name, content, zipfile.ZIP_DEFLATED)
    grown = re.sub(rb'"n_bytes":"[0-9]{20}"', b'"n_bytes":"%020d"' % 0, stream.getvalue())
    refused(grown, path, read, "is compressed or encrypted")
    with np.load(path, allow_pickle=False) as found:
        np.savez_compressed(path.with_suffix(".other.npz"), **{name: found[name] for name in found.files if name != "tree.json"})
    refused(path.with_suffix(".other.npz").read_bytes(), path, read, "another zip file")


def directory_of(raw):
    """First byte of the directory, and of each record in it."""
    end = raw.rindex(b"PK\5\6")
    begin = int.from_bytes(raw[end + 16 : end + 20], "little")
    records, at = [], begin
    while at < end:
        records.append(at)
        at += 46 + int.from_bytes(raw[at + 28 : at + 30], "little")
    return begin, records, end


def set_number(which, offset, size, value):
    """A change of a number in a record of the directory (0 to n), or with None in the last record of the file."""

    def change(raw):
        _, records, end = directory_of(raw)
        at = (end if which is None else records[which]) + offset
        old = int.from_bytes(raw[at : at + size], "little")
        new = value(old) if callable(value) else value
        return raw[:at] + (new % 256**size).to_bytes(size, "little") + raw[at + size :]

    return change


DIRECTORIES = {
    "encrypted": set_number(1, 8, 2, 1),
    "encrypted tree": set_number(0, 8, 2, 1),
    "strongly encrypted": set_number(1, 8, 2, 0x41),
    "patched": set_number(0, 8, 2, 0x20),
    "sizes behind the data": set_number(1, 8, 2, 8),
    "compressed": set_number(1, 10, 2, 8),
    "compressed tree": set_number(0, 10, 2, 8),
    "LZMA": set_number(1, 10, 2, 14),
    "unknown method": set_number(1, 10, 2, 77),
    "another checksum": set_number(1, 16, 4, lambda crc: crc + 1),
    "another checksum of the tree": set_number(0, 16, 4, lambda crc: crc + 1),
    "smaller than stored": set_number(1, 20, 4, lambda size: size - 8),
    "larger than stored": set_number(1, 24, 4, lambda size: size + 8),
    "4 GB": set_number(1, 24, 4, 2**32 - 1),
    "tree of 4 GB": lambda raw: set_number(0, 24, 4, 2**32 - 2)(set_number(0, 20, 4, 2**32 - 2)(raw)),
    "both larger": lambda raw: set_number(1, 24, 4, lambda size: size + 8)(set_number(1, 20, 4, lambda size: size + 8)(raw)),
    "tree shorter": lambda raw: set_number(0, 24, 4, lambda n: n - 1)(set_number(0, 20, 4, lambda n: n - 1)(raw)),
    "longer name": set_number(1, 28, 2, lambda n: n + 1),
    "name of 64 KB": set_number(1, 28, 2, 65535),
    "extra of 64 KB": set_number(1, 30, 2, 65535),
    "comment of 64 KB": set_number(1, 32, 2, 65535),
    "begins before": set_number(1, 42, 4, lambda at: at - 8),
    "begins after": set_number(1, 42, 4, lambda at: at + 8),
    "overlaps the tree": set_number(1, 42, 4, 0),
    "overlaps another": lambda raw: set_number(2, 42, 4, int.from_bytes(raw[directory_of(raw)[1][1] + 42 :][:4], "little"))(raw),
    "begins beyond": set_number(1, 42, 4, 2**31),
    "begins in 64 bits": set_number(1, 42, 4, 2**32 - 1),
    "tree begins beyond": set_number(0, 42, 4, lambda at: at + 1),
    "no signature": set_number(1, 0, 4, 0),
    "name with null": set_number(1, 47, 1, 0),
    "absolute name": set_number(1, 46, 1, ord("/")),
    "directory before": set_number(None, 16, 4, lambda at: at - 46),
    "directory beyond": set_number(None, 16, 4, 2**32 - 2),
    "directory of 4 GB": set_number(None, 12, 4, 2**32 - 2),
    "directory of 64 bits": set_number(None, 12, 4, 2**32 - 1),
    "directory of nothing": set_number(None, 12, 4, 0),
    "no end": set_number(None, 0, 4, 0),
    "bytes before": lambda raw: raw[:200] + bytes(8) + raw[200:],
    "a comment": lambda raw: set_number(None, 20, 2, 5)(raw) + b"hello",
}


@pytest.mark.parametrize("name", DIRECTORIES)
def test_directories_that_lie_are_refused(case, traced, name):
    raw, path, read = case
    changed = DIRECTORIES[name](raw)
    changed = re.sub(rb'"n_bytes":"[0-9]{20}"', b'"n_bytes":"%020d"' % 0, changed)  # so that its size does not tell
    refused(changed, path, read, "is damaged|is no sklstm file")


def test_starts_that_lie_are_refused(case, traced):
    raw, path, read = case
    for old, new in (
        (b'"format":"sklstm"', b'"format":"others"'),
        (b'"format_version":1', b'"format_version":x'),
        (b'"format_version":1', b'"format_version":-1'),
        (b'"format_version":1', b'"format_version":' + b"9" * 100),
        (b'"kind":', b'"kinds":'),
        (b'"tree":', b'"trees":'),
        (b'"tree":', b'"x":1,"tree":'),
        (b'"tree":', b'"tree":1,"tree":'),
        (b'"n_bytes":"0', b'"n_bytes":"1'),
        (b'{"format"', b'[{"format"'),
    ):
        members = members_of(raw)
        members["tree.json"] = members["tree.json"].replace(old, new, 1)
        assert members["tree.json"] != members_of(raw)["tree.json"]
        content = zipped(members) if b"n_bytes" not in old else zipped(members).replace(b'"n_bytes":"0', b'"n_bytes":"1', 1)
        refused(content, path, read, "is damaged|is no sklstm file")


TREES_OF_LIES = {
    "deep lists": "[" * 100_000 + "]" * 100_000,
    "lists of 100": "[" * 100 + "]" * 100,
    "deep dicts": '{"a":' * 5000 + "1" + "}" * 5000,
    "no JSON": "[1,",
    "more than JSON": "1}1",
    "blanks": "[1, 2]",
    "unknown tag": {"$pickle": "gAM="},
    "tag of a class": {"$os.system": "ls"},
    "two tags": {"$tuple": [], "$dict": []},
    "tag beside a key": {"a": 1, "$tuple": []},
    "tuple of text": {"$tuple": "ab"},
    "tuple of a number": {"$tuple": 3},
    "dict of texts": {"$dict": ["ab"]},
    "dict of threes": {"$dict": [[1, 2, 3]]},
    "dict that needs no tag": {"$dict": [["a", 1]]},
    "unhashable key": {"$dict": [[[], 1]]},
    "array as key": {"$dict": [[{"$objects": [[0], []]}, 1]]},
    "key twice": {"$dict": [[1, 1], [True, 1]]},
    "JSON key twice": '{"a":1,"a":2}',
    "NaN": "NaN",
    "Infinity": '[{"$tuple":[Infinity]}]',
    "1e999": "[1e999]",
    "float with zeros": "[1.50]",
    "escaped letter": '["\\u0041"]',
    "huge int": "9" * 1_000_000,
    "int of 65 bits": str(2**65),
    "hexadecimal int of nothing": {"$int": "0x"},
    "small hexadecimal int": {"$int": "0x1"},
    "int of text": {"$int": "0b1"},
    "int of letters": {"$int": "0x_1" + "0" * 20},
    "short float": {"$float": "7ff8"},
    "finite float": {"$float": "3ff0000000000000"},
    "float of a float": {"$float": 1.0},
    "bytes of odd digits": {"$bytes": "abc"},
    "bytes of letters": {"$bytes": "zz"},
    "bytes with blanks": {"$bytes": "00 11"},
    "date of month 13": {"$date": "2024-13-01"},
    "date of another form": {"$date": "20240101"},
    "time of nothing": {"$time": ""},
    "timedelta of texts": {"$timedelta": ["a", 0, 0]},
    "timedelta of many": {"$timedelta": [1, 2, 3, 4, 5, 6, 7, 8]},
    "timedelta too long": {"$timedelta": [2**62, 0, 0]},
    "decimal of text": {"$decimal": "one"},
    "scalar of objects": {"$scalar": ["O", "00"]},
    "scalar of fields": {"$scalar": ["i4,i4", "0000000000000000"]},
    "scalar of many": {"$scalar": ["(1000000,1000000)f8", "00"]},
    "scalar of a long text": {"$scalar": ["U500000000", ""]},
    "scalar too short": {"$scalar": ["f8", "00"]},
    "scalar too long": {"$scalar": ["f4", "00" * 8]},
    "scalar that is no bool": {"$scalar": ["b1", "02"]},
    "scalar of nothing": {"$scalar": []},
    "scalar of numbers": {"$scalar": [1, 2]},
    "time of an unknown unit": {"$scalar": ["M8[fortnight]", "00" * 8]},
    "time of 0 seconds": {"$scalar": ["M8[0s]", "00" * 8]},
    "array that is not there": {"$array": "nothing.npy"},
    "array of a list": {"$array": []},
    "tree as an array": {"$array": "tree.json"},
    "objects of a wrong number": {"$objects": [[3], [1, 2]]},
    "objects without end": {"$objects": [[2**62], []]},
    "objects 2**62 x 4": {"$objects": [[2**62, 4], []]},
    "objects 10**19 x 0": {"$objects": [[10**19, 0], []]},
    "objects of many axes": {"$objects": [[1] * 100, [1]]},
    "objects of -1": {"$objects": [[-1], [1]]},
    "objects of true": {"$objects": [[True], [1]]},
    "objects of nothing": {"$objects": []},
    "generator of nothing": {"$Generator": {}},
    "generator of a list": {"$Generator": []},
    "generator by another name": {"$Generator": {"bit_generator": "os.system"}},
    "generator without state": {"$Generator": {"bit_generator": "PCG64"}},
    "random state of a list": {"$RandomState": []},
    "random state of a dict": {"$RandomState": {"bit_generator": "MT19937"}},
}


@pytest.mark.parametrize("name", TREES_OF_LIES)
def test_trees_that_lie_are_refused(case, traced, name):
    raw, path, read = case
    bare = zipped({"tree.json": members_of(raw)["tree.json"]})  # no arrays, which would have to be in the tree
    refused(with_tree(bare, TREES_OF_LIES[name]), path, read, "is damaged")


def test_arrays_must_be_in_the_tree_once(tmp_path, traced):
    def read(path):
        return read_archive(path, "checkpoint")

    path = written(tmp_path, {"a": np.zeros(1000), "b": np.array(["abc"]), "c": np.array([True])})
    raw = path.read_bytes()
    nodes = tree_of(raw)
    assert nodes == {name: {"$array": f"{name}.npy"} for name in "abc"} and with_tree(raw, nodes) == raw
    refused(with_tree(raw, nodes | {"e": nodes["a"]}), path, read, "is damaged")
    refused(with_tree(raw, [nodes["a"]] * 1000), path, read, "is damaged")
    refused(with_tree(raw, {"a": nodes["a"]}), path, read, "tree.json is not as sklstm writes it")
    refused(with_tree(raw, nodes | {"a": nodes["b"], "b": nodes["a"]}), path, read, "tree.json is not as sklstm writes it")


def test_values_that_a_dtype_does_not_have_are_refused(tmp_path, traced):
    for array, last in ((np.array([True]), b"\x02"), (np.array(["a"]), (0x110000).to_bytes(4, "little"))):
        path = written(tmp_path, [array])
        raw = with_members(path.read_bytes(), edit_array(lambda content, last=last: content[: -len(last)] + last))
        refused(raw, path, lambda path: read_archive(path, "checkpoint"), "values that .* does not have")


@pytest.mark.parametrize(
    ("tag", "key", "value"),
    [
        ("$RandomState", "pos", 625),
        ("$RandomState", "pos", -1),
        ("$RandomState", "pos", 1.5),
        ("$RandomState", "key", np.zeros(10, np.uint32)),
        ("$RandomState", "key", np.zeros(624)),
        ("$RandomState", "gauss", "1"),
        ("$Generator", "inc", 2**128),
        ("$Generator", "inc", "1"),
        ("$Generator", "inc", -1),
        ("$Generator", "state", 2**128),
        ("$Generator", "has_uint32", 2**40),
        ("$Generator", "uinteger", 2**32),
        ("$Generator", "uinteger", True),
        ("$Generator", "extra", 1),
    ],
)
def test_states_of_generators_that_lie_are_refused(tmp_path, traced, tag, key, value):
    # NumPy itself takes some of these, and then reads from where there is no memory.
    rng = np.random.RandomState(0)
    state = rng.get_state(legacy=False) if tag == "$RandomState" else np.random.default_rng(0).bit_generator.state
    inner = state["state"] if key in state["state"] else state
    inner[key] = value
    path = written(tmp_path, [state])
    raw = with_tree(path.read_bytes(), [{tag: tree_of(path.read_bytes())[0]}])
    refused(raw, path, lambda path: read_archive(path, "checkpoint"), "is damaged")


UNITS = "[] {} 0 1.5 {'$tuple':[]} {'$bytes':''} {'$objects':[[0],[]]} {'$scalar':['b1','00']} 'Ā'".replace("'", '"').split()


@pytest.mark.parametrize("unit", UNITS)
def test_memory_is_bounded_by_the_size_of_the_file(tmp_path, traced, unit):
    # The last entry is a fault, so that all before it has been read. What JSON makes of such takes some tens of times its text.
    path = written(tmp_path, None)
    raw = with_tree(path.read_bytes(), "[" + f"{unit}," * (500_000 // len(unit)) + '{"$no":1}]')
    refused(raw, path, lambda path: read_archive(path, "checkpoint"), factor=60)


def test_the_other_kind_is_refused(tmp_path):
    path = written(tmp_path, [1], "checkpoint")
    with pytest.raises(ValueError, match=r"file.npz is a checkpoint, .*; expected a model, which sklstm\.persist"):
        read_archive(path, "model")


# ---- other versions ----


def of_version(raw, format_version):
    """The file as another version might have written it."""

    def change(members):
        members["tree.json"] = members["tree.json"].replace(b'"format_version":1,', b'"format_version":%d,' % format_version, 1)

    return with_members(raw, change)


def test_newer_files_are_refused(tmp_path):
    path = written(tmp_path, [1])
    newer = archive.FORMAT_VERSION + 1
    # Whatever a newer tree is written like.
    path.write_bytes(with_tree(of_version(path.read_bytes(), newer), {"$quaternion": [1, 2, 3, 4]}))
    words = rf"by a newer sklstm \(format {newer}\), version 0.* reads format {newer - 1}: upgrade sklstm"
    with pytest.raises(ValueError, match=words):
        read_archive(path, "checkpoint")


# ---- files and their headers ----


@pytest.mark.parametrize("size", [1 << 32, 1 << 40])
@pytest.mark.parametrize("start", ["a file", "the start of a file", "zeros", "a file in front"])
def test_sparse_files_are_refused_before_they_are_read(case, traced, size, start, monkeypatch):
    raw, path, read = case
    contents = {"a file": raw, "the start of a file": raw[:200], "zeros": b"", "a file in front": raw}
    n_checked = [0]

    def counted(data, value=0):
        n_checked[0] += len(data)
        return 0

    monkeypatch.setattr(archive.zlib, "crc32", counted)
    path.write_bytes(contents[start])
    with open(path, "r+b") as file:
        try:
            file.truncate(size)
        except OSError:
            pytest.skip("no files of that size here")
        if start == "a file in front":  # and its end behind
            file.seek(-len(raw), os.SEEK_END)
            file.write(raw)
    with pytest.raises(ValueError, match=f"no sklstm file|is damaged: it has {size} bytes, but was written with"):
        read(path)
    assert n_checked[0] == 0
    path.unlink()


def fifo(path):
    os.mkfifo(path)


def bound_socket(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def loop(path):
    path.symlink_to(path)


def link_to_a_fifo(path):
    os.mkfifo(path.with_name("fifo"))
    path.symlink_to(path.with_name("fifo"))


NO_FILES = {"folder": pathlib.Path.mkdir, "FIFO": fifo, "socket": bound_socket, "loop": loop, "link to a FIFO": link_to_a_fifo}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="files of POSIX")
@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_file_is_refused_and_stays(kind, monkeypatch):
    with tempfile.TemporaryDirectory() as folder:  # names of sockets are short
        path = pathlib.Path(folder) / "it"
        NO_FILES[kind](path)
        before = os.lstat(path)
        for call in (lambda: write_archive(path, [1], "model"), lambda: read_archive(path, "model")):
            with pytest.raises(OSError) as caught:
                call()
            assert caught.value.filename == str(path) and repr(str(path)) in str(caught.value)
        assert os.lstat(path).st_ino == before.st_ino and os.lstat(path).st_mode == before.st_mode
        assert len(os.listdir(folder)) == 1 + ("link" in kind)


def test_devices_are_refused(tmp_path):
    node = tmp_path / "null"
    try:
        os.mknod(node, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    except (OSError, AttributeError):
        pytest.skip("who is not root cannot make one")
    for call in (lambda: write_archive(node, [1], "model"), lambda: read_archive(node, "model")):
        with pytest.raises(OSError, match="device"):
            call()
    assert stat.S_ISCHR(node.stat().st_mode)


@pytest.mark.skipif(not hasattr(os, "fchmod"), reason="permissions of POSIX")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o444])
def test_a_replaced_file_keeps_its_permissions(tmp_path, mode):
    path = tmp_path / "file"
    write_archive(path, [1], "model")
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    path.chmod(mode)
    write_archive(path, [2], "model")
    assert stat.S_IMODE(path.stat().st_mode) == mode and read_archive(path, "model") == [2]


def test_a_replaced_file_keeps_its_owner(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_archive(path, [1], "model")
    try:
        os.chown(path, 1234, 2345)
    except (OSError, AttributeError):
        pytest.skip("who is not root cannot give files away")
    write_archive(path, [2], "model")
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 2345)

    def refuse(*args):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", refuse)
    write_archive(path, [3], "model")
    assert read_archive(path, "model") == [3]


def test_a_link_of_a_link_and_a_folder_that_is_one(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "other").symlink_to(tmp_path / "folder")
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to(pathlib.Path("other") / "file")
    write_archive(tmp_path / "one", [1], "model")
    assert os.listdir(tmp_path / "folder") == ["file"]
    assert read_archive(tmp_path / "folder" / "file", "model") == [1]


def test_errors_name_the_path_that_was_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in ("tpyo/file", "~/tpyo/file", pathlib.Path("tpyo") / "file", b"tpyo/file"):
        for call in (lambda path: write_archive(path, [1], "model"), lambda path: read_archive(path, "model")):
            with pytest.raises(FileNotFoundError) as caught:
                call(path)
            assert caught.value.filename == os.fsdecode(path)
    write_archive("~/file", [1], "model")
    assert os.listdir(tmp_path) == ["file"] and read_archive("~/file", "model") == [1]


@pytest.mark.parametrize("path, words", [("", "is empty"), ("a\0b", "null character"), (b"", "is empty")])
def test_paths_that_no_file_has(path, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for call in (lambda: write_archive(path, [1], "model"), lambda: read_archive(path, "model")):
        with pytest.raises(ValueError, match=f"{words}. Pass the path of a file"):
            call()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("path", [None, 3, 2.5, [], object()])
def test_what_is_no_path(path):
    for call in (lambda: write_archive(path, [1], "model"), lambda: read_archive(path, "model")):
        with pytest.raises(TypeError, match="Expected a str, a path-like object or a binary file"):
            call()


# ---- open files ----


class OneWay:
    """A pipe, say: without seek and tell, and of a raw kind that takes and gives a part at a time."""

    def __init__(self, raw=b""):
        self.raw = raw

    def write(self, data):
        part = bytes(data)[:1000]
        self.raw += part
        return len(part)

    def read(self, size):
        part, self.raw = self.raw[: min(size, 700)], self.raw[min(size, 700) :]
        return part


def test_open_files_have_the_bytes_of_files(tmp_path):
    raw = written(tmp_path, TREE_WITH_ARRAYS).read_bytes()
    buffer, pipe = io.BytesIO(), OneWay()
    for file in (buffer, pipe):
        write_archive(file, TREE_WITH_ARRAYS, "checkpoint")
    assert buffer.getvalue() == pipe.raw == raw
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive_of_files, archive_of_files.open("member", "w") as member:
        write_archive(member, TREE_WITH_ARRAYS, "checkpoint")
    with gzip.open(tmp_path / "gz", "wb") as compressed:
        write_archive(compressed, TREE_WITH_ARRAYS, "checkpoint")
    with open(tmp_path / "raw", "wb", buffering=0) as unbuffered:
        write_archive(unbuffered, TREE_WITH_ARRAYS, "checkpoint")
    with zipfile.ZipFile(tmp_path / "zip").open("member") as member, gzip.open(tmp_path / "gz") as compressed:
        buffer.seek(0)
        for file in (buffer, pipe, member, compressed, OneWay(raw), open(tmp_path / "raw", "rb", buffering=0)):
            tree = read_archive(file, "checkpoint")
            assert same(tree["a"], TREE_WITH_ARRAYS["a"]) and tree["a"].flags.writeable
            file.close() if hasattr(file, "close") else None
    with tempfile.NamedTemporaryFile() as file:
        write_archive(file, [1], "model")
        if os.name == "posix":
            assert read_archive(file.name, "model") == [1]  # not closed yet


def test_several_trees_in_one_file():
    file = io.BytesIO(b"before")
    file.seek(6)
    for k in range(3):
        write_archive(file, np.arange(k), "model")
    file.write(b"after")
    file.seek(6)
    for k in range(3):
        assert same(read_archive(file, "model"), np.arange(k))
    assert file.read() == b"after"


@pytest.mark.parametrize("n_bytes", [0, 5, 100, 200, 1000, -1])
def test_open_files_that_end_early(n_bytes, tmp_path):
    raw = written(tmp_path, TREE_WITH_ARRAYS).read_bytes()
    with pytest.raises(ValueError, match=r"^The file is (damaged|no sklstm file)"):
        read_archive(io.BytesIO(raw[:n_bytes]), "checkpoint")
    lying = re.sub(rb'"n_bytes":"[0-9]{20}"', b'"n_bytes":"%020d"' % 2**62, raw)
    with pytest.raises(ValueError, match=r"^The file is damaged"):
        read_archive(io.BytesIO(lying), "checkpoint")


def test_files_in_text_mode_are_refused_in_words(tmp_path):
    with pytest.raises(TypeError, match=r"text mode.*'wb'"):
        write_archive(io.StringIO(), [1], "model")
    with open(tmp_path / "text", "w") as file, pytest.raises(TypeError, match=r"text mode.*'wb'"):
        write_archive(file, [1], "model")
    (tmp_path / "text").write_text("a text")
    with open(tmp_path / "text") as file, pytest.raises(TypeError, match=r"text mode.*'rb'"):
        read_archive(file, "model")


def test_every_damaged_header_of_a_member_is_refused(tmp_path):
    whole = written(tmp_path, {"a": np.arange(3.0), "b": "text"}).read_bytes()
    starts = [match.start() for match in re.finditer(b"PK\x03\x04", whole)]
    assert len(starts) == 2
    for place in (place for start in starts for place in range(start, start + 30)):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        with pytest.raises(ValueError):
            read_archive(io.BytesIO(bytes(damaged)), "checkpoint")
