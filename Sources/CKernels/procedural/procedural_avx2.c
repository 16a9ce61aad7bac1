// Values by formula, 8 at a time in two vectors of 4 counters.
#if defined(__x86_64__)
#include "procedural_internal.h"

#include <immintrin.h>

#pragma STDC FP_CONTRACT OFF
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

/// a * b modulo 2^64 from 32-bit products.
static inline __m256i multiply(__m256i a, uint64_t b) {
  const __m256i factor = _mm256_set1_epi64x((long long)b);
  const __m256i swapped = _mm256_shuffle_epi32(factor, 0xb1);
  const __m256i cross = _mm256_mullo_epi32(a, swapped); // low * high and high * low
  const __m256i sum = _mm256_add_epi32(cross, _mm256_srli_epi64(cross, 32));
  return _mm256_add_epi64(_mm256_mul_epu32(a, factor), _mm256_slli_epi64(sum, 32));
}

/// The top 24 bits of four mixed counters.
static inline __m256i mix(__m256i z) {
  z = multiply(_mm256_xor_si256(z, _mm256_srli_epi64(z, 30)), FP_PROCEDURAL_MULTIPLY1);
  z = multiply(_mm256_xor_si256(z, _mm256_srli_epi64(z, 27)), FP_PROCEDURAL_MULTIPLY2);
  z = _mm256_xor_si256(z, _mm256_srli_epi64(z, 31));
  return _mm256_srli_epi64(z, 40);
}

/// The low halves of eight 64-bit numbers, in order.
static inline __m256i narrow(__m256i first, __m256i second) {
  const __m256 mixed =
      _mm256_shuffle_ps(_mm256_castsi256_ps(first), _mm256_castsi256_ps(second), 0x88);
  return _mm256_permute4x64_epi64(_mm256_castps_si256(mixed), 0xd8);
}

static void fill(void *target, fp_dtype type, uint64_t hash, uint64_t start, size_t count,
                 float offset, float scale, bool absolute) {
  const uint64_t step = FP_PROCEDURAL_STEP, base = hash + (start + 1) * step;
  __m256i first = _mm256_set_epi64x((long long)(base + 3 * step), (long long)(base + 2 * step),
                                    (long long)(base + step), (long long)base);
  __m256i second = _mm256_add_epi64(first, _mm256_set1_epi64x((long long)(4 * step)));
  const __m256i advance = _mm256_set1_epi64x((long long)(8 * step));
  const __m256 sign = _mm256_castsi256_ps(_mm256_set1_epi32(absolute ? INT32_MIN : 0));
  const __m256i one = _mm256_set1_epi32(1), half = _mm256_set1_epi32(0x7fff);
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m256 whole = _mm256_cvtepi32_ps(narrow(mix(first), mix(second)));
    first = _mm256_add_epi64(first, advance);
    second = _mm256_add_epi64(second, advance);
    __m256 r = _mm256_mul_ps(whole, _mm256_set1_ps(0x1p-23f));
    r = _mm256_andnot_ps(sign, _mm256_sub_ps(r, _mm256_set1_ps(1.0f)));
    const __m256 product = _mm256_mul_ps(r, _mm256_set1_ps(scale));
    __m256i bits = _mm256_castps_si256(_mm256_add_ps(product, _mm256_set1_ps(offset)));
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), one);
    bits = _mm256_srli_epi32(_mm256_add_epi32(bits, _mm256_add_epi32(odd, half)), 16);
    if (type == FP_BF16) {
      const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(bits, bits), 0xd8);
      _mm_storeu_si128((void *)((char *)target + 2 * i), _mm256_castsi256_si128(packed));
    } else {
      _mm256_storeu_si256((void *)((char *)target + 4 * i), _mm256_slli_epi32(bits, 16));
    }
  }
  fp_procedural_fill_generic((char *)target + i * fp_dtype_size(type), type, hash, start + i,
                             count - i, offset, scale, absolute);
}

#pragma clang attribute pop

void fp_procedural_init_avx2(fp_procedural_kernels *kernels) { kernels->fill = fill; }
#else
typedef int fp_procedural_avx2_unused;
#endif
