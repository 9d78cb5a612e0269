"""Products of static features: one vector s for each sequence. They are small, and no row depends on the others."""
from ._real cimport real


cdef inline void add_static(
    Py_ssize_t n, Py_ssize_t k, Py_ssize_t H, const real *s, const real *S, real *out, Py_ssize_t ld,
) noexcept nogil:
    """out (n, H), row stride ld, += s S, with s (n, k) and S (k, H)"""
    cdef Py_ssize_t r, j, u
    cdef real s_rj
    for r in range(n):
        for j in range(k):
            s_rj = s[r * k + j]
            for u in range(H):
                out[r * ld + u] += s_rj * S[j * H + u]


cdef inline void add_static_gradients(
    Py_ssize_t n, Py_ssize_t k, Py_ssize_t H, const real *s, const real *S, const real *dout, real *dS, real *ds,
) noexcept nogil:
    """dS (k, H) += s' dout, ds (n, k) += dout S', with dout (n, H)"""
    cdef Py_ssize_t r, j, u
    cdef real s_rj, total
    for r in range(n):
        for j in range(k):
            s_rj, total = s[r * k + j], 0
            for u in range(H):
                dS[j * H + u] += s_rj * dout[r * H + u]
                total += dout[r * H + u] * S[j * H + u]
            ds[r * k + j] += total
