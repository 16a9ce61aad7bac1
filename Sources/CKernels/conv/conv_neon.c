// Pixels into frames and depthwise sums on Advanced SIMD.
#include "conv_internal.h"

#if defined(__aarch64__)
#include "../elementwise/fp_vector_neon.h"

#include <math.h>
#include <string.h>

#define FP_LANES 4
#include "conv_vector.h"

void fp_conv_init_neon(fp_conv_kernels *kernels) {
  kernels->pixels = pixels;
  kernels->depthwise = depthwise;
}
#else
typedef int fp_conv_neon_unavailable;
#endif
