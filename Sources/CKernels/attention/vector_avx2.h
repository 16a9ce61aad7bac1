/// Vectors of 8 float32 for the attention kernels.
#include <immintrin.h>

#include <stddef.h>

typedef __m256 vector;
enum { vector_width = 8 };

#define FP_VECTOR static inline __attribute__((always_inline))

FP_VECTOR vector vector_load(const float *x) { return _mm256_loadu_ps(x); }
FP_VECTOR void vector_store(float *x, vector value) { _mm256_storeu_ps(x, value); }
FP_VECTOR vector vector_set(float x) { return _mm256_set1_ps(x); }
FP_VECTOR vector vector_add(vector x, vector y) { return _mm256_add_ps(x, y); }
FP_VECTOR vector vector_subtract(vector x, vector y) { return _mm256_sub_ps(x, y); }
FP_VECTOR vector vector_multiply(vector x, vector y) { return _mm256_mul_ps(x, y); }
FP_VECTOR vector vector_multiply_add(vector x, vector y, vector z) {
  return _mm256_fmadd_ps(x, y, z);
}
FP_VECTOR vector vector_largest(vector x, vector y) { return _mm256_max_ps(x, y); }
FP_VECTOR float vector_reduce_largest(vector x) {
  __m128 half = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  half = _mm_max_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
}
FP_VECTOR vector vector_round(vector x) { return _mm256_round_ps(x, 0x08); }
FP_VECTOR vector vector_part(vector x) {
  // -infinity - floor(-infinity) is NaN, but what weighs nothing is small enough long before it;
  // the order of the operands keeps a NaN.
  const vector bounded = _mm256_max_ps(_mm256_set1_ps(-1000), x);
  return _mm256_sub_ps(bounded, _mm256_floor_ps(bounded));
}
FP_VECTOR vector vector_power(vector power, vector x) {
  const vector bounded = _mm256_max_ps(_mm256_set1_ps(-1000), power);
  const __m256i whole = _mm256_cvtps_epi32(_mm256_floor_ps(bounded));
  const __m256i exponent = _mm256_slli_epi32(_mm256_add_epi32(whole, _mm256_set1_epi32(127)), 23);
  const vector product = _mm256_mul_ps(x, _mm256_castsi256_ps(exponent));
  const vector normal = _mm256_cmp_ps(power, _mm256_set1_ps(-126), _CMP_NLT_UQ); // or NaN
  return _mm256_and_ps(product, normal);
}

FP_VECTOR vector vector_load_bf16(const void *x) {
  const __m128i halves = _mm_loadu_si128(x);
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}

/// float32 values rounded to the nearest bfloat16, ties to even; NaN made quiet.
FP_VECTOR vector vector_round_bf16(vector x) {
  const __m256i bits = _mm256_castps_si256(x);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const __m256i sum = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
  const vector quiet = _mm256_or_ps(x, _mm256_castsi256_ps(_mm256_set1_epi32(0x400000)));
  const vector chosen =
      _mm256_blendv_ps(_mm256_castsi256_ps(sum), quiet, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
  return _mm256_and_ps(chosen, _mm256_castsi256_ps(_mm256_set1_epi32((int)0xffff0000u)));
}

FP_VECTOR void vector_store_bf16(void *target, vector x) {
  const __m256i high = _mm256_srli_epi32(_mm256_castps_si256(vector_round_bf16(x)), 16);
  _mm_storeu_si128(target, _mm_packus_epi32(_mm256_castsi256_si128(high),
                                            _mm256_extracti128_si256(high, 1)));
}

/// Turns the pairs of x: (x0 * cosine - x1 * sine, x1 * cosine + x0 * sine).
FP_VECTOR vector vector_rotate(vector x, const float *cosine, const float *sine) {
  const __m256i twice = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
  const vector c = _mm256_permutevar8x32_ps(_mm256_castps128_ps256(_mm_loadu_ps(cosine)), twice);
  const vector s = _mm256_permutevar8x32_ps(_mm256_castps128_ps256(_mm_loadu_ps(sine)), twice);
  const vector swapped = _mm256_permute_ps(x, 0xb1);
  return _mm256_fmaddsub_ps(x, c, _mm256_mul_ps(swapped, s));
}
