// Attention on AVX2 with FMA. The tile kernels of this level store float32.
#include "attention_internal.h"

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include "attention_vector_avx2.h"

#include "attention_vector.h"
#pragma clang attribute pop

void fp_attention_init_avx2(fp_attention_kernels *kernels) {
  fp_attention_take_functions(kernels, &vector_functions);
  kernels->block_queries = 96;
  kernels->block_keys = 256;
}
#else
void fp_attention_init_avx2(fp_attention_kernels *kernels) { (void)kernels; }
#endif
