"""The weights of a network, packed once for any number of engines that run it, in any number of threads."""
from libc.stdint cimport uintptr_t
from libc.stdlib cimport calloc, free, malloc

from ._buffers cimport ALIGNMENT, round_up
from ._given cimport pointer
from ._inference cimport Direction, packed_direction
from ._product cimport make_operand, packed_size


cdef class Weights:
    """What engines read; it does not change.

    Parameters
    ----------
    layers : list of tuple (directions, states, sums, has_skip)
        Of each layer: one Direction, or forward and reverse; for each ``(h0, c0, S)``, arrays (N,) and (H,) or None for zeros, and
        (k, N) or None without static features; whether two are added, else they are side by side; whether the layer is residual, its
        input being as wide as its output.
    V, b : (n_features, K) and (K,) arrays
        The head. It reads the outputs of the last layer, F wide, or those of several poolings side by side.
    attention : tuple of (F, F), (F,) and (F,) arrays, default=None
        A, b and v of `pooling.Attention`.
    static_V : (k, K) array, default=None
        Of static vectors, whose part is added to the scores.
    """

    def __cinit__(self, list layers, V, b, tuple attention=None, static_V=None):
        cdef Py_ssize_t k, width, size_V, size_A = 0
        cdef uintptr_t place
        cdef const void *first_V
        cdef const void *first_A = NULL
        if V.dtype.char not in "fd":
            raise TypeError(f"Weights are float32 or float64, got {V.dtype}.")
        self.itemsize = V.dtype.itemsize
        self.dtype = 0 if self.itemsize == sizeof(float) else 1
        self.n_features, self.K = V.shape
        first_V = pointer(V, self.dtype, self.n_features, self.K)
        self.b = pointer(b, self.dtype, self.K, 0)
        self.n_static = 0 if static_V is None else static_V.shape[0]
        self.static_V = pointer(static_V, self.dtype, self.n_static, self.K)
        self.kept = (layers, V, b, attention, static_V)
        self.n_layers = len(layers)
        self.layers = <layer_weights *> calloc(max(self.n_layers, 1), sizeof(layer_weights))
        if not self.layers:
            raise MemoryError
        for k in range(self.n_layers):
            read_layer(self, &self.layers[k], layers[k])
        self.input_size = self.layers[0].D
        width = self.input_size
        for k in range(self.n_layers):
            if self.layers[k].D != width:
                raise ValueError(f"Layer {k} reads {self.layers[k].D} channels, but gets {width}.")
            width = self.layers[k].F
        if self.n_layers == 0 or self.n_features < width or self.n_features % width or self.K < 1:
            raise ValueError(f"The head reads {self.n_features} features, but gets {width}.")
        self.F = width
        if attention is not None:
            self.attends = True
            first_A = pointer(attention[0], self.dtype, self.F, self.F)
            self.A_b = pointer(attention[1], self.dtype, self.F, 0)
            self.v = pointer(attention[2], self.dtype, self.F, 0)
            size_A = packed_size(self.F, self.F, self.dtype) * self.itemsize
        size_V = round_up(packed_size(self.n_features, self.K, self.dtype) * self.itemsize)
        self.memory = malloc(size_V + size_A + ALIGNMENT)
        if not self.memory:
            raise MemoryError
        place = round_up(<uintptr_t> self.memory)
        make_operand(&self.op_V, self.dtype, False, self.n_features, self.K, first_V, self.K, <void *> place)
        if self.attends:
            make_operand(&self.op_A, self.dtype, False, self.F, self.F, first_A, self.F, <void *> (place + size_V))

    def __dealloc__(self):
        free(self.layers)
        free(self.memory)


cdef inline bint is_alike(const packed_direction *one, const packed_direction *other) noexcept nogil:
    return one.layer.D == other.layer.D and one.layer.H == other.layer.H and one.N == other.N


cdef int read_layer(Weights w, layer_weights *layer, tuple parts) except -1:
    cdef Direction direction
    cdef int j
    directions, states, layer.sums, layer.has_skip = parts
    layer.n_directions = len(directions)
    if not 1 <= layer.n_directions <= 2 or len(states) != layer.n_directions:
        raise ValueError(f"A layer has one direction or two, got {layer.n_directions}.")
    for j in range(layer.n_directions):
        direction = directions[j]
        layer.directions[j] = &direction.packed
        layer.D, layer.H, layer.N = direction.packed.layer.D, direction.packed.layer.H, direction.packed.N
        layer.h0[j] = pointer(states[j][0], w.dtype, layer.N, 0)
        layer.c0[j] = pointer(states[j][1], w.dtype, layer.H, 0)
        layer.S[j] = pointer(states[j][2], w.dtype, w.n_static, layer.N)
        if (layer.S[j] == NULL) != (w.n_static == 0):
            raise ValueError("Static vectors need weights in each direction and in the head.")
        if direction.packed.dtype != w.dtype or not is_alike(&direction.packed, layer.directions[0]):
            raise ValueError("The directions of a layer must be alike, and of the dtype of the head.")
    layer.F = layer.N * (2 if layer.n_directions == 2 and not layer.sums else 1)
    if layer.has_skip and layer.D != layer.F:
        raise ValueError(f"A residual layer must be as wide as its input, got {layer.F} and {layer.D}.")
    return 0
