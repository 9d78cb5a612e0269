"""What looks like an array or a list of sequences and is none, and what to call to get one from it."""

from collections import UserList, deque
from collections.abc import Iterator, Mapping, MappingView, Set
from numbers import Integral
from typing import NamedTuple

from scipy.sparse import issparse


class Foreign(NamedTuple):
    """What something is, the name of its type, and the expression that makes an array or a list of it, with {} for its name."""

    family: str
    kind: str
    call: str

    def __str__(self):
        return f"{self.family} ({self.kind})"

    def advice(self, name):
        """The end of a message about an argument of that name."""
        return f"it is {self}. Pass {self.call.format(name)}."


def foreign(X):
    """What X is, as a `Foreign`; None where it may be read as it is.

    Nothing is computed to find out: attributes are looked up on the type, since on an object they may start a computation.
    """
    kind = type(X)
    return next((Foreign(family, kind.__name__, call(X)) for knows, family, call in FOREIGN_KINDS if knows(X, kind)), None)


def _is_lazy_graph(X, kind):
    """Whether X is a collection of dask, or of xarray over dask, that is no array which knows its shape before it is computed."""
    if not hasattr(kind, "__dask_graph__") or X.__dask_graph__() is None:
        return False
    return not (hasattr(kind, "__array__") and all(isinstance(n, Integral) for n in getattr(X, "shape", (None,))))


def _of_named_tuple(X):
    """A PackedSequence of torch unpacks; of another named tuple the fields are the sequences, if anything is."""
    return "[x.numpy() for x in torch.nn.utils.rnn.unpack_sequence({})]" if "batch_sizes" in X._fields else "list({})"


# How to know it, what it is, and the call.
FOREIGN_KINDS = (
    (lambda X, kind: issubclass(kind, tuple) and hasattr(kind, "_fields"), "a tuple of named fields", _of_named_tuple),
    (lambda X, kind: hasattr(kind, "levels") and hasattr(kind, "to_frame"), "an index", lambda X: "{}.to_frame().to_numpy()"),
    (lambda X, kind: issparse(X), "sparse", lambda X: "{}.toarray()"),
    (lambda X, kind: kind.__module__.startswith("sparse.") and hasattr(kind, "todense"), "sparse", lambda X: "{}.todense()"),
    (lambda X, kind: hasattr(kind, "toPandas"), "lazy", lambda X: "{}.toPandas()"),
    (lambda X, kind: hasattr(kind, "collect") and not hasattr(kind, "__array__"), "lazy", lambda X: "{}.collect()"),
    (_is_lazy_graph, "lazy", lambda X: "{}.compute()"),
    (lambda X, kind: hasattr(kind, "as_numpy_iterator"), "lazy", lambda X: "list({}.as_numpy_iterator())"),
    (lambda X, kind: issubclass(kind, Mapping), "a mapping", lambda X: "list({}.values())"),
    (lambda X, kind: issubclass(kind, Set), "a set, whose order is undefined", lambda X: "sorted({})"),
    (lambda X, kind: issubclass(kind, (deque, UserList)), "a deque or similar", lambda X: "list({})"),
    (lambda X, kind: issubclass(kind, (Iterator, MappingView)), "an iterator", lambda X: "list({})"),
)
