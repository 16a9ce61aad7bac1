/// Vectors of 4 float32 for the attention kernels.
#include <arm_neon.h>

#include <stddef.h>

typedef float32x4_t vector;
enum { vector_width = 4 };

#define FP_VECTOR static inline __attribute__((always_inline))

FP_VECTOR vector vector_load(const float *x) { return vld1q_f32(x); }
FP_VECTOR void vector_store(float *x, vector value) { vst1q_f32(x, value); }
FP_VECTOR vector vector_set(float x) { return vdupq_n_f32(x); }
FP_VECTOR vector vector_add(vector x, vector y) { return vaddq_f32(x, y); }
FP_VECTOR vector vector_subtract(vector x, vector y) { return vsubq_f32(x, y); }
FP_VECTOR vector vector_multiply(vector x, vector y) { return vmulq_f32(x, y); }
FP_VECTOR vector vector_multiply_add(vector x, vector y, vector z) { return vfmaq_f32(z, x, y); }
FP_VECTOR vector vector_largest(vector x, vector y) { return vmaxnmq_f32(x, y); }
FP_VECTOR float vector_reduce_largest(vector x) { return vmaxnmvq_f32(x); }
FP_VECTOR vector vector_round(vector x) { return vrndnq_f32(x); }
FP_VECTOR vector vector_part(vector x) {
  // -infinity - floor(-infinity) is NaN, but what weighs nothing is small enough long before it.
  const vector bounded = vmaxq_f32(x, vdupq_n_f32(-1000));
  return vsubq_f32(bounded, vrndmq_f32(bounded));
}
FP_VECTOR vector vector_power(vector power, vector x) {
  const vector bounded = vmaxq_f32(power, vdupq_n_f32(-1000));
  const int32x4_t whole = vcvtmq_s32_f32(bounded);
  const int32x4_t exponent = vshlq_n_s32(vaddq_s32(whole, vdupq_n_s32(127)), 23);
  const vector product = vmulq_f32(x, vreinterpretq_f32_s32(exponent));
  const uint32x4_t tiny = vcltq_f32(power, vdupq_n_f32(-126)); // not where it is NaN
  return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(product), tiny));
}

FP_VECTOR vector vector_load_bf16(const void *x) {
  const uint16x4_t halves = vreinterpret_u16_u8(vld1_u8((const uint8_t *)x));
  return vreinterpretq_f32_u32(vshll_n_u16(halves, 16));
}

/// float32 values rounded to the nearest bfloat16, ties to even; NaN made quiet.
FP_VECTOR vector vector_round_bf16(vector x) {
  const uint32x4_t bits = vreinterpretq_u32_f32(x);
  const uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
  const uint32x4_t sum = vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
  const uint32x4_t quiet = vorrq_u32(bits, vdupq_n_u32(0x400000));
  const uint32x4_t chosen = vbslq_u32(vceqq_f32(x, x), sum, quiet);
  return vreinterpretq_f32_u32(vandq_u32(chosen, vdupq_n_u32(0xffff0000u)));
}

FP_VECTOR void vector_store_bf16(void *target, vector x) {
  const uint16x4_t high = vshrn_n_u32(vreinterpretq_u32_f32(vector_round_bf16(x)), 16);
  vst1_u8((uint8_t *)target, vreinterpret_u8_u16(high));
}

/// Turns the pairs of x: (x0 * cosine - x1 * sine, x1 * cosine + x0 * sine).
FP_VECTOR vector vector_rotate(vector x, const float *cosine, const float *sine) {
  const float32x2_t c = vld1_f32(cosine), s = vld1_f32(sine);
  const float32x2_t low = vget_low_f32(x), high = vget_high_f32(x);
  const float32x2_t even = vuzp1_f32(low, high), odd = vuzp2_f32(low, high);
  const float32x2_t turned_even = vsub_f32(vmul_f32(even, c), vmul_f32(odd, s));
  const float32x2_t turned_odd = vadd_f32(vmul_f32(odd, c), vmul_f32(even, s));
  return vcombine_f32(vzip1_f32(turned_even, turned_odd), vzip2_f32(turned_even, turned_odd));
}
