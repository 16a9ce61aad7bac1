// Winograd's transforms in AVX2.
#if defined(__x86_64__)
#include "../elementwise/fp_vector_avx2.h"

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx2,fma,f16c"))),                   \
    apply_to = function)
#include "winograd_vector.h"
#pragma clang attribute pop

void fp_winograd_init_avx2(fp_winograd_kernels *kernels) { set_kernels(kernels); }
#else
typedef int fp_winograd_avx2_is_for_x86;
#endif
