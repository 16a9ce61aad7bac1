// Sums and extremes in Advanced SIMD.
#if defined(__aarch64__)
#include "../elementwise/fp_element.h"
#include "../elementwise/fp_vector_math_neon.h"

#include "../elementwise/fp_vector_typed.h"
#include "reduce_vector.h"

void fp_reduce_init_neon(fp_reduce_kernels *kernels) { set_kernels(kernels); }
#else
typedef int fp_reduce_neon_is_for_arm;
#endif
