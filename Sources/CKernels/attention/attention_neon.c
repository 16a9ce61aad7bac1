// Attention on Advanced SIMD. The tile kernels of this level store float32.
#include "attention_internal.h"

#if defined(__aarch64__)
#include "attention_vector_neon.h"

#include "attention_vector.h"

void fp_attention_init_neon(fp_attention_kernels *kernels) {
  fp_attention_take_functions(kernels, &vector_functions);
  kernels->block_queries = 96;
  kernels->block_keys = 128;
}
#else
void fp_attention_init_neon(fp_attention_kernels *kernels) { (void)kernels; }
#endif
