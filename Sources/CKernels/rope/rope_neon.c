// Rotary position embedding in Advanced SIMD.
#if defined(__aarch64__)
#include "../elementwise/fp_vector_math_neon.h"

#include "../elementwise/fp_vector_typed.h"
#include "rope_vector.h"

void fp_rope_init_neon(fp_rope_kernels *kernels) { set_kernels(kernels); }
#else
typedef int fp_rope_neon_is_for_arm;
#endif
