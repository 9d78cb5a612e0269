"""Files by path or as objects: found, opened and replaced without losing one that is there."""

import contextlib
import errno
import os
import secrets
import stat

CHUNK = 1 << 20  # bytes that are read at a time
PAGE = bytes(4096)  # what a probe writes: an empty file fits on a disk that is full

# First bytes of files that others write -> what they are.
OTHER_FILES = {
    b"PK\x03\x04": "another zip file (such as NumPy's .npz, PyTorch's .pt, skops)",
    b"\x1f\x8b": "a gzip file",
    b"\x80": "a pickle (such as joblib.dump writes)",
    b"\x93NUMPY": "a NumPy array (.npy)",
    b"\x89HDF": "an HDF5 file",
    b"x": "a compressed pickle (such as joblib.dump writes)",
}


def is_file_object(path, method):
    """Whether what was passed is an open file, which has that method, and no path."""
    return hasattr(path, method) and not isinstance(path, (str, bytes, os.PathLike))


def name_of(path):
    """The name of a path or a file, for messages."""
    name = getattr(path, "name", None) if is_file_object(path, "read") else path
    return os.fsdecode(name) if isinstance(name, (str, bytes, os.PathLike)) else "The file"


def kind_of_file(start):
    """What kind of file begins with some bytes, for messages."""
    kind = next((name for magic, name in OTHER_FILES.items() if start.startswith(magic)), None)
    return kind or (f"a file that begins with {start[:16]!r}" if start else "an empty file")


def expanded(path):
    """A path as a str, with a leading ``~`` replaced by the home directory.

    Raises
    ------
    TypeError, ValueError
        If it is no path, or one that no file can have.
    """
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise TypeError(f"Expected a str, a path-like object or a binary file, got {type(path).__name__}.")
    name = os.fsdecode(path)
    if not name or "\0" in name:
        raise ValueError(f"The path {name!r} {'contains a null character' if name else 'is empty'}. Pass the path of a file.")
    return os.path.expanduser(name)


@contextlib.contextmanager
def _naming(path):
    """Context whose OSErrors name the path that the user gave, and no temporary one."""
    try:
        yield
    except OSError as error:
        if error.errno is not None:
            error.filename, error.filename2 = os.fsdecode(path), None
        raise


def _refuse_irregular(status):
    """A device, FIFO or socket can neither be replaced nor read as a file."""
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "Expected the path of a file, got a directory")
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "Expected a regular file, got a device, FIFO or socket")


def open_regular(path):
    """The file at a path, open for reading in binary mode. It never blocks."""
    with _naming(path):
        name = expanded(path)
        _refuse_irregular(os.stat(name))
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
        file = open(os.open(name, flags), "rb")
        try:
            _refuse_irregular(os.fstat(file.fileno()))  # it may be another one by now
        except BaseException:
            file.close()
            raise
        return file


def _target(path):
    """The file that a path leads to, and its status; None if there is none yet."""
    name = expanded(path)
    if name.endswith((os.sep, os.altsep or os.sep)):
        raise IsADirectoryError(errno.EISDIR, "Expected the path of a file, got that of a directory")
    target = os.path.realpath(name)
    try:
        status = os.stat(target)
    except FileNotFoundError:
        return target, None
    _refuse_irregular(status)
    return target, status


def check_replaceable(path):
    """Raise an OSError unless `replacing` can write a file there, by writing one beside it and removing it again."""
    with _naming(path):
        temporary, descriptor = _open_beside(*_target(path))
        try:
            with open(descriptor, "wb") as file:
                file.write(PAGE)
        finally:
            _remove(temporary)


@contextlib.contextmanager
def replacing(path):
    """A new file beside the target, which takes its place when all is written and is removed if anything fails.

    It has the permissions and, where the system allows it, the owner of the file that it replaces.
    """
    with _naming(path):
        target, status = _target(path)
        temporary, descriptor = _open_beside(target, status)
        try:
            with open(descriptor, "wb", CHUNK) as file:  # small pieces are written at once
                if status is not None:
                    _make_like(file.fileno(), status)
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            _remove(temporary)
            raise
        _sync_folder(os.path.dirname(target))


def _open_beside(target, status):
    """Path and descriptor of a new file in the folder of another."""
    temporary = os.path.join(os.path.dirname(target), f".sklstm-{secrets.token_hex(8)}.tmp")
    # Not by tempfile, whose files nobody else may read. One that replaces another is private until it is like that one.
    mode = 0o666 if status is None else 0o600
    return temporary, os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)


def _make_like(descriptor, status):
    if not hasattr(os, "fchown"):
        return
    with contextlib.suppress(OSError):  # who is not root may not give files away
        os.fchown(descriptor, status.st_uid, status.st_gid)
    with contextlib.suppress(OSError):  # file systems without permissions
        os.fchmod(descriptor, stat.S_IMODE(status.st_mode))


def _remove(path):
    with contextlib.suppress(OSError):
        os.unlink(path)


def _sync_folder(folder):
    """Make the new name durable, where the system can: the file itself is."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


# ---- file objects ----


def write_all(file, pieces):
    """Write pieces of bytes to a binary file, one after the other; it need not be seekable."""
    try:
        file.write(b"")
    except TypeError as error:
        raise TypeError("The file was opened in text mode. Open it in binary mode, such as by open(path, 'wb').") from error
    for piece in pieces:
        view = memoryview(piece).cast("B")
        while view:
            n_written = file.write(view)
            view = view[len(view) if n_written is None else n_written :]  # a raw file may take a part


def copy_bytes(file, n_bytes, into):
    """Append the next bytes of a binary file, which need not be seekable, to another; fewer if it ends before."""
    while n_bytes > 0:
        piece = file.read(min(n_bytes, CHUNK))
        if isinstance(piece, str):
            raise TypeError("The file was opened in text mode. Open it in binary mode, such as by open(path, 'rb').")
        if not piece:
            return
        into.write(piece)
        n_bytes -= len(piece)
