// Sums and extremes in AVX2.
#if defined(__x86_64__)
#include "../elementwise/fp_element.h"
#include "../elementwise/fp_vector_math_avx2.h"

#include <math.h>

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx2,fma,f16c"))),                   \
    apply_to = function)
#include "../elementwise/fp_vector_typed.h"
#include "reduce_vector.h"
#pragma clang attribute pop

void fp_reduce_init_avx2(fp_reduce_kernels *kernels) { set_kernels(kernels); }
#else
typedef int fp_reduce_avx2_is_for_x86;
#endif
