"""Public names as the paths in pickles and other files."""


def publish(namespace):
    """Set ``__module__`` of what a public package defines and exports to the name of that package.

    Pickles, and the types that skops and MLflow ask to trust, then contain ``sklstm.LSTMClassifier`` and remain valid after the
    file that defines a class has been moved or renamed. Pickles with the defining modules can still be read. As in NumPy and
    pandas, `inspect.getsource` finds the source of methods and functions, but not that of a whole class.

    Parameters
    ----------
    namespace : dict
        Globals of the package, at the end of its ``__init__.py``.
    """
    for name in namespace["__all__"]:
        item = namespace[name]
        if hasattr(item, "__module__"):
            item.__module__ = namespace["__name__"]
