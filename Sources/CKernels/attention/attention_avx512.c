// Attention on AVX-512 without bfloat16 instructions.
#include "attention_avx512.h"

#include "fp_cpu.h"

#if defined(__x86_64__)
#include <float.h>
#include <immintrin.h>
#include <math.h>

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"))),                   \
    apply_to = function)
#define FP_HAS_BF16 0
#include "vector_avx512.h"

#include "attention_vector.h"

static void fill_avx512(fp_attention_kernels *kernels) { fill_table(kernels); }
#pragma clang attribute pop
#endif

void fp_attention_init_avx512(fp_attention_kernels *kernels, uint32_t features) {
#if defined(__x86_64__)
  kernels->block_queries = 192;
  kernels->block_keys = 192;
  if (features & FP_CPU_AVX512_BF16)
    fp_attention_fill_avx512_bf16(kernels);
  else
    fill_avx512(kernels);
#else
  (void)kernels;
  (void)features;
#endif
}

void fp_attention_init_amx(fp_attention_kernels *kernels) {
  kernels->block_queries = 192;
  kernels->block_keys = 256;
  // Tiles hold 16 groups; another number would mean another tile configuration.
  kernels->group_unit = 16;
  kernels->interleaved = true;
}
