"""Converters of the estimators and of `PerStep` for the package skl2onnx, so that it converts pipelines with them."""

import contextlib
import importlib.abc
import importlib.util
import sys
import warnings

from ...estimators import LSTMClassifier, LSTMOutlierDetector, LSTMRegressor
from ...network import LOSSES
from ...preprocessing import PerStep
from .to_onnx import to_onnx

PACKAGE = "skl2onnx"
# Estimators -> outputs of `to_onnx` that are those of skl2onnx.
OUTPUTS = {
    LSTMClassifier: ("label", "probabilities"), LSTMRegressor: ("variable",), LSTMOutlierDetector: ("label", "scores"),
}  # fmt: skip
TO_STEPS, TO_SEQUENCES = "SklstmToSteps", "SklstmToSequences"  # operators on both sides of a transformer of steps


def register():
    """Register the converters with skl2onnx, which must be installed."""
    from skl2onnx import update_registered_converter
    from skl2onnx.common._registration import register_converter, register_shape_calculator

    options = {"zipmap": [True, False, "columns"], "output_class_labels": [False, True], "nocl": [False, True]}
    for kind in OUTPUTS:
        is_classifier = kind is LSTMClassifier
        own = {"parser": _parse_classifier, "options": options} if is_classifier else {}
        update_registered_converter(kind, f"Sklstm{kind.__name__}", _infer_outputs, _convert_estimator, **own)
    update_registered_converter(PerStep, "SklstmPerStep", _infer_per_step, _convert_per_step)
    for alias, infer, convert in (
        (TO_STEPS, _infer_steps, _convert_to_steps), (TO_SEQUENCES, _infer_sequences, _convert_to_sequences)
    ):  # fmt: skip
        register_shape_calculator(alias, infer, overwrite=True)
        register_converter(alias, convert, overwrite=True)


def register_when_imported():
    """Register now if skl2onnx has been imported, else as soon as it is: its import takes a second, and is left to its users."""
    if PACKAGE in sys.modules:
        register()
    elif not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder):
    """Lets the import of skl2onnx end with `register`. To look for skl2onnx without an import, or in vain, changes nothing."""

    is_searching = False

    def find_spec(self, name, path=None, target=None):
        if name != PACKAGE or self.is_searching:
            return None
        self.is_searching = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self.is_searching = False
        if spec is not None and spec.loader is not None:
            spec.loader = _RegisteringLoader(spec.loader, self)
        return spec


class _RegisteringLoader(importlib.abc.Loader):
    def __init__(self, loader, finder):
        self.loader, self.finder = loader, finder

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)
        with contextlib.suppress(ValueError):  # two specs may have been found before one was executed
            sys.meta_path.remove(self.finder)
        try:
            register()
        except Exception as error:  # of another version, whose import is to succeed all the same
            warnings.warn(
                f"The converters of sklstm could not be registered with {PACKAGE}: {error!r}. Use sklstm.export.to_onnx.",
                RuntimeWarning,
                stacklevel=2,
            )


# ---- estimators ----


def _parse_classifier(scope, model, inputs, custom_parsers=None):
    """Outputs of a classifier: with a dict of class to probability, unless that is turned off, or there are several labels."""
    from skl2onnx._parse import _parse_sklearn_classifier, _parse_sklearn_simple_model

    has_dicts = not (model._per_step or model._multilabel)
    parse = _parse_sklearn_classifier if has_dicts else _parse_sklearn_simple_model
    return parse(scope, model, inputs, custom_parsers=custom_parsers)


def _sizes(operator, per_step):
    """The first axes of outputs."""
    first = operator.inputs[0].get_first_dimension()
    return [first, None] if per_step else [first]


def _infer_outputs(operator):
    """Declare types and shapes of the outputs of an estimator."""
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
    from skl2onnx.common.utils_classifier import get_label_classes

    model = operator.raw_operator
    axes, of_numbers = _sizes(operator, getattr(model, "_per_step", False)), FloatTensorType
    if type(operator.inputs[0].type).__name__ == "DoubleTensorType":
        of_numbers = type(operator.inputs[0].type)
    if isinstance(model, LSTMRegressor):
        operator.outputs[0].type = of_numbers([*axes, None])
        return
    if isinstance(model, LSTMOutlierDetector):
        operator.outputs[0].type, operator.outputs[1].type = Int64TensorType(axes), of_numbers(axes)
        return
    classes = get_label_classes(operator.scope_inst, model)
    is_text = classes.dtype.kind in "OU"
    of_labels = [*axes, len(classes)] if model._multilabel else axes
    operator.outputs[0].type = (StringTensorType if is_text else Int64TensorType)(of_labels)
    n_columns = len(classes) + LOSSES[model._network_spec["loss"]].is_unaligned  # and blank
    operator.outputs[1].type = of_numbers([*axes, n_columns])


