// Rate of 256-bit fused multiply-adds.
#include "fp_peak.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

/// Enough independent sums to cover the latency of two pipes.
enum { sums = 12 };

static double run(fp_compute compute, int64_t rounds, float *sink) {
  (void)compute; // every arithmetic is float32 inside at this level, bytes excepted
  __m256 sum[sums];
  const __m256 x = _mm256_set1_ps(*sink), y = _mm256_set1_ps(1e-3f);
  for (int i = 0; i < sums; i++)
    sum[i] = _mm256_set1_ps((float)i);
  for (int64_t round = 0; round < rounds; round++) {
#pragma clang loop unroll(full)
    for (int i = 0; i < sums; i++)
      __asm__("vfmadd231ps %2, %1, %0" : "+x"(sum[i]) : "x"(x), "x"(y));
  }
  float lanes[8];
  for (int i = 0; i < sums; i++) {
    _mm256_storeu_ps(lanes, sum[i]);
    *sink += lanes[0];
  }
  return (double)rounds * sums * 8 * 2;
}

#pragma clang attribute pop
#endif

void fp_peak_init_avx2(fp_peak_kernels *kernels) {
#if defined(__x86_64__)
  kernels->run = run;
#else
  (void)kernels;
#endif
}
