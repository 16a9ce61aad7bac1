// Attention on AVX-512 without bfloat16 instructions, and block sizes of AVX-512 and AMX.
#include "attention_avx512.h"

#include "fp_cpu.h"

#if defined(__x86_64__)
#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"))),                   \
    apply_to = function)
#define FP_HAS_BF16 0
#include "attention_vector_avx512.h"

#include "attention_vector.h"
#pragma clang attribute pop
#endif

void fp_attention_init_avx512(fp_attention_kernels *kernels, uint32_t features) {
#if defined(__x86_64__)
  if (features & FP_CPU_AVX512_BF16)
    fp_attention_take_avx512_bf16(kernels);
  else
    fp_attention_take_functions(kernels, &vector_functions);
#endif
  (void)features;
  kernels->block_queries = 128;
  kernels->block_keys = 384;
}

void fp_attention_init_amx(fp_attention_kernels *kernels) {
  kernels->block_queries = 192;
  kernels->block_keys = 256;
  // Tiles hold 16 groups; another number would mean another tile configuration.
  kernels->group_unit = 16;
  kernels->interleaved = true;
}
