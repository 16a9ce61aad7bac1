// Pooling in AVX-512.
#if defined(__x86_64__)
#include "../elementwise/fp_vector_math_avx512.h"

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"))),                   \
    apply_to = function)
#include "../elementwise/fp_vector_typed.h"
#include "pool_vector.h"
#pragma clang attribute pop

void fp_pool_init_avx512(fp_pool_kernels *kernels) { set_kernels(kernels); }
#else
typedef int fp_pool_avx512_is_for_x86;
#endif
