// Pooling in AVX2.
#if defined(__x86_64__)
#include "../elementwise/fp_vector_math_avx2.h"

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx2,fma,f16c"))),                   \
    apply_to = function)
#include "../elementwise/fp_vector_typed.h"
#include "pool_vector.h"
#pragma clang attribute pop

void fp_pool_init_avx2(fp_pool_kernels *kernels) { set_kernels(kernels); }
#else
typedef int fp_pool_avx2_is_for_x86;
#endif
