// Rate of 128-bit fused multiply-adds.
#include "fp_peak.h"

#if defined(__aarch64__)
#include <arm_neon.h>

/// Enough independent sums to cover the latency of four pipes.
enum { sums = 24 };

static double run(fp_compute compute, int64_t rounds, float *sink) {
  (void)compute; // every arithmetic is float32 inside at this level, bytes excepted
  float32x4_t sum[sums];
  const float32x4_t x = vdupq_n_f32(*sink), y = vdupq_n_f32(1e-3f);
  for (int i = 0; i < sums; i++)
    sum[i] = vdupq_n_f32((float)i);
  for (int64_t round = 0; round < rounds; round++) {
#pragma clang loop unroll(full)
    for (int i = 0; i < sums; i++)
      __asm__("fmla %0.4s, %1.4s, %2.4s" : "+w"(sum[i]) : "w"(x), "w"(y));
  }
  for (int i = 0; i < sums; i++)
    *sink += vgetq_lane_f32(sum[i], 0);
  return (double)rounds * sums * 4 * 2;
}
#endif

void fp_peak_init_neon(fp_peak_kernels *kernels) {
#if defined(__aarch64__)
  kernels->run = run;
#else
  (void)kernels;
#endif
}
