// Rate of 512-bit multiply-adds: FMA, VDPBF16PS and VPDPBUSD.
#include "fp_cpu.h"
#include "fp_peak.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"
#pragma clang attribute push(__attribute__((target(TARGET))), apply_to = function)

/// Enough independent sums to cover the latency of two pipes.
enum { sums = 24 };

static float total(const __m512 *values) {
  float result = 0;
  for (int i = 0; i < sums; i++)
    result += _mm512_reduce_add_ps(values[i]);
  return result;
}

static double run_f32(int64_t rounds, float *sink) {
  __m512 sum[sums];
  const __m512 x = _mm512_set1_ps(*sink), y = _mm512_set1_ps(1e-3f);
  for (int i = 0; i < sums; i++)
    sum[i] = _mm512_set1_ps((float)i);
  for (int64_t round = 0; round < rounds; round++) {
#pragma clang loop unroll(full)
    for (int i = 0; i < sums; i++)
      __asm__("vfmadd231ps %2, %1, %0" : "+v"(sum[i]) : "v"(x), "v"(y));
  }
  *sink += total(sum);
  return (double)rounds * sums * 16 * 2;
}

static double run_emulated(fp_compute compute, int64_t rounds, float *sink) {
  (void)compute;
  return run_f32(rounds, sink);
}

static double run(fp_compute compute, int64_t rounds, float *sink) {
  if (compute == FP_COMPUTE_F32)
    return run_f32(rounds, sink);
  __m512i sum[sums];
  const __m512i x = _mm512_set1_epi32((int)*sink), y = _mm512_set1_epi32(0x3c003c00);
  for (int i = 0; i < sums; i++)
    sum[i] = _mm512_set1_epi32(i);
  if (compute == FP_COMPUTE_BF16)
    for (int64_t round = 0; round < rounds; round++) {
#pragma clang loop unroll(full)
      for (int i = 0; i < sums; i++)
        __asm__("vdpbf16ps %2, %1, %0" : "+v"(sum[i]) : "v"(x), "v"(y));
    }
  else
    for (int64_t round = 0; round < rounds; round++) {
#pragma clang loop unroll(full)
      for (int i = 0; i < sums; i++)
        __asm__("vpdpbusd %2, %1, %0" : "+v"(sum[i]) : "v"(x), "v"(y));
    }
  int32_t result = 0;
  for (int i = 0; i < sums; i++)
    result += _mm512_reduce_add_epi32(sum[i]) & 1;
  *sink += (float)result * 1e-30f;
  return (double)rounds * sums * 16 * (compute == FP_COMPUTE_BF16 ? 4 : 8);
}

#pragma clang attribute pop
#endif

void fp_peak_init_avx512(fp_peak_kernels *kernels, uint32_t features) {
#if defined(__x86_64__)
  const uint32_t both = FP_CPU_AVX512_BF16 | FP_CPU_AVX512_VNNI;
  kernels->run = (features & both) == both ? run : run_emulated;
#else
  (void)kernels;
  (void)features;
#endif
}
