"""Public names as the paths that files of users hold."""


def publish(namespace):
    """Set ``__module__`` of what a public package defines and exports to the name of that package.

    Pickles, and the types that skops and MLflow ask to trust, then say ``sklstm.LSTMClassifier`` and hold after the file that
    defines a class has been moved or renamed. Files that name the defining modules are read as before. As in NumPy and pandas,
    `inspect.getsource` finds the source of methods and functions but no longer that of a whole class.

    Parameters
    ----------
    namespace : dict
        Globals of the package, at the end of its ``__init__.py``.
    """
    for name in namespace["__all__"]:
        item = namespace[name]
        if hasattr(item, "__module__"):
            item.__module__ = namespace["__name__"]
