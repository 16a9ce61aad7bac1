/// Exponential and activation functions of 8 floats in `__m256`: see `fp_vector_math.h`.
#ifndef FP_VECTOR_MATH_AVX2_H
#define FP_VECTOR_MATH_AVX2_H

#include "fp_vector_avx2.h"

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx2,fma,f16c"))),                   \
    apply_to = function)

#include "fp_vector_math.h"

#pragma clang attribute pop

#endif
