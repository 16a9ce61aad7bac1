// Low-rank sums, 8 rows of 16 columns at a time.
#if defined(__x86_64__)
#include "lowrank_internal.h"

#include "fp_cpu.h"

#include <string.h>

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"))),                   \
    apply_to = function)
#define FP_LOWRANK_ROWS 8
#include "lowrank_vector.h"
#pragma clang attribute pop

void fp_lowrank_init_avx512(fp_lowrank_kernels *kernels, uint32_t features) {
  kernels->add = add;
  if (features & FP_CPU_AVX512_BF16) {
    kernels->merge = fp_lowrank_merge_avx512_bf16;
    kernels->pack = fp_lowrank_pack_avx512_bf16;
  }
}
#else
typedef int fp_lowrank_avx512_unused;
#endif
