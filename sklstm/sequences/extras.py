"""Packages that are not required: what to say where one of them cannot be imported."""


def why_not(package, error, extra):
    """Why a package cannot be imported, and what to do: the end of a sentence that begins with its name.

    A package that is installed may fail to be imported: its own error says why, such as that it needs another NumPy.
    """
    if isinstance(error, ModuleNotFoundError) and error.name == package:
        return f"is not installed: pip install 'sklstm[{extra}]'"
    return f"is installed but cannot be imported ({error}). Repair it, such as by pip install --upgrade {package} numpy"
