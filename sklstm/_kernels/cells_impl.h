/* The elementwise bodies of the cells: what one time step does to a row around the matrix products.

   Included by simd_level.h once per dtype, instruction set and activation of the candidate and the state, which come as
   AFN() (a name for this combination), ACT(x) and DACT(y), the derivative at the point whose activation is y. Every pointer is
   a restrict parameter of a function of one row, without which GCC gives up vectorising (measured: 21 ns per unit
   against 2 ns).

   A family of cells has a file with its bodies and its entries of the table. To add a cell, write both there, and
   what Python has to know of it in network/cells.py. A new file also needs its #include and its place in CELLS, below.

   Everywhere: a_. = W x + R h_prev as the cell's products in its entry say; dh the gradient of h_t from the next step, dy from
   above; dz the gradient of a_. */

#define ROWS for (ptrdiff_t r = 0; r < step->rows; r++)
#define AT(field, ld) ((REAL *)step->field + r * (ld))

/* row(first, n, H, ...) over the units begin .. end - 1 of H: a cache line at a time, and what is left in halves. The compiler knows
   each n, and so makes of each a vector or a few and nothing else; a loop over H would end in up to 15 units one by one. */
#define LINE ((ptrdiff_t)(64 / sizeof(REAL)))
#define BY_VECTORS(begin, end, H, row, ...) do { \
    ptrdiff_t first = begin; \
    for (; first + LINE <= (end); first += LINE) \
        row(first, LINE, H, __VA_ARGS__); \
    if (first + LINE / 2 <= (end)) { \
        row(first, LINE / 2, H, __VA_ARGS__); \
        first += LINE / 2; \
    } \
    if (first + LINE / 4 <= (end)) { \
        row(first, LINE / 4, H, __VA_ARGS__); \
        first += LINE / 4; \
    } \
    for (; first < (end); first++) \
        row(first, 1, H, __VA_ARGS__); \
} while (0)
#define CELL_ROW static ALWAYS_INLINE
/* A function of the table: name_row for every row of a step and those of its units that are asked for. What is one line wide, or
   half, as a narrow layer and a group of units in fused_impl.h are, has all its addresses known: without it, finding them takes as
   long as the rest. What is wider has a function of its own, which saves more registers. */
#define CELL_FUNCTION(name, ...) \
    NEVER_INLINE static void AFN(name##_wide)(const cell_step *step) \
    { \
        const ptrdiff_t H = step->hidden, begin = step->first, end = step->last; \
        ROWS BY_VECTORS(begin, end, H, AFN(name##_row), __VA_ARGS__); \
    } \
    NARROW_OR_WIDE(name, __VA_ARGS__)
/* The same, with a loop of its own for all units. */
#define CELL_FUNCTION_OF_ALL(name, ...) \
    NEVER_INLINE static void AFN(name##_wide)(const cell_step *step) \
    { \
        const ptrdiff_t H = step->hidden, begin = step->first, end = step->last; \
        if (end - begin == H) \
            ROWS BY_VECTORS(0, H, H, AFN(name##_row), __VA_ARGS__); \
        else \
            ROWS BY_VECTORS(begin, end, H, AFN(name##_row), __VA_ARGS__); \
    } \
    NARROW_OR_WIDE(name, __VA_ARGS__)
#define NARROW_OR_WIDE(name, ...) \
    static void AFN(name)(const cell_step *step) \
    { \
        const ptrdiff_t H = step->hidden; \
        if (H == LINE) \
            ROWS AFN(name##_row)(0, LINE, LINE, __VA_ARGS__); \
        else if (H == LINE / 2) \
            ROWS AFN(name##_row)(0, LINE / 2, LINE / 2, __VA_ARGS__); \
        else \
            AFN(name##_wide)(step); \
    }

#include "cells_lstm_impl.h"
#include "cells_layernorm_impl.h"
#include "cells_gru_impl.h"
#include "cells_rnn_impl.h"

/* In the order of their index. */
#define CELLS LSTM_CELLS LAYERNORM_CELLS GRU_CELLS RNN_CELLS

#undef AFN
#undef ACT
#undef DACT
