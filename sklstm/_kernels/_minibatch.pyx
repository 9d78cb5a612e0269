"""The loss and the gradient of a minibatch in one call: packing, forward pass, loss, backward pass.

What is bound when:

    the data and the loss               when a `Minibatch` is made: once for each thread of a fit
    theta and the buffers               when a `BoundNetwork` is made: again where a minibatch does not fit into its buffers
    which sequences, and the gradient   for each minibatch

Python is called back only for the random numbers of networks that draw any, and for an interrupt between the passes of many rows and
between chunks. Else the GIL is not held from the first sequence that is packed to the last gradient.
"""
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.ref cimport PyObject
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from ._buffers cimport take_rows
from ._events cimport AGAIN, BEGIN, CHUNK, END, REMEMBER, draw, heed_signals
from ._given cimport pointer
from ._losses cimport LossFunction, scored
from ._pack cimport arrange_rows, gather_steps, is_layout, longest, pack_rows
from ._stages cimport Stage, batch, gradient_of

from ._pack import BEYOND, NOT_SEQUENCES


cdef class BoundNetwork(Stage):
    """Stages in their order: the methods of a stage are those of all of them.

    Parameters
    ----------
    theta : (n_params,) array
    steps, ends : list of Stage
        Those over chunks of steps, and those over what a pooling makes of all steps: called by `finish` and `backward_ends`.
        There are no ends where there are scores for every step.
    n_sequences, n_rows : int
        Batches have so many or fewer.
    values : (n_rows, n_channels) array
        Where minibatches are packed.
    scores, dscores : (n_rows, K) arrays, or (n_sequences, K) with `ends`
    statics : (n_sequences, n_static) array, default=None
        Where the static features of a minibatch are gathered.
    structure : (K + 2, K) array, default=None
        View of theta that a loss of whole sequences reads.
    """

    def __init__(
        self, theta, list steps, list ends, Py_ssize_t n_sequences, Py_ssize_t n_rows, values, scores, dscores, statics=None,
        structure=None,
    ):
        self.bind(theta)
        self.n_params = len(theta)
        self.n_sequences, self.n_rows, self.per_step = n_sequences, n_rows, not ends
        self.n_channels, self.n_scores = values.shape[1], scores.shape[1]
        self.values = self.hold(values, n_rows, self.n_channels, True)
        self.n_static = 0 if statics is None else statics.shape[1]
        self.statics = self.hold(statics, n_sequences, self.n_static, True)
        self.scores = self.hold(scores, n_sequences if ends else n_rows, self.n_scores, True)
        self.dscores = self.hold(dscores, n_sequences if ends else n_rows, self.n_scores, True)
        self.structure = self.hold(structure, self.n_scores + 2, self.n_scores)
        self.read_stages(steps, &self.steps, &self.n_steps)
        self.read_stages(ends, &self.ends, &self.n_ends)

    def __dealloc__(self):
        free(self.steps)
        free(self.ends)

    cdef int read_stages(self, list stages, PyObject ***into, int *n) except -1:
        cdef Stage stage
        cdef int k
        into[0] = <PyObject **> calloc(max(len(stages), 1), sizeof(PyObject *))
        if not into[0]:
            raise MemoryError
        for k, stage in enumerate(stages):
            if stage.dtype != self.dtype or stage.theta != self.theta:
                raise ValueError("The stages of a network are bound to one vector.")
            self.kept.append(stage)
            into[0][k] = <PyObject *> stage
        n[0] = len(stages)
        return 0

    cdef void begin(self, const batch *b) noexcept nogil:
        cdef int k
        for k in range(self.n_steps):
            (<Stage> self.steps[k]).begin(b)

    cdef int forward(self, const batch *b) except -1 nogil:
        cdef int k
        for k in range(self.n_steps):
            (<Stage> self.steps[k]).forward(b)
        return 0

    cdef int recompute(self, const batch *b) except -1 nogil:
        cdef int k
        for k in range(self.n_steps):
            (<Stage> self.steps[k]).recompute(b)
        return 0

    cdef void finish(self, const batch *b) noexcept nogil:
        cdef int k
        cdef batch ends = b[0]
        for k in range(self.n_steps):
            (<Stage> self.steps[k]).finish(b)
        ends.n_rows = b.n_all
        for k in range(self.n_ends):
            (<Stage> self.ends[k]).forward(&ends)

    cdef void backward_ends(self, const batch *b) noexcept nogil:
        cdef int k
        cdef batch ends = b[0]
        ends.n_rows = b.n_all
        for k in range(self.n_ends - 1, -1, -1):
            (<Stage> self.ends[k]).backward(&ends)

    cdef void backward(self, const batch *b) noexcept nogil:
        cdef int k
        for k in range(self.n_steps - 1, -1, -1):
            (<Stage> self.steps[k]).backward(b)

    cdef void carry(self, const batch *b) noexcept nogil:
        cdef int k
        for k in range(self.n_steps):
            (<Stage> self.steps[k]).carry(b)

    def run(self, starts, lengths, values, statics=None):
        """Run over a packed batch; scores are where they are written to.

        Parameters
        ----------
        starts : (n_steps + 1,) array of int
            Row at which each step begins.
        lengths : (n_sequences,) array of int
            Number of steps of each sequence, longest first.
        values : (>= n_rows, n_channels) array
        statics : (n_sequences, n_static) array, default=None
            In the order of the lengths.
        """
        cdef batch *b = &self.b
        self.read_batch(starts, lengths, values, statics)
        with nogil:
            self.begin(b)
            self.forward(b)
            self.finish(b)

    cdef int read_batch(self, starts, lengths, values, statics) except -1:
        """What `run` is given, checked, into `b`."""
        cdef batch *b = &self.b
        cdef Py_ssize_t n = len(lengths), n_steps = len(starts) - 1
        cdef const Py_ssize_t *begins = <const Py_ssize_t *> pointer(starts, 2, n_steps + 1, 0)
        if not (0 < n <= self.n_sequences and 0 < n_steps and 0 < begins[n_steps] <= min(self.n_rows, len(values))):
            raise ValueError(f"A batch has at most {self.n_sequences} sequences and {self.n_rows} rows, got {n} and {begins[n_steps]}.")
        if (statics is None) != (self.n_static == 0):
            raise ValueError(f"The network has {self.n_static} static features of each sequence.")
        memset(b, 0, sizeof(batch))
        b.statics = pointer(statics, self.dtype, n, self.n_static)
        b.lengths = <const Py_ssize_t *> pointer(lengths, 2, n, 0)
        b.values = pointer(values, self.dtype, len(values), self.n_channels)
        b.n_all = b.n_sequences = n
        b.n_steps, b.n_rows, b.starts = n_steps, begins[n_steps], begins
        self.held = starts, lengths, values, statics
        return 0

    def run_backward(self, grad, dvalues=None, dstatics=None):
        """Add to the gradients, after `run`, with the gradient of the scores where it is read from.

        Parameters
        ----------
        grad : (n_params,) array
        dvalues : (>= n_rows, n_channels) array, default=None
            Overwritten by the gradient with respect to the values.
        dstatics : (n_sequences, n_static) array, default=None
            Overwritten by that with respect to the static features.
        """
        cdef batch *b = &self.b
        if b.starts == NULL:
            raise ValueError("A backward pass comes after a forward pass.")
        b.gradients = <char *> pointer(grad, self.dtype, self.n_params, 0, True)
        b.dvalues = NULL if dvalues is None else pointer(dvalues, self.dtype, len(dvalues), self.n_channels, True)
        if dvalues is not None and len(dvalues) < b.n_rows:
            raise ValueError(f"The gradient of {b.n_rows} rows needs as many, got {len(dvalues)}.")
        b.dstatics = pointer(dstatics, self.dtype, b.n_all, self.n_static, True)
        with nogil:
            self.backward_ends(b)
            self.backward(b)
        b.dvalues = b.dstatics = b.gradients = NULL


