// Attention on AVX-512 with bfloat16 instructions.
#include "attention_avx512.h"

#if defined(__x86_64__)
#include <float.h>
#include <immintrin.h>
#include <math.h>

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma,f16c"))),        \
    apply_to = function)
#define FP_HAS_BF16 1
#include "vector_avx512.h"

#include "attention_vector.h"

void fp_attention_fill_avx512_bf16(fp_attention_kernels *kernels) { fill_table(kernels); }
#pragma clang attribute pop
#endif
