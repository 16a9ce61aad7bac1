// Element-by-element arithmetic in Advanced SIMD.
#if defined(__aarch64__)
#include "fp_vector_math_neon.h"

#include "fp_vector_typed.h"
#include "elementwise_vector.h"

void fp_elementwise_init_neon(fp_elementwise_kernels *kernels) { set_kernels(kernels); }
#else
typedef int fp_elementwise_neon_is_for_arm;
#endif
