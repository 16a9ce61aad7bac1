// Softmax of rows in AVX2.
#if defined(__x86_64__)
#include "../elementwise/fp_vector_math_avx2.h"

#include <math.h>

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx2,fma,f16c"))),                   \
    apply_to = function)
#include "../elementwise/fp_vector_typed.h"
#include "softmax_vector.h"
#pragma clang attribute pop

void fp_softmax_init_avx2(fp_softmax_kernels *kernels) { set_kernels(kernels); }
#else
typedef int fp_softmax_avx2_is_for_x86;
#endif
