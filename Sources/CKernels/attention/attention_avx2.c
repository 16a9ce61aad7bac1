// Attention on AVX2 with FMA. The tile kernels of this level store float32.
#include "attention_internal.h"

#if defined(__x86_64__)
#include <float.h>
#include <immintrin.h>
#include <math.h>

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include "vector_avx2.h"

#include "attention_vector.h"

void fp_attention_init_avx2(fp_attention_kernels *kernels) {
  fill_table(kernels);
  kernels->block_queries = 96;
  kernels->block_keys = 128;
}
#pragma clang attribute pop
#else
void fp_attention_init_avx2(fp_attention_kernels *kernels) { (void)kernels; }
#endif
