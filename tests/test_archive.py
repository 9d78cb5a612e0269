"""What must hold for a tree of values in a file: the same bits come back, and a file that is not as it was is refused."""

import copy
import errno
import gzip
import hashlib
import io
import json
import os
import pathlib
import pickle
import socket
import stat
import struct
import tempfile
import tracemalloc
import zipfile

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


def split(raw):
    """Header and arrays of a file."""
    n = int.from_bytes(raw[:8], "little")
    return json.loads(raw[8 : 8 + n]), raw[8 + n :]


def signed(header, buffer, length=None):
    """A file with a right checksum, whatever the header (a dict or a text) says."""
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    raw = (len(text) if length is None else length).to_bytes(8, "little") + text + buffer
    start, stop = archive.DIGEST.start, archive.DIGEST.stop
    blank = raw[:start] + b"0" * 64 + raw[stop:]
    return blank[:start] + hashlib.sha256(blank).hexdigest().encode() + blank[stop:]


def with_tree(raw, node):
    """The file with another tree: a JSON value, or a text as it is."""
    header, buffer = split(raw)
    header["__metadata__"]["tree"] = node if isinstance(node, str) else json.dumps(node)
    return signed(header, buffer)


def written(tmp_path, tree, kind="checkpoint"):
    path = tmp_path / "file.sklstm"
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
        assert array.flags.writeable and array.flags.c_contiguous and array.ctypes.data % 64 == 0
        array[...] = 0
    for k, a in enumerate(arrays):
        assert not any(np.shares_memory(a, b) for b in arrays[:k])


BIT_GENERATORS = [np.random.MT19937, np.random.PCG64, np.random.PCG64DXSM, np.random.Philox, np.random.SFC64]


@pytest.mark.parametrize("bit_generator", BIT_GENERATORS)
def test_generators_go_on(tmp_path, bit_generator):
    rng = np.random.Generator(bit_generator(7))
    rng.integers(10, size=3, dtype=np.int32), rng.standard_normal(5)  # so that half a number is in store
    rng.spawn(1)
    other = read_archive(written(tmp_path, {"rng": rng}), "checkpoint")["rng"]
    assert same(rng, other)
    assert same(rng.integers(2**31, size=1000, dtype=np.int32), other.integers(2**31, size=1000, dtype=np.int32))
    assert same(rng.standard_normal(1000), other.standard_normal(1000))
    assert same(rng.spawn(2)[1], other.spawn(2)[1])


@pytest.mark.parametrize("bit_generator", BIT_GENERATORS)
def test_random_states_go_on(tmp_path, bit_generator):
    random_state = np.random.RandomState(bit_generator(7))
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


def test_the_safetensors_package_opens_it(tmp_path):
    safetensors = pytest.importorskip("safetensors")
    from safetensors.numpy import load_file

    arrays = {code: np.arange(7).astype(code) for code in "bBhHiIqQefd?"}
    tree = {"w": arrays, "classes": np.array(["a", "bc"]), "z": np.array([1 + 2j]), "name": "ü", "e": np.zeros((0, 2))}
    path = written(tmp_path, tree)
    found = load_file(path)
    for code, array in arrays.items():
        assert same(found[f"w.{code}"], array)
    assert found["classes"].tolist() == [[97, 0], [98, 99]]
    assert found["z"].tolist() == [[1.0, 2.0]]
    with safetensors.safe_open(path, "np") as file:
        metadata = file.metadata()
    assert (metadata["format"], metadata["kind"], metadata["format_version"]) == ("sklstm", "checkpoint", "1")
    # Each array begins at a multiple of its items, which tools that map the file rely on.
    header, buffer = split(path.read_bytes())
    assert (path.stat().st_size - len(buffer)) % 64 == 0
    for name, entry in header.items():
        if name != "__metadata__":
            assert entry["data_offsets"][0] % found[name].itemsize == 0


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
    path = tmp_path / "damaged.sklstm"
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
    at, n_header = int(rng.integers(n)), 8 + int.from_bytes(raw[:8], "little")
    changed = bytearray(raw)
    kind = rng.integers(9)
    if kind == 0:
        return raw[:at]
    if kind == 1:
        return raw[: int(rng.choice([n_header, n - n_header, 8, 7, 9, 64, n - 1, archive.DIGEST.start, archive.DIGEST.stop]))]
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
        changed[int(rng.integers(8))] = int(rng.integers(256))  # the length of the header
    if kind == 7:
        del changed[at : at + int(rng.integers(1, 20))]
    if kind == 8:
        return raw.replace(b"\n", b"\r\n") if b"\n" in raw and rng.random() < 0.1 else raw[at:] + raw[:at]
    return bytes(changed)


