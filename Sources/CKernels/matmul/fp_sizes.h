/// Arithmetic of sizes: how loops and memory are cut. All numbers are non-negative.
#ifndef FP_SIZES_H
#define FP_SIZES_H

#include <stdint.h>

static inline int64_t fp_divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
static inline int64_t fp_round_up(int64_t a, int64_t b) { return fp_divide_up(a, b) * b; }
static inline int64_t fp_least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t fp_most(int64_t a, int64_t b) { return a > b ? a : b; }

#endif
