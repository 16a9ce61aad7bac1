/// The vector vocabulary of the element-wise kernels in AVX-512: 16 floats.
///
/// `fp_vector_avx2.h` and `fp_vector_neon.h` give the same names for their registers, so that a
/// kernel body is written once and compiled for each level.
#ifndef FP_VECTOR_AVX512_H
#define FP_VECTOR_AVX512_H

#include "fp_convert.h"

#include <immintrin.h>

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"))),                   \
    apply_to = function)

enum { fp_vec_width = 16 };
typedef __m512 fp_vec;
typedef __mmask16 fp_vec_mask;

/// Lanes 0 ..< count.
static inline __mmask16 fp_vec_lanes(size_t count) { return (__mmask16)((1u << count) - 1u); }

static inline fp_vec fp_vec_set(float value) { return _mm512_set1_ps(value); }
static inline fp_vec fp_vec_add(fp_vec a, fp_vec b) { return _mm512_add_ps(a, b); }
static inline fp_vec fp_vec_sub(fp_vec a, fp_vec b) { return _mm512_sub_ps(a, b); }
static inline fp_vec fp_vec_mul(fp_vec a, fp_vec b) { return _mm512_mul_ps(a, b); }
static inline fp_vec fp_vec_div(fp_vec a, fp_vec b) { return _mm512_div_ps(a, b); }
static inline fp_vec fp_vec_sqrt(fp_vec a) { return _mm512_sqrt_ps(a); }
static inline fp_vec fp_vec_abs(fp_vec a) { return _mm512_abs_ps(a); }
/// a * b + c, rounded once.
static inline fp_vec fp_vec_fma(fp_vec a, fp_vec b, fp_vec c) { return _mm512_fmadd_ps(a, b, c); }
/// c - a * b, rounded once.
static inline fp_vec fp_vec_fnma(fp_vec a, fp_vec b, fp_vec c) { return _mm512_fnmadd_ps(a, b, c); }
/// The smaller (larger) of a bound and x; a NaN in x stays.
static inline fp_vec fp_vec_min(fp_vec bound, fp_vec x) { return _mm512_min_ps(bound, x); }
static inline fp_vec fp_vec_max(fp_vec bound, fp_vec x) { return _mm512_max_ps(bound, x); }
/// Whole number nearest to x, ties to even.
static inline fp_vec fp_vec_round(fp_vec a) {
  return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static inline fp_vec_mask fp_vec_less(fp_vec a, fp_vec b) {
  return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}
static inline fp_vec_mask fp_vec_is_nan(fp_vec a) { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q); }
/// `yes` where the mask is set, else `no`.
static inline fp_vec fp_vec_select(fp_vec_mask mask, fp_vec yes, fp_vec no) {
  return _mm512_mask_blend_ps(mask, no, yes);
}
/// The magnitude of one number with the sign of another.
static inline fp_vec fp_vec_copysign(fp_vec magnitude, fp_vec sign) {
  const __m512 bit = _mm512_set1_ps(-0.0f);
  return _mm512_or_ps(_mm512_andnot_ps(bit, magnitude), _mm512_and_ps(bit, sign));
}
/// x * 2^n for whole n in -160 ... 160, rounded once.
static inline fp_vec fp_vec_scale2(fp_vec x, fp_vec n) { return _mm512_scalef_ps(x, n); }
/// Sum of the lanes, always in the same order.
static inline float fp_vec_sum(fp_vec a) { return _mm512_reduce_add_ps(a); }
/// Largest lane; the caller has taken care of NaN.
static inline float fp_vec_largest(fp_vec a) { return _mm512_reduce_max_ps(a); }
/// Each lane 2i with its neighbour 2i + 1.
static inline fp_vec fp_vec_swap_pairs(fp_vec a) { return _mm512_permute_ps(a, 0xb1); }

// MARK: Memory, unaligned; the _part versions touch `count` < 16 elements and read zeros after them

static inline fp_vec fp_vec_load_f32(const void *place) { return _mm512_loadu_ps(place); }
static inline fp_vec fp_vec_load_part_f32(const void *place, size_t count) {
  return _mm512_maskz_loadu_ps(fp_vec_lanes(count), place);
}
static inline void fp_vec_store_f32(void *place, fp_vec a) { _mm512_storeu_ps(place, a); }
static inline void fp_vec_store_part_f32(void *place, fp_vec a, size_t count) {
  _mm512_mask_storeu_ps(place, fp_vec_lanes(count), a);
}

static inline fp_vec fp_vec_from_bf16(__m256i bits) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}
/// Rounds as `fp_f32_to_bf16` does. The instruction VCVTNEPS2BF16 would flush subnormals to zero.
static inline __m256i fp_vec_to_bf16(fp_vec a) {
  const __m512i word = _mm512_castps_si512(a);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(word, 16), _mm512_set1_epi32(1));
  const __m512i rounded =
      _mm512_add_epi32(word, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  const __m512i kept = _mm512_mask_or_epi32(rounded, fp_vec_is_nan(a), word,
                                            _mm512_set1_epi32(0x400000));
  return _mm512_cvtepi32_epi16(_mm512_srli_epi32(kept, 16));
}
static inline fp_vec fp_vec_load_bf16(const void *place) {
  return fp_vec_from_bf16(_mm256_loadu_si256(place));
}
static inline fp_vec fp_vec_load_part_bf16(const void *place, size_t count) {
  return fp_vec_from_bf16(_mm256_maskz_loadu_epi16(fp_vec_lanes(count), place));
}
static inline void fp_vec_store_bf16(void *place, fp_vec a) {
  _mm256_storeu_si256(place, fp_vec_to_bf16(a));
}
static inline void fp_vec_store_part_bf16(void *place, fp_vec a, size_t count) {
  _mm256_mask_storeu_epi16(place, fp_vec_lanes(count), fp_vec_to_bf16(a));
}

static inline fp_vec fp_vec_load_f16(const void *place) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(place));
}
static inline void fp_vec_store_f16(void *place, fp_vec a) {
  _mm256_storeu_si256(place, _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
/// 8-bit floats lie in the upper bits of half precision; E5M2 is its upper byte.
static inline fp_vec fp_vec_load_f8_e5m2(const void *place) {
  const __m256i wide = _mm256_cvtepu8_epi16(_mm_loadu_si128(place));
  return _mm512_cvtph_ps(_mm256_slli_epi16(wide, 8));
}
/// E4M3 has a smaller bias than half precision: the value comes out 2^8 times too small.
static inline fp_vec fp_vec_load_f8_e4m3(const void *place) {
  const __m256i wide = _mm256_cvtepi8_epi16(_mm_loadu_si128(place));
  const __m256i half = _mm256_and_si256(_mm256_slli_epi16(wide, 7), _mm256_set1_epi16(-0x4080));
  const __m512 value = _mm512_mul_ps(_mm512_cvtph_ps(half), _mm512_set1_ps(256.0f));
  const __mmask16 nan =
      _mm512_cmp_ps_mask(_mm512_abs_ps(value), _mm512_set1_ps(480.0f), _CMP_EQ_OQ);
  return _mm512_mask_or_ps(value, nan, value,
                           _mm512_castsi512_ps(_mm512_set1_epi32(0x7fc00000)));
}
static inline fp_vec fp_vec_load_i8(const void *place) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(place)));
}
static inline fp_vec fp_vec_load_u8(const void *place) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(place)));
}

#pragma clang attribute pop

#endif
