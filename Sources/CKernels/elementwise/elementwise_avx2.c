// Element-by-element arithmetic in AVX2.
#if defined(__x86_64__)
#include "fp_vector_math_avx2.h"

#include <math.h>

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx2,fma,f16c"))),                   \
    apply_to = function)
#include "fp_vector_typed.h"
#include "elementwise_vector.h"
#pragma clang attribute pop

void fp_elementwise_init_avx2(fp_elementwise_kernels *kernels) { set_kernels(kernels); }
#else
typedef int fp_elementwise_avx2_is_for_x86;
#endif
