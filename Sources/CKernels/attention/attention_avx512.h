/// What the files of the AVX-512 attention share.
#ifndef FP_ATTENTION_AVX512_H
#define FP_ATTENTION_AVX512_H

#include "attention_internal.h"

/// Kernels for processors with AVX512_BF16.
void fp_attention_take_avx512_bf16(fp_attention_kernels *kernels);

#endif
