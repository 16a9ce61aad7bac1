// Resampling in Advanced SIMD.
#if defined(__aarch64__)
#include "../elementwise/fp_vector_math_neon.h"

#include "../elementwise/fp_vector_typed.h"
#include "resample_vector.h"

void fp_resample_init_neon(fp_resample_kernels *kernels) { set_kernels(kernels); }
#else
typedef int fp_resample_neon_is_for_arm;
#endif
