// Winograd's transforms in AVX-512.
#if defined(__x86_64__)
#include "../elementwise/fp_vector_avx512.h"

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"))),                   \
    apply_to = function)
#include "winograd_vector.h"
#pragma clang attribute pop

void fp_winograd_init_avx512(fp_winograd_kernels *kernels) { set_kernels(kernels); }
#else
typedef int fp_winograd_avx512_is_for_x86;
#endif