def _convert_estimator(scope, operator, container):
    """Add the graph of `to_onnx` to that of skl2onnx."""
    model = operator.raw_operator
    if scope.get_options(model, {"nocl": False}, fail=False).get("nocl"):
        raise ValueError("The option nocl is not available for estimators of sklstm, whose labels are those of fit.")
    proto = to_onnx(model, target_opset=container.target_opset, lengths=False)
    inputs = {value.name: value.type.tensor_type for value in proto.graph.input}
    others = inputs.keys() - {"X"}
    if others:
        raise ValueError(
            f"skl2onnx passes an array of numbers, X, to a {type(model).__name__}, but this one reads"
            f" {', '.join(sorted(others))}, too. Export it by sklstm.export.to_onnx, without the steps before it."
        )
    x, entry = inputs["X"], operator.inputs[0]
    tensor = entry.full_name
    if len(entry.type.shape) == 2:  # sequences that are flattened step by step
        tensor = _added(scope, container, "Reshape", tensor, _constant(scope, container, [0, -1, x.shape.dim[2].dim_value]))
    names = {"X": _added(scope, container, "Cast", tensor, to=x.elem_type)}
    outputs = {value.name: value for value in proto.graph.output}
    for name, variable in zip(OUTPUTS[type(model)], operator.outputs, strict=True):
        output = outputs[name]
        given, wanted = output.type.tensor_type.elem_type, variable.type.to_onnx_type().tensor_type.elem_type
        names[output.name] = scope.get_unique_variable_name(output.name)
        kind, to = ("Identity", {}) if given == wanted else ("Cast", {"to": wanted})
        _added(scope, container, kind, names[output.name], into=variable.full_name, **to)
    embed(proto, names, scope, container)


def _added(scope, container, kind, *inputs, into=None, **attributes):
    """The name of the output of a new node."""
    into = scope.get_unique_variable_name(kind.lower()) if into is None else into
    container.add_node(kind, list(inputs), [into], name=scope.get_unique_operator_name(kind), **attributes)
    return into


def _constant(scope, container, values):
    """The name of a constant of int64."""
    from onnx import TensorProto

    name = scope.get_unique_variable_name("constant")
    container.add_initializer(name, TensorProto.INT64, [len(values)], values)
    return name


# ---- a graph within another ----


def embed(proto, names, scope, container):
    """Add the nodes and constants of a model of ONNX to a container.

    Parameters
    ----------
    proto : ModelProto
    names : dict of str to str
        New names of its inputs and outputs; gets those of all other tensors.
    scope, container
        Of skl2onnx.
    """
    names[""] = ""  # an input that is left out
    for tensor in proto.graph.initializer:
        copy = type(tensor)()
        copy.CopyFrom(tensor)
        copy.name = names[tensor.name] = scope.get_unique_variable_name(tensor.name)
        container.initializers.append(copy)
    for node in proto.graph.node:
        container.check_white_black_list(node.op_type)
        container.nodes.append(_renamed(node, names, scope))
    container.node_domain_version_pair_sets |= {(opset.domain, opset.version) for opset in proto.opset_import}
    container.ensure_topological_order = lambda: sort_nodes(container)  # its own knows no inputs that are left out, nor bodies


def _renamed(node, names, scope):
    """A copy of a node with other names of tensors; `names` gets those of its outputs."""
    copy = type(node)()
    copy.CopyFrom(node)
    for name in node.output:
        if name not in names:
            names[name] = scope.get_unique_variable_name(name)
    copy.input[:], copy.output[:] = ([names[name] for name in part] for part in (node.input, node.output))
    copy.name = scope.get_unique_operator_name(node.name or node.op_type)
    for attribute in copy.attribute:
        if attribute.HasField("g"):
            _rename_body(attribute.g, dict(names), scope)
    return copy


def _rename_body(body, names, scope):
    """Rename the tensors of the body of a loop, which also reads tensors outside; `names` are those."""
    for value in (*body.input, *body.initializer):
        names[value.name] = scope.get_unique_variable_name(value.name)
    nodes = [_renamed(node, names, scope) for node in body.node]
    del body.node[:]
    body.node.extend(nodes)
    for value in (*body.input, *body.initializer, *body.output):
        value.name = names[value.name]


