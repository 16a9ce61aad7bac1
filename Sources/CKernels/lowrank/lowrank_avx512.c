// Low-rank sums, 8 rows of 16 columns at a time.
#if defined(__x86_64__)
#include "fp_lowrank.h"

#include <string.h>

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"))),                   \
    apply_to = function)
#define FP_LOWRANK_ROWS 8
#include "lowrank_vector.h"
#pragma clang attribute pop

void fp_lowrank_init_avx512(fp_lowrank_kernels *kernels) { kernels->add = add; }
#else
typedef int fp_lowrank_avx512_unused;
#endif