cdef class Minibatch:
    """One minibatch after the other.

    Parameters
    ----------
    offsets : (n_samples + 1,) array of int
        Where each sequence begins, and the last one ends.
    values : (total_steps, n_channels) array
    shift, factor : (n_channels,) arrays
        A channel enters the network as ``(x - shift) * factor``.
    targets : (n, width) array, or None where there is no loss
        Of each sequence, or of each step. It, values, shift and factor have one dtype.
    weights : (n,) array of float64
    loss : LossFunction
    bptt_steps : int or None
        Gradients reach back over chunks of that many steps; None is all steps.
    statics : (n_samples, n_static) array, default=None
        Static features of each sequence.
    """

    def __init__(self, offsets, values, shift, factor, targets, weights, LossFunction loss, bptt_steps=None, statics=None):
        self.kept = [offsets, values, shift, factor, targets, weights, statics]
        self.loss = loss
        self.itemsize = values.dtype.itemsize
        self.dtype = 0 if self.itemsize == sizeof(float) else 1
        self.n_samples, self.total, self.n_channels = len(offsets) - 1, values.shape[0], values.shape[1]
        self.n_targets, self.width = (0, 0) if targets is None else targets.shape
        self.bptt_steps = bptt_steps or 0
        self.offsets = <const Py_ssize_t *> pointer(offsets, 2, self.n_samples + 1, 0)
        self.values = <const char *> pointer(values, self.dtype, self.total, self.n_channels)
        self.shift = <const char *> pointer(shift, self.dtype, self.n_channels, 0)
        self.factor = <const char *> pointer(factor, self.dtype, self.n_channels, 0)
        self.targets = <const char *> pointer(targets, self.dtype, self.n_targets, self.width)
        self.weights = <const double *> pointer(weights, 1, self.n_targets, 0)
        self.n_static = 0 if statics is None else statics.shape[1]
        self.statics = <const char *> pointer(statics, self.dtype, self.n_samples, self.n_static)

    def __dealloc__(self):
        PyMem_Free(self.order)
        PyMem_Free(self.own_weights)

    def arrange(self, const Py_ssize_t[:] rows):
        """Turn to the minibatch of the sequences `rows`; returns the rows of its largest chunk."""
        cdef Py_ssize_t n = rows.shape[0], step = rows.strides[0] // <Py_ssize_t> sizeof(Py_ssize_t), first, last
        cdef Py_ssize_t T = longest(self.offsets, self.n_samples, &rows[0], step, n) if n else -1
        if T < 0:
            raise ValueError(NOT_SEQUENCES)
        self.n = 0  # none, where there is no memory
        self.reserve(n, T)
        self.n, self.T = n, T
        arrange_rows(self.offsets, &rows[0], step, n, T, self.order, self.lengths, self.first_rows, self.starts, self.chunk_starts)
        self.most_rows, first = 0, 0
        while first < T:
            last = self.chunk_end(first)
            self.most_rows = max(self.most_rows, self.starts[last] - self.starts[first])
            first = last
        return self.most_rows

    cdef int reserve(self, Py_ssize_t n, Py_ssize_t T) except -1:
        """Memory for what a minibatch of n sequences of T steps has."""
        cdef Py_ssize_t needed = 3 * n + 2 * (T + 1)
        cdef void *memory
        if needed > self.capacity:
            memory = PyMem_Realloc(self.order, needed * sizeof(Py_ssize_t))
            if not memory:
                raise MemoryError
            self.order, self.capacity = <Py_ssize_t *> memory, needed
        self.lengths = self.order + n
        self.first_rows = self.lengths + n
        self.starts = self.first_rows + n
        self.chunk_starts = self.starts + T + 1
        return 0

    cdef int reserve_targets(self, Py_ssize_t n) except -1:
        """Memory for the targets and weights of n scores."""
        cdef Py_ssize_t needed = n * (sizeof(double) + self.width * self.itemsize)
        cdef void *memory
        if needed > self.target_capacity:
            memory = PyMem_Realloc(self.own_weights, needed)
            if not memory:
                raise MemoryError
            self.own_weights, self.target_capacity = <double *> memory, needed
        self.own_targets = <char *> (self.own_weights + n)
        return 0

    cdef Py_ssize_t chunk_end(self, Py_ssize_t first) noexcept nogil:
        """Where the chunk ends that begins at a step: chunks are counted back from the end."""
        if self.bptt_steps == 0 or self.bptt_steps >= self.T:
            return self.T
        return (self.T - 1) % self.bptt_steps + 1 if first == 0 else first + self.bptt_steps

    def gradient(self, BoundNetwork network, double total_weight, grad, draws=None):
        """Loss and gradient of the minibatch that `arrange` has turned to.

        Parameters
        ----------
        network : BoundNetwork
            With buffers for its sequences and the rows of its largest chunk.
        total_weight : float
            What the gradient of the sum of the weighted losses is divided by.
        grad : (n_params,) array
            Overwritten.
        draws : object, default=None
            For a network that draws random numbers: its methods ``begin(n_sequences)``, ``chunk(n_rows)`` and ``end(n_sequences)``
            are called before what they draw for is computed. Where chunks are computed twice, ``remember()`` is called before the
            first of them and ``again()`` before they are drawn for the second time.

        Returns
        -------
        float
            Sum of the weighted losses.
        """
        cdef batch b
        cdef double total
        self.begin_batch(network, &b, grad)
        self.check_loss(network)
        with nogil:
            if network.per_step:
                total = self.every_step(network, &b, total_weight, draws)
            else:
                total = self.whole_sequences(network, &b, total_weight, draws)
        return total

    cdef int begin_batch(self, BoundNetwork network, batch *b, grad) except -1:
        """b := what is the same for all chunks; raise where the minibatch is none for this network."""
        memset(b, 0, sizeof(batch))
        if not (0 < self.n <= network.n_sequences and self.most_rows <= network.n_rows):
            raise ValueError(f"A minibatch of {self.n} sequences and {self.most_rows} rows does not fit into the buffers.")
        if network.dtype != self.dtype or network.n_channels != self.n_channels or network.n_static != self.n_static:
            raise ValueError("The network is bound to another dtype or number of channels or static features than the data.")
        b.gradients = <char *> pointer(grad, network.dtype, network.n_params, 0, True)
        b.n_all, b.lengths, b.values, b.statics = self.n, self.lengths, network.values, network.statics
        take_rows(self.n, self.n_static * self.itemsize, self.order, self.statics, <char *> network.statics)
        return 0

    cdef int check_loss(self, BoundNetwork network) except -1:
        """Make room for the targets of the minibatch; raise where they are none of this network's scores."""
        if self.n_targets != (self.total if network.per_step else self.n_samples):
            raise ValueError(f"There must be targets of each {'step' if network.per_step else 'sequence'}, got {self.n_targets}.")
        self.loss.check(network.n_scores, network.structure, self.chunk_end(0) == self.T)
        self.reserve_targets(self.most_rows if network.per_step else self.n)
        return 0

    cdef double whole_sequences(self, BoundNetwork network, batch *b, double total_weight, draws) except? -1 nogil:
        """One loss per sequence: known after the last chunk, so that all but the only one are computed twice."""
        cdef Py_ssize_t first = 0
        cdef bint whole = self.chunk_end(0) == self.T
        cdef double total
        draw(draws, BEGIN, self.n)
        if not whole:
            draw(draws, REMEMBER, 0)
        network.begin(b)
        while first < self.T:
            first = self.pack_chunk(network, b, first)
            draw(draws, CHUNK, b.n_rows)
            network.forward(b)
            if not whole:
                network.carry(b)
        draw(draws, END, self.n)
        if b.n_rows > MANY_ROWS:
            heed_signals()
        network.finish(b)
        total = self.find_loss(network, b, total_weight)
        memset(b.gradients, 0, network.n_params * self.itemsize)  # late, to be in the cache
        network.backward_ends(b)
        if whole:
            network.backward(b)
            return total
        draw(draws, AGAIN, 0)
        first = 0
        while first < self.T:
            first = self.pack_chunk(network, b, first)
            draw(draws, CHUNK, b.n_rows)
            network.recompute(b)
            network.backward(b)
            network.carry(b)
        return total

    cdef double every_step(self, BoundNetwork network, batch *b, double total_weight, draws) except? -1 nogil:
        """One loss per step, chunk by chunk."""
        cdef Py_ssize_t first = 0
        cdef double total = 0
        memset(b.gradients, 0, network.n_params * self.itemsize)
        draw(draws, BEGIN, self.n)
        network.begin(b)
        while first < self.T:
            first = self.pack_chunk(network, b, first)
            draw(draws, CHUNK, b.n_rows)
            network.forward(b)
            total += self.find_loss(network, b, total_weight)
            network.backward(b)
            if b.n_continuing:
                network.carry(b)
        return total

    cdef Py_ssize_t pack_chunk(self, BoundNetwork network, batch *b, Py_ssize_t first) except -1 nogil:
        """b := the chunk that begins at a step, its rows packed; returns where the next one begins."""
        cdef Py_ssize_t last = self.chunk_end(first), t, n = self.starts[first + 1] - self.starts[first], d = self.n_channels
        cdef const char *values = self.values + first * d * self.itemsize
        if first:
            heed_signals()  # of long sequences there are many chunks
        for t in range(first, last + 1):
            self.chunk_starts[t - first] = self.starts[t] - self.starts[first]
        b.first, b.n_steps, b.n_rows = first, last - first, self.chunk_starts[last - first]
        b.n_sequences = n
        b.n_continuing = self.starts[last + 1] - self.starts[last] if last < self.T else 0
        b.starts = self.chunk_starts
        if not is_layout(b.starts, b.n_steps, self.first_rows, n, self.total - first, network.n_rows):
            with gil:
                raise ValueError(BEYOND)
        if self.dtype == 0:
            pack_rows(b.starts, b.n_steps, self.first_rows, d, <const float *> values, <const float *> self.shift,
                      <const float *> self.factor, <float *> network.values)
        else:
            pack_rows(b.starts, b.n_steps, self.first_rows, d, <const double *> values, <const double *> self.shift,
                      <const double *> self.factor, <double *> network.values)
        return last

    cdef void gather_targets(self, BoundNetwork network, const batch *b) noexcept nogil:
        """The targets and weights of the scores of a chunk, or of the sequences."""
        cdef Py_ssize_t n_bytes = self.width * self.itemsize
        if network.per_step:
            gather_steps(b.starts, b.n_steps, self.first_rows, n_bytes, self.targets + b.first * n_bytes, self.own_targets)
            gather_steps(b.starts, b.n_steps, self.first_rows, sizeof(double), <const char *> (self.weights + b.first),
                         <char *> self.own_weights)
            return
        take_rows(self.n, n_bytes, self.order, self.targets, self.own_targets)
        take_rows(self.n, sizeof(double), self.order, <const char *> self.weights, <char *> self.own_weights)

    cdef double find_loss(self, BoundNetwork network, const batch *b, double total_weight) except? -1 nogil:
        """The sum of the weighted losses of the scores that there are, whose gradient is overwritten."""
        cdef scored s
        self.gather_targets(network, b)
        s.n, s.K, s.width, s.dtype = b.n_rows if network.per_step else self.n, network.n_scores, self.width, self.dtype
        s.scores, s.targets, s.weights, s.dscores = network.scores, self.own_targets, self.own_weights, network.dscores
        s.total_weight = total_weight
        s.n_sequences, s.lengths, s.starts = b.n_all, b.lengths, b.starts
        s.structure, s.dstructure = network.structure, gradient_of(network, b, network.structure)
        return self.loss.evaluate(&s)
