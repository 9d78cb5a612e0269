"""The weights of a network, for the modules that run it."""
from ._inference cimport packed_direction
from ._product cimport operand


cdef struct layer_weights:
    int n_directions
    packed_direction *directions[2]     # forward and, with two, reverse
    const void *h0[2]                   # (N,) or NULL
    const void *c0[2]                   # (H,)
    const void *S[2]                    # (k, N) or NULL
    Py_ssize_t D, H, N, F               # width of the input, of c, of h and of the output
    bint sums                           # two directions are added, else side by side
    bint has_skip


cdef class Weights:
    cdef:
        layer_weights *layers
        int n_layers, dtype
        Py_ssize_t itemsize
        readonly Py_ssize_t input_size, F, n_features, K      # F of the last layer, n_features of the head
        operand op_V, op_A
        const void *b                   # (K,)
        readonly Py_ssize_t n_static    # k, width of static vectors; 0 for none
        const void *static_V            # (k, K)
        bint attends
        const void *A_b                 # (F,) each
        const void *v
        void *memory
        object kept                     # the arrays that it points into
