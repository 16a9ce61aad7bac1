// Conversions in Advanced SIMD.
#if defined(__aarch64__)
#include "../elementwise/fp_vector_neon.h"

#include "convert_vector.h"

void fp_convert_init_neon(fp_convert_kernels *kernels) { kernels->convert = convert; }
#else
typedef int fp_convert_neon_is_for_arm;
#endif
