// Pixels into frames and depthwise sums on AVX2.
#include "conv_internal.h"

#if defined(__x86_64__)
#include "../elementwise/fp_vector_avx2.h"

#include <math.h>
#include <string.h>

#define FP_LANES 8
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include "conv_vector.h"

void fp_conv_init_avx2(fp_conv_kernels *kernels) {
  kernels->pixels = pixels;
  kernels->depthwise = depthwise;
}
#pragma clang attribute pop
#else
typedef int fp_conv_avx2_unavailable;
#endif
