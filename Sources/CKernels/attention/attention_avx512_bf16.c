// Attention on AVX-512 with bfloat16 instructions.
#include "attention_avx512.h"

#if defined(__x86_64__)
#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma,f16c"))),        \
    apply_to = function)
#define FP_HAS_BF16 1
#include "attention_vector_avx512.h"

#include "attention_vector.h"
#pragma clang attribute pop

void fp_attention_take_avx512_bf16(fp_attention_kernels *kernels) {
  fp_attention_take_functions(kernels, &vector_functions);
}
#endif
