// Attention on Advanced SIMD. The tile kernels of this level store float32.
#include "attention_internal.h"

#if defined(__aarch64__)
#include <arm_neon.h>
#include <float.h>
#include <math.h>

#include "vector_neon.h"

#include "attention_vector.h"

void fp_attention_init_neon(fp_attention_kernels *kernels) {
  fill_table(kernels);
  kernels->block_queries = 96;
  kernels->block_keys = 128;
}
#else
void fp_attention_init_neon(fp_attention_kernels *kernels) { (void)kernels; }
#endif
