// Pixels into frames and depthwise sums on AVX-512.
#include "conv_internal.h"

#if defined(__x86_64__)
#include "../elementwise/fp_vector_avx512.h"

#include <math.h>
#include <string.h>

#define FP_LANES 16
#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"))),                   \
    apply_to = function)
#include "conv_vector.h"

void fp_conv_init_avx512(fp_conv_kernels *kernels) {
  kernels->pixels = pixels;
  kernels->depthwise = depthwise;
}
#pragma clang attribute pop
#else
typedef int fp_conv_avx512_unavailable;
#endif
