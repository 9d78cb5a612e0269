/* What the page calls: a network (stroke.h, which `to_c` writes), and memory for one stroke. */

#include "stroke.h"

#ifdef __wasm__
#define PUBLIC(name) __attribute__((export_name(#name)))
#else
#define PUBLIC(name)
#endif

static stroke_state state;
static float x[STROKE_CHANNELS], y[STROKE_OUTPUTS];

PUBLIC(begin) void begin(void) { stroke_init(&state); }

/* A step of x; probabilities are in y then. Returns the number of the likeliest class. */
PUBLIC(step) int step(void)
{
    stroke_step(&state, x);
    stroke_output(&state, y);
    return stroke_label(&state);
}

PUBLIC(input) float *input(void) { return x; }
PUBLIC(output) const float *output(void) { return y; }
PUBLIC(whole_state) const void *whole_state(void) { return &state; }
PUBLIC(size_of_state) int size_of_state(void) { return (int)sizeof state; }
PUBLIC(hidden) const int16_t *hidden(void) { return state.h0; }
