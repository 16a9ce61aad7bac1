/// Exponential and activation functions of 16 floats in `__m512`: see `fp_vector_math.h`.
#ifndef FP_VECTOR_MATH_AVX512_H
#define FP_VECTOR_MATH_AVX512_H

#include "fp_vector_avx512.h"

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"))),                   \
    apply_to = function)

#include "fp_vector_math.h"

#pragma clang attribute pop

#endif
