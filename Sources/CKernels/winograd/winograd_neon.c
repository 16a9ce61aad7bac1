// Winograd's transforms in Advanced SIMD.
#if defined(__aarch64__)
#include "../elementwise/fp_vector_neon.h"

#include "winograd_vector.h"

void fp_winograd_init_neon(fp_winograd_kernels *kernels) { set_kernels(kernels); }
#else
typedef int fp_winograd_neon_is_for_arm;
#endif
