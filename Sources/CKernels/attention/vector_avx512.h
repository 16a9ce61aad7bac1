/// Vectors of 16 float32 for the attention kernels.
#include <immintrin.h>

#include <stddef.h>

typedef __m512 vector;
enum { vector_width = 16 };

#define FP_VECTOR static inline __attribute__((always_inline))

FP_VECTOR vector vector_load(const float *x) { return _mm512_loadu_ps(x); }
FP_VECTOR void vector_store(float *x, vector value) { _mm512_storeu_ps(x, value); }
FP_VECTOR vector vector_set(float x) { return _mm512_set1_ps(x); }
FP_VECTOR vector vector_add(vector x, vector y) { return _mm512_add_ps(x, y); }
FP_VECTOR vector vector_subtract(vector x, vector y) { return _mm512_sub_ps(x, y); }
FP_VECTOR vector vector_multiply(vector x, vector y) { return _mm512_mul_ps(x, y); }
FP_VECTOR vector vector_multiply_add(vector x, vector y, vector z) {
  return _mm512_fmadd_ps(x, y, z);
}
FP_VECTOR vector vector_largest(vector x, vector y) { return _mm512_max_ps(x, y); }
FP_VECTOR float vector_reduce_largest(vector x) { return _mm512_reduce_max_ps(x); }
FP_VECTOR vector vector_round(vector x) { return _mm512_roundscale_ps(x, 0x08); }
/// x - floor(x), 0 for infinities.
FP_VECTOR vector vector_part(vector x) { return _mm512_reduce_ps(x, 0x09); }
/// x * 2^floor(power)
FP_VECTOR vector vector_power(vector power, vector x) { return _mm512_scalef_ps(x, power); }

FP_VECTOR vector vector_load_bf16(const void *x) {
  const __m256i halves = _mm256_loadu_si256(x);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

/// Bits of float32 values rounded to the nearest bfloat16, ties to even; NaN made quiet.
FP_VECTOR __m512i vector_rounded_bits(vector x) {
  const __m512i bits = _mm512_castps_si512(x);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i sum =
      _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
  return _mm512_mask_or_epi32(sum, nan, bits, _mm512_set1_epi32(0x400000));
}

FP_VECTOR vector vector_round_bf16(vector x) {
  return _mm512_castsi512_ps(
      _mm512_and_si512(vector_rounded_bits(x), _mm512_set1_epi32((int)0xffff0000u)));
}

FP_VECTOR void vector_store_bf16(void *target, vector x) {
#if FP_HAS_BF16
  _mm256_storeu_si256(target, (__m256i)_mm512_cvtneps_pbh(x));
#else
  _mm256_storeu_si256(target, _mm512_cvtepi32_epi16(_mm512_srli_epi32(vector_rounded_bits(x), 16)));
#endif
}

/// Turns the pairs of x: (x0 * cosine - x1 * sine, x1 * cosine + x0 * sine).
FP_VECTOR vector vector_rotate(vector x, const float *cosine, const float *sine) {
  const __m512i twice = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
  const vector c = _mm512_permutexvar_ps(twice, _mm512_castps256_ps512(_mm256_loadu_ps(cosine)));
  const vector s = _mm512_permutexvar_ps(twice, _mm512_castps256_ps512(_mm256_loadu_ps(sine)));
  const vector swapped = _mm512_permute_ps(x, 0xb1);
  return _mm512_fmaddsub_ps(x, c, _mm512_mul_ps(swapped, s));
}
