// Normalisation of rows in Advanced SIMD.
#if defined(__aarch64__)
#include "../elementwise/fp_vector_math_neon.h"

#include "../elementwise/fp_vector_typed.h"
#include "norm_vector.h"

void fp_norm_init_neon(fp_norm_kernels *kernels) { set_kernels(kernels); }
#else
typedef int fp_norm_neon_is_for_arm;
#endif
