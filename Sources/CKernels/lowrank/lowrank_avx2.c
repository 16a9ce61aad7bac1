// Low-rank sums, 4 rows of 16 columns at a time.
#if defined(__x86_64__)
#include "fp_lowrank.h"

#include <string.h>

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define FP_LOWRANK_ROWS 4
#include "lowrank_vector.h"
#pragma clang attribute pop

void fp_lowrank_init_avx2(fp_lowrank_kernels *kernels) { kernels->add = add; }
#else
typedef int fp_lowrank_avx2_unused;
#endif
