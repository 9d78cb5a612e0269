"""The converters are registered when skl2onnx is imported, here a package of the same name that counts what it is given."""

import subprocess
import sys

PACKAGE = """
registered = []
def update_registered_converter(kind, *others, **options):
    registered.append(kind.__name__)
"""
REGISTRATION = "def register_converter(*given, **options): pass\nregister_shape_calculator = register_converter\n"
SHOW = "import skl2onnx; print('LSTMClassifier' in skl2onnx.registered, len(skl2onnx.registered))"
FIND = "import importlib.util; print(importlib.util.find_spec('skl2onnx').name, 'skl2onnx' in sys.modules)"
FINDERS = "print([type(finder).__name__ for finder in sys.meta_path if 'sklstm' in type(finder).__module__])"


def printed(folder, *lines, registration=REGISTRATION, package=PACKAGE):
    """Lines that a program prints which finds the package in a folder."""
    common = folder / "skl2onnx" / "common"
    common.mkdir(parents=True)
    for path, text in {common.parent: package, common: ""}.items():
        (path / "__init__.py").write_text(text)
    (common / "_registration.py").write_text(registration)
    code = "\n".join([f"import sys; sys.path.insert(0, {str(folder)!r})", *lines])
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), done.stderr


def test_looking_for_the_package_does_not_prevent_the_registration(tmp_path):
    lines, errors = printed(tmp_path, "import sklstm.export", FIND, FIND, SHOW, FINDERS)
    assert lines == ["skl2onnx False", "skl2onnx False", "True 4", "[]"] and not errors


def test_an_import_that_failed_is_repeated(tmp_path):
    attempt = "try:\n    import skl2onnx\nexcept ImportError as error:\n    print(error)"
    package = "import sys\nif not hasattr(sys, 'tried'):\n    sys.tried = True\n    raise ImportError('not yet')" + PACKAGE
    lines, _ = printed(tmp_path, "import sklstm.export", attempt, SHOW, package=package)
    assert lines == ["not yet", "True 4"]


def test_a_version_without_what_is_needed_can_be_imported(tmp_path):
    lines, errors = printed(tmp_path, "import sklstm.export; import skl2onnx; print('imported')", registration="")
    assert lines == ["imported"] and "could not be registered" in errors and "to_onnx" in errors
