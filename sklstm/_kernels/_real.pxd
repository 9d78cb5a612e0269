"""The two dtypes that the kernels compute in. X decides which: float32 stays float32, everything else is float64."""

ctypedef fused real:
    float
    double
