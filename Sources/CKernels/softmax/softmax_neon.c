// Softmax of rows in Advanced SIMD.
#if defined(__aarch64__)
#include "../elementwise/fp_vector_math_neon.h"

#include "../elementwise/fp_vector_typed.h"
#include "softmax_vector.h"

void fp_softmax_init_neon(fp_softmax_kernels *kernels) { set_kernels(kernels); }
#else
typedef int fp_softmax_neon_is_for_arm;
#endif
