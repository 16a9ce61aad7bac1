// Pooling in Advanced SIMD.
#if defined(__aarch64__)
#include "../elementwise/fp_vector_math_neon.h"

#include "../elementwise/fp_vector_typed.h"
#include "pool_vector.h"

void fp_pool_init_neon(fp_pool_kernels *kernels) { set_kernels(kernels); }
#else
typedef int fp_pool_neon_is_for_arm;
#endif
