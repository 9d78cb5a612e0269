/* Every loop for one dtype and instruction set; the cells once per activation of the candidate and the state. */
#include "vecmath_impl.h"
#include "sums_impl.h"
#include "pooling_impl.h"
#include "attention_impl.h"
#define AFN(name) FN(PASTE(name, tanh))
#define ACT(x) FN(vtanh)(x)
#define DACT(y) (1 - (y) * (y))
#include "cells_impl.h"
#define AFN(name) FN(PASTE(name, relu))
#define ACT(x) FN(vrelu)(x)
#define DACT(y) ((y) > 0 ? (REAL)1 : (REAL)0)
#include "cells_impl.h"
#include "optim_impl.h"
#ifdef VECTOR_BYTES
#include "gemm_impl.h"
#include "fused_impl.h"
#endif
