/// Exponential and activation functions of 8 floats in `__m256`: see `fp_vector_math.h`.
#ifndef FP_VECTOR_MATH_AVX2_H
#define FP_VECTOR_MATH_AVX2_H

#include "fp_vector_avx2.h"

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx2,fma,f16c"))),                   \
    apply_to = function)

#include "fp_vector_math.h"

static inline __m256 fp_exp_ps256(__m256 x) { return fp_vec_exp(x); }
static inline __m256 fp_sigmoid_ps256(__m256 x) { return fp_vec_sigmoid(x); }
static inline __m256 fp_silu_ps256(__m256 x) { return fp_vec_silu(x); }
static inline __m256 fp_tanh_ps256(__m256 x) { return fp_vec_tanh(x); }
static inline __m256 fp_erf_ps256(__m256 x) { return fp_vec_erf(x); }
static inline __m256 fp_gelu_tanh_ps256(__m256 x) { return fp_vec_gelu_tanh(x); }
static inline __m256 fp_gelu_erf_ps256(__m256 x) { return fp_vec_gelu_erf(x); }

#pragma clang attribute pop

#endif
