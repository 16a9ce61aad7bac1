/// Exponential and activation functions of 16 floats in `__m512`: see `fp_vector_math.h`.
#ifndef FP_VECTOR_MATH_AVX512_H
#define FP_VECTOR_MATH_AVX512_H

#include "fp_vector_avx512.h"

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"))),                   \
    apply_to = function)

#include "fp_vector_math.h"

static inline __m512 fp_exp_ps512(__m512 x) { return fp_vec_exp(x); }
static inline __m512 fp_sigmoid_ps512(__m512 x) { return fp_vec_sigmoid(x); }
static inline __m512 fp_silu_ps512(__m512 x) { return fp_vec_silu(x); }
static inline __m512 fp_tanh_ps512(__m512 x) { return fp_vec_tanh(x); }
static inline __m512 fp_erf_ps512(__m512 x) { return fp_vec_erf(x); }
static inline __m512 fp_gelu_tanh_ps512(__m512 x) { return fp_vec_gelu_tanh(x); }
static inline __m512 fp_gelu_erf_ps512(__m512 x) { return fp_vec_gelu_erf(x); }

#pragma clang attribute pop

#endif
