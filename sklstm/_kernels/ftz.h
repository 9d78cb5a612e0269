/* Flush-to-zero for the length of a kernel: subnormal states and gradients cost up to 20 times a normal multiplication.

   The mode belongs to the calling thread; ftz_enter returns what it was and ftz_leave puts it back. */
#ifndef SKLSTM_FTZ_H
#define SKLSTM_FTZ_H

#include <stdint.h>

#if defined(__SSE2__) || defined(_M_X64)
#include <xmmintrin.h>
static inline uint64_t ftz_enter(void)
{
    uint64_t mode = _mm_getcsr();
    _mm_setcsr((unsigned)mode | 0x8040u);       /* FTZ bit 15, DAZ bit 6 */
    return mode;
}
static inline void ftz_leave(uint64_t mode) { _mm_setcsr((unsigned)mode); }
#elif defined(__aarch64__) && defined(__GNUC__)
static inline uint64_t ftz_enter(void)
{
    uint64_t mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    __asm__ volatile("msr fpcr, %0" : : "r"(mode | (UINT64_C(1) << 24)));
    return mode;
}
static inline void ftz_leave(uint64_t mode) { __asm__ volatile("msr fpcr, %0" : : "r"(mode)); }
#else
static inline uint64_t ftz_enter(void) { return 0; }
static inline void ftz_leave(uint64_t mode) { (void)mode; }
#endif

#endif
