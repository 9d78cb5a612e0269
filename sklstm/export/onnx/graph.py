"""`Graph`: a graph of ONNX, built node by node."""

import numpy as np

# Kinds of elements -> their NumPy types.
DTYPES = {"float": np.float32, "double": np.float64, "int64": np.int64, "int32": np.int32, "bool": np.bool_, "string": np.object_}
SHARED = 256  # bytes of a constant up to which equal ones are one
ML_DOMAIN, ML_OPSET = "ai.onnx.ml", 2
IR_VERSION = 8  # of files that every runtime in use reads
MOST_BYTES = 2_000_000_000  # of a file in the format of protobuf

# Opset from which on the axes of these are an input, no attribute.
AXES_ARE_INPUT = {"ReduceSum": 13, "Squeeze": 13, "Unsqueeze": 13}
AXES_ARE_INPUT |= dict.fromkeys(["ReduceLogSumExp", "ReduceMax", "ReduceMin"], 18)


def element_type(kind):
    """The number by which ONNX knows a kind of `DTYPES`."""
    from onnx import TensorProto

    return getattr(TensorProto, kind.upper())


class Graph:
    """Nodes of a graph, and the inputs, outputs and constants of a model.

    Tensors are named by str. Where an operator takes a tensor it may be given as a constant, too: an array as it is, a float as
    float32, and an int or a list of int as int64.

    Parameters
    ----------
    opset : int
        Of the operators.
    outer : Graph, default=None
        Graph that contains this one, the body of a loop, which may read its tensors; it has the constants of both.
    """

    def __init__(self, opset, outer=None):
        self.opset, self.outer = opset, outer
        self.nodes, self.inputs, self.outputs = [], [], []
        self.root = self if outer is None else outer.root
        if outer is None:
            self.initializers, self.n_names, self.uses_ml, self._known = [], 0, False, {}

    # ---- tensors ----

    def name(self, like=""):
        """A new name, which begins with an underscore. Names are short, as there are many."""
        self.root.n_names += 1
        return f"_{like}{self.root.n_names}"

    def input(self, name, kind, shape, doc=""):
        """Declare an input; its shape has ints, names of sizes that are free, or is None."""
        self.inputs.append(_value_info(name, kind, shape, doc))
        return name

    def output(self, tensor, name, kind, shape, doc=""):
        """Declare a tensor an output of that name."""
        self.add("Identity", tensor, into=name)
        self.outputs.append(_value_info(name, kind, shape, doc))

    def constant(self, value):
        """The name of a constant."""
        from onnx import numpy_helper

        if type(value) is float:
            value = np.float32(value)
        array = np.ascontiguousarray(value) if np.ndim(value) else np.asarray(value)
        key = None
        if array.dtype.kind not in "OU" and array.nbytes <= SHARED:
            key = array.dtype.str, array.shape, array.tobytes()
        known = self.root._known
        if key in known:
            return known[key]
        name = self.name()
        self.root.initializers.append(numpy_helper.from_array(array, name))
        if key is not None:
            known[key] = name
        return name

    # ---- nodes ----

    def add(self, operator, *inputs, n_outputs=1, into=None, domain="", **attributes):
        """Add a node.

        Parameters
        ----------
        operator : str
        *inputs : str or constant
            "" for one that is left out.
        n_outputs : int, default=1
        into : str or list of str, default=None
            Names of the outputs, "" for one that is not wanted; None makes new ones.
        domain : str, default=""
        **attributes

        Returns
        -------
        str or list of str
            Name of the output, or of several.
        """
        from onnx import helper

        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        while names and not names[-1]:
            names.pop()
        outputs = [into] if isinstance(into, str) else into
        if outputs is None:
            outputs = [self.name() for _ in range(n_outputs)]
        self.root.uses_ml |= domain == ML_DOMAIN
        self.nodes.append(helper.make_node(operator, names, outputs, domain=domain, **attributes))
        return outputs[0] if len(outputs) == 1 else outputs

    def over(self, operator, tensor, axes, **attributes):
        """Add a node of an operator along axes, which are an input or an attribute, as the opset wants it."""
        axes = [axes] if isinstance(axes, int) else list(axes)
        if self.opset >= AXES_ARE_INPUT[operator]:
            return self.add(operator, tensor, axes, **attributes)
        return self.add(operator, tensor, axes=axes, **attributes)

    def reduced(self, operator, tensor, axis, keepdims=False):
        """`over`, for the operators that reduce."""
        return self.over(operator, tensor, axis, keepdims=int(keepdims))

    def cast(self, tensor, kind):
        return self.add("Cast", tensor, to=element_type(kind))

    def concat(self, tensors, axis=-1):
        return tensors[0] if len(tensors) == 1 else self.add("Concat", *tensors, axis=axis)

    def columns(self, tensor, chosen, n):
        """Those of the n columns along the last axis, in that order."""
        chosen = [int(k) for k in chosen]
        return tensor if chosen == list(range(n)) else self.add("Gather", tensor, chosen, axis=-1)

    def transposed(self, tensor, order):
        return self.add("Transpose", tensor, perm=list(order))

    def scan(self, step, states, items, results, reverse=False):
        """Add a loop over the first axis of some tensors.

        Parameters
        ----------
        step : callable
            ``(body, *states, *items) -> list of str``: from the states and the entries of the items to the next states and the
            entries of the results. The body is a `Graph`.
        states, items : list of tuple of str
            Tensors, of the states the first ones, with their kinds.
        results : list of tuple (str, int)
            Kinds of the results, and widths of their entries (n_sequences, width).
        reverse : bool, default=False
            Whether it begins with the last entry.

        Returns
        -------
        list of str
            The last states, and the results with all entries.
        """
        body = Graph(self.opset, self)
        given = [body.input(body.name(), kind, None) for _, kind in [*states, *items]]
        types = [(kind, None) for _, kind in states] + [(kind, [None, width]) for kind, width in results]
        attributes = {"body": body._as_body(step(body, *given), types), "num_scan_inputs": len(items)}
        if reverse:
            attributes["scan_input_directions"] = [1] * len(items)
        if reverse and results:
            attributes["scan_output_directions"] = [1] * len(results)
        tensors = [tensor for tensor, _ in [*states, *items]]
        return self._added_loop("Scan", tensors, len(types), attributes)

    def loop(self, step, most, states, results):
        """Add a loop that ends when its body says so.

        Parameters
        ----------
        step : callable
            ``(body, t, *states) -> list of str``: from the number of the step and the states to whether the loop continues, a
            bool of shape (), the next states and the entries of the results.
        most : int
            Steps at most.
        states, results
            As of `scan`.

        Returns
        -------
        list of str
            The last states, and the results with all entries.
        """
        body = Graph(self.opset, self)
        t, _ = body.input(body.name(), "int64", []), body.input(body.name(), "bool", [])
        given = [body.input(body.name(), kind, None) for _, kind in states]
        types = [(kind, None) for _, kind in states] + [(kind, [None, width]) for kind, width in results]
        attributes = {"body": body._as_body(step(body, t, *given), [("bool", []), *types])}
        return self._added_loop("Loop", [self.constant(most), "", *(tensor for tensor, _ in states)], len(types), attributes)

    def _as_body(self, made, types):
        """This graph as the body of a loop, with those outputs, of kinds and shapes."""
        from onnx import helper

        own = {name for node in self.nodes for name in node.output}
        for k, (tensor, (kind, shape)) in enumerate(zip(made, types, strict=True)):
            if tensor in own and tensor not in made[:k]:
                self.outputs.append(_value_info(tensor, kind, shape, ""))
            else:
                self.output(tensor, self.name(), kind, shape)
        return helper.make_graph(self.nodes, "step", self.inputs, self.outputs)

    def _added_loop(self, operator, tensors, n_outputs, attributes):
        added = self.add(operator, *tensors, n_outputs=n_outputs, **attributes)
        return [added] if isinstance(added, str) else added

    # ---- the model ----

    def to_model(self, name, doc, metadata):
        """The ModelProto of that name and documentation, with metadata, a dict of str to str."""
        from onnx import helper

        opsets = [helper.make_opsetid("", self.opset)]
        if self.uses_ml:
            opsets.append(helper.make_opsetid(ML_DOMAIN, ML_OPSET))
        graph = helper.make_graph(self.nodes, name, self.inputs, self.outputs, self.initializers)
        version = max(IR_VERSION, helper.find_min_ir_version_for(opsets))
        model = helper.make_model(graph, opset_imports=opsets, ir_version=version, producer_name="sklstm", doc_string=doc)
        helper.set_model_props(model, metadata)
        return model


def _value_info(name, kind, shape, doc):
    from onnx import helper

    return helper.make_tensor_value_info(name, element_type(kind), shape, doc)