@pytest.mark.parametrize("part", range(4))
def test_damaged_files_are_refused(case, traced, part):
    raw, path, read = case
    rng = np.random.default_rng(part)
    n_refused = 0
    while n_refused < 150:
        damaged = damage(rng, raw)
        if damaged != raw:
            refused(damaged, path, read, "no sklstm file|is damaged")
            n_refused += 1
    path.write_bytes(raw)
    read(path)


def test_a_flipped_bit_of_any_byte_is_found(tmp_path):
    path = written(tmp_path, {"a": np.arange(3.0), "b": "text"})
    raw = path.read_bytes()
    for at in range(len(raw)):  # another bit of each byte
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 1 << at % 8]) + raw[at + 1 :])
        with pytest.raises(ValueError, match=r"file.sklstm is (no sklstm file|damaged)"):
            read_archive(path, "checkpoint")


def zipped():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("zeros", bytes(10**7))
    return stream.getvalue()


class Exploit:
    """A pickle of it would call a function."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was read",))


FOREIGN = {
    "an empty file": b"",
    "a zip file": zipped(),
    "a gzip file": gzip.compress(bytes(10**6)),
    "a pickle": pickle.dumps(Exploit()),
    "a file that begins with b'cos": pickle.dumps(Exploit(), protocol=0).replace(b"c__builtin__", b"cos") + b"cos",
    "a NumPy array": b"\x93NUMPY\x01\0",
    "an HDF5 file": b"\x89HDF\r\n",
    "a compressed pickle": b"x\x9c" + bytes(100),
    "begins with b'Dear": b"Dear reader, " * 20,
    "begins with b'\\\\x00": bytes(1000),
    "another safetensors file": bytes(8) + b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}' + bytes(100),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_other_files_are_refused(case, traced, name):
    _, path, read = case
    words = name if not name.startswith("a file that begins") else "a file that begins"
    message = refused(FOREIGN[name], path, read, "is no sklstm file: expected a (model|checkpoint).*got .*" + words)
    assert "Pass the path" in message


def entry(header):
    """A description of an array of a header."""
    return next(value for key, value in header.items() if key != "__metadata__")


def set_shape(shape):
    return lambda header: entry(header).update(shape=shape)


def set_entry(**values):
    return lambda header: entry(header).update(values)


def set_metadata(**values):
    return lambda header: header["__metadata__"].update(values)


def shift(begin, end):
    def shifted(header):
        offsets = entry(header)["data_offsets"]
        entry(header).update(data_offsets=[offsets[0] + begin, offsets[1] + end])

    return shifted


def twice(header):
    """Two entries for the same bytes."""
    header["again"] = dict(entry(header))


def swap(header):
    """Two arrays change places: of other sizes, so that they overlap."""
    entries = [value for key, value in header.items() if key != "__metadata__"]
    one, other = entries[0], next(e for e in entries if e["shape"] != entries[0]["shape"])
    one["data_offsets"], other["data_offsets"] = other["data_offsets"], one["data_offsets"]


def add_empty(*shape):
    return lambda header: header.update(extra={"dtype": "F32", "shape": list(shape), "data_offsets": [0, 0]})


def without_first(header):
    del header[next(key for key in header if key != "__metadata__")]


def rename(header):
    key = next(key for key in header if key != "__metadata__")
    header["other"] = header.pop(key)


HEADERS = {
    "shape 2**62": set_shape([2**62]),
    "shape 2**62 x 2": set_shape([2**62, 2]),
    "shape 2**62 x 4": set_shape([2**62, 4]),
    "shape 2**62 x 0": set_shape([2**62, 0]),
    "shape 2**32 x 2**32": set_shape([2**32, 2**32]),
    "shape -1": set_shape([-1]),
    "shape -1 x -1": set_shape([-1, -1]),
    "shape 1.0": set_shape([1.0]),
    "shape true": set_shape([True]),
    "shape text": set_shape("5"),
    "shape nested": set_shape([[1]]),
    "shape null": set_shape(None),
    "many axes": set_shape([1] * 1000),
    "no dtype": set_entry(dtype=None),
    "dtype O": set_entry(dtype="O"),
    "dtype F128": set_entry(dtype="F128"),
    "dtype list": set_entry(dtype=["F32"]),
    "dtype of other size": set_entry(dtype="I8"),
    "key too many": set_entry(order="F"),
    "begin - 8": shift(-8, -8),
    "begin + 8": shift(8, 8),
    "end + 8": shift(0, 8),
    "end 2**62": shift(0, 2**62),
    "offsets reversed": lambda header: entry(header)["data_offsets"].reverse(),
    "offsets float": set_entry(data_offsets=[0.0, 8.0]),
    "three offsets": set_entry(data_offsets=[0, 8, 16]),
    "no offsets": set_entry(data_offsets={}),
    "entry is a list": lambda header: header.update(extra=[1]),
    "entry is null": lambda header: header.update(extra=None),
    "same bytes twice": twice,
    "swapped": swap,
    "one array less": without_first,
    "renamed": rename,
    "empty array too many": add_empty(0),
    "huge empty array too many": add_empty(2**62, 0),
    "other format": set_metadata(format="pt"),
    "no format": lambda header: header["__metadata__"].pop("format"),
    "no version": lambda header: header["__metadata__"].pop("format_version"),
    "version a number": set_metadata(format_version=1),
    "version text": set_metadata(format_version="one"),
    "version digits": set_metadata(format_version="9" * 5000),
    "version negative": set_metadata(format_version="-1"),
    "version of other digits": set_metadata(format_version="\u0661"),
    "version 0": set_metadata(format_version="0"),
    "version newer": set_metadata(format_version="2"),
    "other kind": set_metadata(kind="state"),
    "kind list": set_metadata(kind=[]),
    "no tree": lambda header: header["__metadata__"].pop("tree"),
    "tree not a text": set_metadata(tree={}),
    "tree empty": set_metadata(tree=""),
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_that_lie_are_refused(case, traced, name):
    raw, path, read = case
    header, buffer = split(raw)
    HEADERS[name](header)
    refused(signed(header, buffer), path, read)


@pytest.mark.parametrize("length", [0, 1, 7, 2**31, 2**63 - 1, 2**63, 2**64 - 1])
def test_lengths_of_the_header_that_lie_are_refused(case, traced, length):
    raw, path, read = case
    header, buffer = split(raw)
    refused(signed(header, buffer, length), path, read, "header is said to have|JSON is not valid")


def test_buffers_of_other_sizes_are_refused(case, traced):
    raw, path, read = case
    header, buffer = split(raw)
    for other in (buffer[:-1], buffer + b"\0", b"", buffer * 2):
        refused(signed(header, other), path, read, "is no consistent sklstm file: one array ends")


def test_headers_that_are_no_json_are_refused(case, traced):
    raw, path, read = case
    n = int.from_bytes(raw[:8], "little")
    text, buffer = raw[8 : 8 + n].rstrip(), raw[8 + n :]
    assert signed(text, buffer) != raw and same(text, text.strip())
    for other in (
        text[:-1],
        text + b"x",
        text[:-1] + b',"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        text[:-1] + b',"a":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
        text[:-1] + b',"a":NaN}',
        text[:-1] + b',"a":-Infinity}',
        text[:-1] + b',"a":1e999}',
        text[:-1] + b',"a":' + b"9" * 100_000 + b"}",
        text[:-1] + b',"__metadata__":{}}',
        text[:-1] + b',"a":1,"a":1}',
        text[:-1] + b',"\xff":1}',
        text[:-1].replace(b'"format":', b'"format":"x","format":') + b"}",
        b"[" + text + b"]",
    ):
        refused(signed(other, buffer), path, read)


TREES_OF_LIES = {
    "deep lists": "[" * 100_000 + "]" * 100_000,
    "lists of 100": "[" * 100 + "]" * 100,
    "deep dicts": '{"dict":{"a":' * 5000 + "1" + "}}" * 5000,
    "unknown tag": {"pickle": "gAM="},
    "two tags": {"tuple": [], "dict": {}},
    "no tag": {},
    "tuple of text": {"tuple": "ab"},
    "dict of list": {"dict": []},
    "items of text": {"items": ["ab"]},
    "items of three": {"items": [[1, 2, 3]]},
    "unhashable key": {"items": [[[], 1]]},
    "array as key": {"items": [[{"objects": [[0], []]}, 1]]},
    "key twice": {"items": [[1, 1], [True, 1]]},
    "JSON key twice": '{"dict":{"a":1,"a":2}}',
    "NaN": "NaN",
    "Infinity": '[{"tuple":[Infinity]}]',
    "1e999": "[1e999]",
    "huge int": "9" * 1_000_000,
    "hexadecimal int of nothing": {"int": "0x"},
    "int of text": {"int": "0b1"},
    "int of letters": {"int": "0x_1"},
    "short float": {"float": "7ff8"},
    "float of a float": {"float": 1.0},
    "bytes of odd digits": {"bytes": "abc"},
    "bytes of letters": {"bytes": "zz"},
    "str of no UTF-8": {"str": "ff"},
    "scalar of objects": {"scalar": ["O", "00"]},
    "scalar of fields": {"scalar": ["i4,i4", "0000000000000000"]},
    "scalar of a long text": {"scalar": ["U1000000000", ""]},
    "scalar too short": {"scalar": ["f8", "00"]},
    "scalar that is no bool": {"scalar": ["b1", "02"]},
    "scalar of nothing": {"scalar": []},
    "scalar of numbers": {"scalar": [1, 2]},
    "time of an unknown unit": {"scalar": ["M8[fortnight]", "00" * 8]},
    "time of 0 seconds": {"scalar": ["M8[0s]", "00" * 8]},
    "array that is not there": {"array": ["nothing", "f8"]},
    "array of no dtype": {"array": ["nothing"]},
    "array of a list": {"array": [[], "f8"]},
    "objects of a wrong number": {"objects": [[3], [1, 2]]},
    "objects without end": {"objects": [[2**62], []]},
    "objects 2**62 x 0": {"objects": [[2**62, 0, 4], []]},
    "objects 10**19 x 0": {"objects": [[10**19, 0], []]},
    "objects of many axes": {"objects": [[1] * 100, [1]]},
    "objects of -1": {"objects": [[-1, -1], [1]]},
    "objects of true": {"objects": [[True], [1]]},
    "generator of nothing": {"generator": []},
    "generator of no state": {"generator": [1, None]},
    "generator by another name": {"generator": [{"dict": {"bit_generator": "os.system"}}, None]},
    "generator of a list": {"generator": [{"dict": {"bit_generator": []}}, None]},
    "generator without state": {"generator": [{"dict": {"bit_generator": "PCG64"}}, None]},
    "seed of nothing": {"generator": [{"dict": {"bit_generator": "PCG64"}}, {"dict": {}}]},
    "seed with a huge pool": {
        "generator": [{"dict": {"bit_generator": "PCG64"}}, {"dict": {"entropy": 1, "spawn_key": [], "pool_size": 2**31 - 1}}]
    },
    "random state of a list": {"random_state": []},
    "random state of a dict": {"random_state": {"dict": {"bit_generator": "MT19937"}}},
}


@pytest.mark.parametrize("name", TREES_OF_LIES)
def test_trees_that_lie_are_refused(case, traced, name):
    raw, path, read = case
    header, _ = split(raw)
    bare = signed({"__metadata__": header["__metadata__"]}, b"")  # no arrays, which would have to be in the tree
    refused(with_tree(bare, TREES_OF_LIES[name]), path, read, "is no consistent sklstm file")


def test_arrays_must_be_in_the_tree_once_and_of_their_dtype(tmp_path, traced):
    def read(path):
        return read_archive(path, "checkpoint")

    path = written(tmp_path, {"a": np.zeros(1000), "b": np.array(["abc"]), "c": np.array([True]), "d": np.array([1j])})
    raw = path.read_bytes()
    names = {"a": "f8", "b": "U3", "c": "b1", "d": "c16"}
    nodes = {name: {"array": [name, dtype]} for name, dtype in names.items()}
    path.write_bytes(with_tree(raw, {"dict": nodes}))
    assert read(path)["d"] == 1j
    refused(with_tree(raw, {"dict": nodes | {"e": nodes["a"]}}), path, read, "the array 'a' twice")
    refused(with_tree(raw, [nodes["a"]] * 1000), path, read, "the array 'a' twice")
    refused(with_tree(raw, {"dict": {"a": nodes["a"]}}), path, read, "3 of its 4 arrays are not part of the tree, such as 'b'")
    others = {"a": "f4 M8[s] c16 i8 O V8 f16", "b": "U2 U4 S12 U0 f4", "c": "u1 i1", "d": "c8 f4"}
    for name, dtypes in others.items():
        for dtype in dtypes.split():
            changed = nodes | {name: {"array": [name, dtype]}}
            refused(with_tree(raw, {"dict": changed}), path, read, "no dtype|is to be of")


def test_values_that_a_dtype_does_not_have_are_refused(tmp_path, traced):
    for array, buffer in ((np.array([True]), b"\x02"), (np.array(["a"]), (0x110000).to_bytes(4, "little"))):
        path = written(tmp_path, [array])
        header, _ = split(path.read_bytes())
        refused(signed(header, buffer), path, lambda path: read_archive(path, "checkpoint"), "values that .* does not have")


@pytest.mark.parametrize(
    ("bit_generator", "key", "value"),
    [
        (np.random.MT19937, "pos", 625),
        (np.random.MT19937, "pos", -1),
        (np.random.MT19937, "key", np.zeros(10, np.uint32)),
        (np.random.MT19937, "key", np.zeros(624)),
        (np.random.Philox, "buffer_pos", -1),
        (np.random.Philox, "buffer_pos", 5),
        (np.random.Philox, "counter", np.zeros(3, np.uint64)),
        (np.random.PCG64, "inc", 2**128),
        (np.random.PCG64, "inc", "1"),
        (np.random.PCG64, "has_uint32", 2),
        (np.random.PCG64, "uinteger", 2**32),
        (np.random.PCG64, "uinteger", True),
        (np.random.SFC64, "extra", 1),
    ],
)
def test_states_of_generators_that_lie_are_refused(tmp_path, traced, bit_generator, key, value):
    # NumPy itself takes some of these, and then reads from where there is no memory.
    class Lying:
        state = bit_generator(0).state

    inner = Lying.state["state"] if key in Lying.state["state"] else Lying.state
    inner[key] = value
    seed = bit_generator(0).seed_seq.state
    path = written(tmp_path, [Lying.state, seed])
    header, buffer = split(path.read_bytes())
    header["__metadata__"]["tree"] = json.dumps({"generator": json.loads(header["__metadata__"]["tree"])})
    refused(signed(header, buffer), path, lambda path: read_archive(path, "checkpoint"), "is no consistent sklstm file")


UNITS = "[] {} 0 1.5 {'tuple':[]} {'bytes':''} {'objects':[[0],[]]} {'scalar':['b1','00']} 'Ā'".replace("'", '"').split()


@pytest.mark.parametrize("unit", UNITS)
def test_memory_is_bounded_by_the_size_of_the_file(tmp_path, traced, unit):
    # The last entry is a fault, so that all before it has been read. What JSON makes of such takes some tens of times its text.
    path = written(tmp_path, None)
    raw = with_tree(path.read_bytes(), "[" + f"{unit}," * (500_000 // len(unit)) + '{"no":1}]')
    refused(raw, path, lambda path: read_archive(path, "checkpoint"), factor=60)


def test_the_other_kind_is_refused(tmp_path):
    path = written(tmp_path, [1], "checkpoint")
    with pytest.raises(ValueError, match=r"file.sklstm is a checkpoint, .*; expected a model, which sklstm\.persist"):
        read_archive(path, "model")


# ---- other versions ----


def of_version(raw, format_version):
    header, buffer = split(raw)
    header["__metadata__"]["format_version"] = str(format_version)
    return signed(header, buffer)


def test_newer_files_are_refused(tmp_path):
    path = written(tmp_path, [1])
    newer = archive.FORMAT_VERSION + 1
    # Whatever a newer tree is written like.
    path.write_bytes(with_tree(of_version(path.read_bytes(), newer), {"quaternion": [1, 2, 3, 4]}))
    with pytest.raises(ValueError, match=rf"by a newer sklstm \(format {newer}\).* reads up to {newer - 1}: upgrade sklstm"):
        read_archive(path, "checkpoint")


def test_older_files_are_upgraded_version_by_version(tmp_path, monkeypatch):
    path = written(tmp_path, {"weights": np.arange(3.0)})
    path.write_bytes(of_version(path.read_bytes(), 0))
    with pytest.raises(ValueError, match=r"has the format 0, which sklstm .* no longer reads \(it reads 1 to 1\)"):
        read_archive(path, "checkpoint")

    def renamed(tree, kind):
        assert kind == "checkpoint"
        return {"theta": tree["weights"]}

    def counted(tree, kind):
        return tree | {"n_epochs": 0}

    monkeypatch.setattr(archive, "FORMAT_VERSION", 2)
    monkeypatch.setattr(archive, "UPGRADES", {0: renamed, 1: counted})
    assert same(read_archive(path, "checkpoint"), {"theta": np.arange(3.0), "n_epochs": 0})
    assert read_archive(written(tmp_path, {"theta": 1}), "checkpoint") == {"theta": 1}
    path = written(tmp_path, {"theta": 1})
    path.write_bytes(of_version(path.read_bytes(), 1))
    assert read_archive(path, "checkpoint") == {"theta": 1, "n_epochs": 0}
    # An older version that is none of sklstm's.
    path.write_bytes(of_version(path.read_bytes(), 0))
    with pytest.raises(ValueError, match=r"what it holds is not of format 0 \(KeyError: 'weights'\)"):
        read_archive(path, "checkpoint")


# ---- files and their headers ----


@pytest.mark.parametrize("size", [1 << 32, 1 << 40])
@pytest.mark.parametrize("start", ["a file", "the start of a file", "zeros", "a long header"])
def test_sparse_files_are_refused_before_they_are_read(case, traced, size, start, monkeypatch):
    raw, path, read = case
    contents = {
        "a file": raw,
        "the start of a file": raw[: archive.DIGEST.stop],
        "zeros": b"",
        "a long header": (1 << 26).to_bytes(8, "little") + raw[8:],
    }
    n_hashed = [0]

    class Counting:
        def __init__(self, data=b""):
            n_hashed[0] += len(data)

        def update(self, data):
            n_hashed[0] += len(data)

    monkeypatch.setattr(archive.hashlib, "sha256", Counting)
    path.write_bytes(contents[start])
    with open(path, "r+b") as file:
        try:
            file.truncate(size)
        except OSError:
            pytest.skip("no files of that size here")
    with pytest.raises(ValueError, match=f"no sklstm file|is damaged: it has {size} bytes, but its header describes"):
        read(path)
    assert n_hashed[0] == 0
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


@pytest.mark.parametrize("n_bytes", [0, 5, 100, 1000, -1])
def test_open_files_that_end_early(n_bytes, tmp_path):
    raw = written(tmp_path, TREE_WITH_ARRAYS).read_bytes()
    with pytest.raises(ValueError, match=r"^The file is (damaged|no sklstm file)"):
        read_archive(io.BytesIO(raw[:n_bytes]), "checkpoint")
    lying = bytearray(raw)
    lying[:8] = (2**62).to_bytes(8, "little")
    with pytest.raises(ValueError, match=r"^The file is damaged"):
        read_archive(io.BytesIO(bytes(lying)), "checkpoint")


def test_files_in_text_mode_are_refused_in_words(tmp_path):
    with pytest.raises(TypeError, match=r"text mode.*'wb'"):
        write_archive(io.StringIO(), [1], "model")
    with open(tmp_path / "text", "w") as file, pytest.raises(TypeError, match=r"text mode.*'wb'"):
        write_archive(file, [1], "model")
    (tmp_path / "text").write_text("a text")
    with open(tmp_path / "text") as file, pytest.raises(TypeError, match=r"text mode.*'rb'"):
        read_archive(file, "model")
