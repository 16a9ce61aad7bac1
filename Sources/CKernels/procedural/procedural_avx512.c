// Values by formula, 16 at a time in two vectors of 8 counters.
#if defined(__x86_64__)
#include "procedural_internal.h"

#include <immintrin.h>

#pragma STDC FP_CONTRACT OFF
#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"))),                   \
    apply_to = function)

/// The top 24 bits of eight mixed counters.
static inline __m256i mix(__m512i z) {
  z = _mm512_xor_si512(z, _mm512_srli_epi64(z, 30));
  z = _mm512_mullo_epi64(z, _mm512_set1_epi64((long long)FP_PROCEDURAL_MULTIPLY1));
  z = _mm512_xor_si512(z, _mm512_srli_epi64(z, 27));
  z = _mm512_mullo_epi64(z, _mm512_set1_epi64((long long)FP_PROCEDURAL_MULTIPLY2));
  z = _mm512_xor_si512(z, _mm512_srli_epi64(z, 31));
  return _mm512_cvtepi64_epi32(_mm512_srli_epi64(z, 40));
}

static void fill(void *target, fp_dtype type, uint64_t hash, uint64_t start, size_t count,
                 float offset, float scale, bool absolute) {
  const uint64_t step = FP_PROCEDURAL_STEP;
  const __m512i places = _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0);
  __m512i first = _mm512_add_epi64(_mm512_set1_epi64((long long)(hash + (start + 1) * step)),
                                   _mm512_mullo_epi64(places, _mm512_set1_epi64((long long)step)));
  __m512i second = _mm512_add_epi64(first, _mm512_set1_epi64((long long)(8 * step)));
  const __m512i advance = _mm512_set1_epi64((long long)(16 * step));
  const __m512 sign = _mm512_castsi512_ps(_mm512_set1_epi32(absolute ? INT32_MIN : 0));
  const __m512i one = _mm512_set1_epi32(1), half = _mm512_set1_epi32(0x7fff);
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    const __m512i whole =
        _mm512_inserti64x4(_mm512_castsi256_si512(mix(first)), mix(second), 1);
    first = _mm512_add_epi64(first, advance);
    second = _mm512_add_epi64(second, advance);
    __m512 r = _mm512_mul_ps(_mm512_cvtepi32_ps(whole), _mm512_set1_ps(0x1p-23f));
    r = _mm512_andnot_ps(sign, _mm512_sub_ps(r, _mm512_set1_ps(1.0f)));
    const __m512 product = _mm512_mul_ps(r, _mm512_set1_ps(scale));
    __m512i bits = _mm512_castps_si512(_mm512_add_ps(product, _mm512_set1_ps(offset)));
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), one);
    bits = _mm512_srli_epi32(_mm512_add_epi32(bits, _mm512_add_epi32(odd, half)), 16);
    if (type == FP_BF16)
      _mm256_storeu_si256((void *)((char *)target + 2 * i), _mm512_cvtepi32_epi16(bits));
    else
      _mm512_storeu_si512((char *)target + 4 * i, _mm512_slli_epi32(bits, 16));
  }
  fp_procedural_fill_generic((char *)target + i * fp_dtype_size(type), type, hash, start + i,
                             count - i, offset, scale, absolute);
}

#pragma clang attribute pop

void fp_procedural_init_avx512(fp_procedural_kernels *kernels) { kernels->fill = fill; }
#else
typedef int fp_procedural_avx512_unused;
#endif
