/// The vector vocabulary of the element-wise kernels in AVX2, FMA and F16C: 8 floats.
/// `fp_vector_avx512.h` describes each name.
#ifndef FP_VECTOR_AVX2_H
#define FP_VECTOR_AVX2_H

#include "fp_convert.h"

#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

enum { fp_vec_width = 8 };
typedef __m256 fp_vec;
typedef __m256 fp_vec_mask;

static inline __m256i fp_vec_lanes(size_t count) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), lane);
}

static inline fp_vec fp_vec_set(float value) { return _mm256_set1_ps(value); }
static inline fp_vec fp_vec_add(fp_vec a, fp_vec b) { return _mm256_add_ps(a, b); }
static inline fp_vec fp_vec_sub(fp_vec a, fp_vec b) { return _mm256_sub_ps(a, b); }
static inline fp_vec fp_vec_mul(fp_vec a, fp_vec b) { return _mm256_mul_ps(a, b); }
static inline fp_vec fp_vec_div(fp_vec a, fp_vec b) { return _mm256_div_ps(a, b); }
static inline fp_vec fp_vec_sqrt(fp_vec a) { return _mm256_sqrt_ps(a); }
static inline fp_vec fp_vec_abs(fp_vec a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
static inline fp_vec fp_vec_fma(fp_vec a, fp_vec b, fp_vec c) { return _mm256_fmadd_ps(a, b, c); }
static inline fp_vec fp_vec_fnma(fp_vec a, fp_vec b, fp_vec c) { return _mm256_fnmadd_ps(a, b, c); }
static inline fp_vec fp_vec_min(fp_vec bound, fp_vec x) { return _mm256_min_ps(bound, x); }
static inline fp_vec fp_vec_max(fp_vec bound, fp_vec x) { return _mm256_max_ps(bound, x); }
static inline fp_vec fp_vec_round(fp_vec a) {
  return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static inline fp_vec_mask fp_vec_less(fp_vec a, fp_vec b) {
  return _mm256_cmp_ps(a, b, _CMP_LT_OQ);
}
static inline fp_vec_mask fp_vec_is_nan(fp_vec a) { return _mm256_cmp_ps(a, a, _CMP_UNORD_Q); }
static inline fp_vec fp_vec_select(fp_vec_mask mask, fp_vec yes, fp_vec no) {
  return _mm256_blendv_ps(no, yes, mask);
}
static inline fp_vec fp_vec_copysign(fp_vec magnitude, fp_vec sign) {
  const __m256 bit = _mm256_set1_ps(-0.0f);
  return _mm256_or_ps(_mm256_andnot_ps(bit, magnitude), _mm256_and_ps(bit, sign));
}
/// 2^n for whole n in -126 ... 127.
static inline __m256 fp_vec_power2(__m256i n) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}
/// In two steps, since 2^n itself may be no normal number; the first step is exact.
static inline fp_vec fp_vec_scale2(fp_vec x, fp_vec n) {
  const __m256i whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1);
  return _mm256_mul_ps(_mm256_mul_ps(x, fp_vec_power2(half)),
                       fp_vec_power2(_mm256_sub_epi32(whole, half)));
}
static inline float fp_vec_sum(fp_vec a) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
static inline float fp_vec_largest(fp_vec a) {
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}
static inline fp_vec fp_vec_swap_pairs(fp_vec a) { return _mm256_permute_ps(a, 0xb1); }

// MARK: Memory

static inline fp_vec fp_vec_load_f32(const void *place) { return _mm256_loadu_ps(place); }
static inline fp_vec fp_vec_load_part_f32(const void *place, size_t count) {
  return _mm256_maskload_ps(place, fp_vec_lanes(count));
}
static inline void fp_vec_store_f32(void *place, fp_vec a) { _mm256_storeu_ps(place, a); }
static inline void fp_vec_store_part_f32(void *place, fp_vec a, size_t count) {
  _mm256_maskstore_ps(place, fp_vec_lanes(count), a);
}

static inline fp_vec fp_vec_load_bf16(const void *place) {
  const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(place));
  return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}
static inline fp_vec fp_vec_load_part_bf16(const void *place, size_t count) {
  uint16_t elements[8] = {0};
  memcpy(elements, place, 2 * count);
  return fp_vec_load_bf16(elements);
}
static inline void fp_vec_store_bf16(void *place, fp_vec a) {
  const __m256i word = _mm256_castps_si256(a);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(word, 16), _mm256_set1_epi32(1));
  const __m256i rounded =
      _mm256_add_epi32(word, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
  const __m256i quiet = _mm256_or_si256(word, _mm256_set1_epi32(0x400000));
  const __m256i kept = _mm256_srli_epi32(
      _mm256_blendv_epi8(rounded, quiet, _mm256_castps_si256(fp_vec_is_nan(a))), 16);
  _mm_storeu_si128(place, _mm_packus_epi32(_mm256_castsi256_si128(kept),
                                           _mm256_extracti128_si256(kept, 1)));
}
static inline void fp_vec_store_part_bf16(void *place, fp_vec a, size_t count) {
  uint16_t elements[8];
  fp_vec_store_bf16(elements, a);
  memcpy(place, elements, 2 * count);
}

static inline fp_vec fp_vec_load_f16(const void *place) {
  return _mm256_cvtph_ps(_mm_loadu_si128(place));
}
static inline void fp_vec_store_f16(void *place, fp_vec a) {
  _mm_storeu_si128(place, _mm256_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
static inline fp_vec fp_vec_load_f8_e5m2(const void *place) {
  const __m128i wide = _mm_cvtepu8_epi16(_mm_loadu_si64(place));
  return _mm256_cvtph_ps(_mm_slli_epi16(wide, 8));
}
static inline fp_vec fp_vec_load_f8_e4m3(const void *place) {
  const __m128i wide = _mm_cvtepi8_epi16(_mm_loadu_si64(place));
  const __m128i half = _mm_and_si128(_mm_slli_epi16(wide, 7), _mm_set1_epi16(-0x4080));
  const __m256 value = _mm256_mul_ps(_mm256_cvtph_ps(half), _mm256_set1_ps(256.0f));
  const __m256 nan = _mm256_cmp_ps(fp_vec_abs(value), _mm256_set1_ps(480.0f), _CMP_EQ_OQ);
  const __m256 bits = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fc00000));
  return _mm256_or_ps(value, _mm256_and_ps(nan, bits));
}
static inline fp_vec fp_vec_load_i8(const void *place) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadu_si64(place)));
}
static inline fp_vec fp_vec_load_u8(const void *place) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadu_si64(place)));
}

#pragma clang attribute pop

#endif
