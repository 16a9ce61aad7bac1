// Conversions in AVX2 and F16C.
#if defined(__x86_64__)
#include "../elementwise/fp_vector_avx2.h"

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx2,fma,f16c"))),                   \
    apply_to = function)
#include "convert_vector.h"
#pragma clang attribute pop

void fp_convert_init_avx2(fp_convert_kernels *kernels) {
  kernels->convert = convert;
}
#else
typedef int fp_convert_avx2_is_for_x86;
#endif
