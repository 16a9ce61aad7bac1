/// The vector vocabulary of the element-wise kernels in Advanced SIMD: 4 floats.
/// `fp_vector_avx512.h` describes each name.
#ifndef FP_VECTOR_NEON_H
#define FP_VECTOR_NEON_H

#include "fp_convert.h"

#include <arm_neon.h>

enum { fp_vec_width = 4 };
typedef float32x4_t fp_vec;
typedef uint32x4_t fp_vec_mask;

static inline fp_vec fp_vec_set(float value) { return vdupq_n_f32(value); }
static inline fp_vec fp_vec_add(fp_vec a, fp_vec b) { return vaddq_f32(a, b); }
static inline fp_vec fp_vec_sub(fp_vec a, fp_vec b) { return vsubq_f32(a, b); }
static inline fp_vec fp_vec_mul(fp_vec a, fp_vec b) { return vmulq_f32(a, b); }
static inline fp_vec fp_vec_div(fp_vec a, fp_vec b) { return vdivq_f32(a, b); }
static inline fp_vec fp_vec_sqrt(fp_vec a) { return vsqrtq_f32(a); }
static inline fp_vec fp_vec_abs(fp_vec a) { return vabsq_f32(a); }
static inline fp_vec fp_vec_fma(fp_vec a, fp_vec b, fp_vec c) { return vfmaq_f32(c, a, b); }
static inline fp_vec fp_vec_fnma(fp_vec a, fp_vec b, fp_vec c) { return vfmsq_f32(c, a, b); }
static inline fp_vec fp_vec_min(fp_vec bound, fp_vec x) { return vminq_f32(bound, x); }
static inline fp_vec fp_vec_max(fp_vec bound, fp_vec x) { return vmaxq_f32(bound, x); }
static inline fp_vec fp_vec_round(fp_vec a) { return vrndnq_f32(a); }
static inline fp_vec_mask fp_vec_less(fp_vec a, fp_vec b) { return vcltq_f32(a, b); }
static inline fp_vec_mask fp_vec_is_nan(fp_vec a) { return vmvnq_u32(vceqq_f32(a, a)); }
static inline fp_vec fp_vec_select(fp_vec_mask mask, fp_vec yes, fp_vec no) {
  return vbslq_f32(mask, yes, no);
}
static inline fp_vec fp_vec_copysign(fp_vec magnitude, fp_vec sign) {
  return vbslq_f32(vdupq_n_u32(0x80000000u), sign, magnitude);
}
/// 2^n for whole n in -126 ... 127.
static inline float32x4_t fp_vec_power2(int32x4_t n) {
  return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(n, vdupq_n_s32(127)), 23));
}
/// In two steps, since 2^n itself may be no normal number; the first step is exact.
static inline fp_vec fp_vec_scale2(fp_vec x, fp_vec n) {
  const int32x4_t whole = vcvtnq_s32_f32(n), half = vshrq_n_s32(whole, 1);
  return vmulq_f32(vmulq_f32(x, fp_vec_power2(half)), fp_vec_power2(vsubq_s32(whole, half)));
}
static inline float fp_vec_sum(fp_vec a) { return vaddvq_f32(a); }
static inline float fp_vec_largest(fp_vec a) { return vmaxvq_f32(a); }
static inline fp_vec fp_vec_swap_pairs(fp_vec a) { return vrev64q_f32(a); }

// MARK: Memory

static inline fp_vec fp_vec_load_f32(const void *place) {
  return vreinterpretq_f32_u8(vld1q_u8(place)); // bytes: no alignment is promised
}
static inline void fp_vec_store_f32(void *place, fp_vec a) {
  vst1q_u8(place, vreinterpretq_u8_f32(a));
}
static inline fp_vec fp_vec_load_part_f32(const void *place, size_t count) {
  float elements[4] = {0};
  memcpy(elements, place, 4 * count);
  return fp_vec_load_f32(elements);
}
static inline void fp_vec_store_part_f32(void *place, fp_vec a, size_t count) {
  float elements[4];
  fp_vec_store_f32(elements, a);
  memcpy(place, elements, 4 * count);
}

static inline uint16x4_t fp_vec_load_halves(const void *place) {
  return vreinterpret_u16_u8(vld1_u8(place));
}
static inline fp_vec fp_vec_load_bf16(const void *place) {
  return vreinterpretq_f32_u32(vshll_n_u16(fp_vec_load_halves(place), 16));
}
static inline void fp_vec_store_bf16(void *place, fp_vec a) {
  const uint32x4_t word = vreinterpretq_u32_f32(a);
  const uint32x4_t odd = vandq_u32(vshrq_n_u32(word, 16), vdupq_n_u32(1));
  const uint32x4_t rounded = vaddq_u32(word, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
  const uint32x4_t quiet = vorrq_u32(word, vdupq_n_u32(0x400000));
  const uint32x4_t kept = vbslq_u32(fp_vec_is_nan(a), quiet, rounded);
  vst1_u8(place, vreinterpret_u8_u16(vshrn_n_u32(kept, 16)));
}
static inline fp_vec fp_vec_load_part_bf16(const void *place, size_t count) {
  uint16_t elements[4] = {0};
  memcpy(elements, place, 2 * count);
  return fp_vec_load_bf16(elements);
}
static inline void fp_vec_store_part_bf16(void *place, fp_vec a, size_t count) {
  uint16_t elements[4];
  fp_vec_store_bf16(elements, a);
  memcpy(place, elements, 2 * count);
}

static inline fp_vec fp_vec_from_f16(uint16x4_t bits) {
  return vcvt_f32_f16(vreinterpret_f16_u16(bits));
}
static inline fp_vec fp_vec_load_f16(const void *place) {
  return fp_vec_from_f16(fp_vec_load_halves(place));
}
static inline void fp_vec_store_f16(void *place, fp_vec a) {
  vst1_u8(place, vreinterpret_u8_f16(vcvt_f16_f32(a)));
}
/// Four bytes, each in 16 bits.
static inline uint16x4_t fp_vec_load_bytes(const void *place) {
  uint32_t word;
  memcpy(&word, place, 4);
  return vget_low_u16(vmovl_u8(vcreate_u8(word)));
}
static inline fp_vec fp_vec_load_f8_e5m2(const void *place) {
  return fp_vec_from_f16(vshl_n_u16(fp_vec_load_bytes(place), 8));
}
static inline fp_vec fp_vec_load_f8_e4m3(const void *place) {
  const uint16x4_t wide = fp_vec_load_bytes(place);
  const uint16x4_t sign = vshl_n_u16(vand_u16(wide, vdup_n_u16(0x80)), 8);
  const uint16x4_t rest = vshl_n_u16(vand_u16(wide, vdup_n_u16(0x7f)), 7);
  const float32x4_t value = vmulq_n_f32(fp_vec_from_f16(vorr_u16(sign, rest)), 256.0f);
  const uint32x4_t nan = vceqq_f32(vabsq_f32(value), vdupq_n_f32(480.0f));
  return vreinterpretq_f32_u32(vorrq_u32(vreinterpretq_u32_f32(value),
                                         vandq_u32(nan, vdupq_n_u32(0x7fc00000u))));
}
static inline fp_vec fp_vec_load_i8(const void *place) {
  uint32_t word;
  memcpy(&word, place, 4);
  const int16x8_t wide = vmovl_s8(vreinterpret_s8_u8(vcreate_u8(word)));
  return vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide)));
}
static inline fp_vec fp_vec_load_u8(const void *place) {
  return vcvtq_f32_u32(vmovl_u16(fp_vec_load_bytes(place)));
}

#endif
