/// What the attention kernels need beyond the vector vocabulary, in Advanced SIMD.
#include "../elementwise/fp_vector_neon.h"

#define FP_STEP static inline __attribute__((always_inline))

/// Far below what has any weight, and a number: -infinity - floor(-infinity) would be NaN.
FP_STEP fp_vec attention_bounded(fp_vec x) { return fp_vec_max(fp_vec_set(-1000), x); }

FP_STEP fp_vec attention_part(fp_vec x) {
  const fp_vec bounded = attention_bounded(x);
  return fp_vec_sub(bounded, vrndmq_f32(bounded));
}

FP_STEP fp_vec attention_power(fp_vec x, fp_vec power) {
  const int32x4_t whole = vcvtmq_s32_f32(attention_bounded(power));
  const int32x4_t exponent = vshlq_n_s32(vaddq_s32(whole, vdupq_n_s32(127)), 23);
  const fp_vec product = fp_vec_mul(x, vreinterpretq_f32_s32(exponent));
  const fp_vec_mask tiny = fp_vec_less(power, fp_vec_set(-126));
  return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(product), tiny));
}

FP_STEP fp_vec attention_round_bf16(fp_vec x) {
  const uint32x4_t word = vreinterpretq_u32_f32(x);
  const uint32x4_t odd = vandq_u32(vshrq_n_u32(word, 16), vdupq_n_u32(1));
  const uint32x4_t rounded = vaddq_u32(word, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
  const uint32x4_t quiet = vorrq_u32(word, vdupq_n_u32(0x400000));
  const uint32x4_t kept = vbslq_u32(fp_vec_is_nan(x), quiet, rounded);
  return vreinterpretq_f32_u32(vandq_u32(kept, vdupq_n_u32(0xffff0000u)));
}

FP_STEP void attention_store_bf16(void *place, fp_vec x) { fp_vec_store_bf16(place, x); }

FP_STEP fp_vec attention_rotate(fp_vec x, const float *cosine, const float *sine) {
  const float32x2_t c = vreinterpret_f32_u8(vld1_u8((const uint8_t *)cosine));
  const float32x2_t s = vreinterpret_f32_u8(vld1_u8((const uint8_t *)sine));
  const float32x2_t low = vget_low_f32(x), high = vget_high_f32(x);
  const float32x2_t even = vuzp1_f32(low, high), odd = vuzp2_f32(low, high);
  const float32x2_t turned_even = vsub_f32(vmul_f32(even, c), vmul_f32(odd, s));
  const float32x2_t turned_odd = vadd_f32(vmul_f32(odd, c), vmul_f32(even, s));
  return vcombine_f32(vzip1_f32(turned_even, turned_odd), vzip2_f32(turned_even, turned_odd));
}