def sort_nodes(container):
    """Bring the nodes of a container into an order in which each follows those whose outputs it reads, itself or in a body."""
    known = {"", *(value.name for value in (*container.inputs, *container.initializers))}
    waiting, ordered = list(container.nodes), []
    while waiting:
        ready, later = [], []
        for node in waiting:  # in their order, as far as it will do
            is_ready = _read_by(node) <= known
            (ready if is_ready else later).append(node)
            known.update(node.output if is_ready else ())
        if not ready:
            raise RuntimeError(f"The graph has nodes that read tensors which no node makes: {[node.name for node in later]}.")
        ordered, waiting = ordered + ready, later
    container.nodes = ordered


def _read_by(node):
    """Names of the tensors outside that a node reads."""
    read = set(node.input)
    for attribute in node.attribute:
        if attribute.HasField("g"):
            body = attribute.g
            own = {value.name for value in (*body.input, *body.initializer)}
            own.update(name for inner in body.node for name in inner.output)
            read |= set().union(*(_read_by(inner) for inner in body.node), {value.name for value in body.output}) - own
    return read


# ---- transformers of steps ----


def _infer_per_step(operator):
    """Declare the shape of sequences of the same number of steps."""
    given, output = operator.inputs[0].type, operator.outputs[0]
    shape = [operator.inputs[0].get_first_dimension(), None]
    output.type = type(output.type)(shape if len(given.shape) == 2 else [*shape, None])


def _convert_per_step(scope, operator, container):
    """The transformer between steps of all sequences one after the other, and sequences."""
    from skl2onnx._parse import _parse_sklearn

    per_step, entry = operator.raw_operator, operator.inputs[0]
    to_steps = scope.declare_local_operator(TO_STEPS, per_step)
    to_steps.inputs = operator.inputs
    to_steps.outputs.append(scope.declare_local_variable("steps", type(entry.type)([None, _n_channels(per_step, entry)])))
    results = _parse_sklearn(scope, per_step.transformer_, list(to_steps.outputs))
    if len(results) > 1:
        joined = scope.declare_local_operator("SklearnConcat")
        joined.inputs = results
        joined.outputs.append(scope.declare_local_variable("joined", type(results[0].type)([None, None])))
        results = list(joined.outputs)
    to_sequences = scope.declare_local_operator(TO_SEQUENCES, per_step)
    to_sequences.inputs = [results[0], entry]
    result = scope.declare_local_variable("sequences", type(results[0].type)())
    to_sequences.outputs.append(result)
    output = operator.outputs[0]
    if type(output.type) is type(result.type):
        _added(scope, container, "Identity", result.full_name, into=output.full_name)
    else:
        to = output.type.to_onnx_type().tensor_type.elem_type
        _added(scope, container, "Cast", result.full_name, into=output.full_name, to=to)


def _n_channels(per_step, variable):
    return per_step.n_channels if len(variable.type.shape) == 2 else per_step.n_features_in_


def _infer_steps(operator):
    operator.outputs[0].type.shape = [None, _n_channels(operator.raw_operator, operator.inputs[0])]


def _convert_to_steps(scope, operator, container):
    """(N, T, d) or (N, T d) -> (N T, d)"""
    shape = _constant(scope, container, [-1, _n_channels(operator.raw_operator, operator.inputs[0])])
    _added(scope, container, "Reshape", operator.inputs[0].full_name, shape, into=operator.outputs[0].full_name)


def _infer_sequences(operator):
    steps, given = operator.inputs
    shape = [given.get_first_dimension(), None]
    width = steps.type.shape[1] if steps.type.shape and len(steps.type.shape) > 1 else None
    operator.outputs[0].type.shape = shape if len(given.type.shape) == 2 else [*shape, width]


def _convert_to_sequences(scope, operator, container):
    """(N T, k) -> (N, T, k) or (N, T k), with N and T of the second input."""
    steps, given = operator.inputs
    sizes = _added(scope, container, "Shape", given.full_name)
    first = _constant(scope, container, list(range(len(given.type.shape) - 1)))
    kept = _added(scope, container, "Gather", sizes, first, axis=0)
    shape = _added(scope, container, "Concat", kept, _constant(scope, container, [-1]), axis=0)
    _added(scope, container, "Reshape", steps.full_name, shape, into=operator.outputs[0].full_name)
