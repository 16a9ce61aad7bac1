/// Conversions between element types, rounding to nearest even; a NaN stays a NaN.
#ifndef FP_CONVERT_H
#define FP_CONVERT_H

#include "fp_types.h"

#include <string.h>

/// bfloat16 is the upper half of a float32.
static inline float fp_bf16_to_f32(uint16_t bits) {
  const uint32_t word = (uint32_t)bits << 16;
  float value;
  memcpy(&value, &word, sizeof value);
  return value;
}

/// Rounds to nearest, ties to even; a NaN keeps its sign and upper payload and is made quiet.
static inline uint16_t fp_f32_to_bf16(float value) {
  uint32_t word;
  memcpy(&word, &value, sizeof word);
  if ((word & 0x7fffffffu) > 0x7f800000u)
    return (uint16_t)((word >> 16) | 0x40u);
  return (uint16_t)((word + 0x7fffu + ((word >> 16) & 1u)) >> 16);
}

/// IEEE half precision to float32, subnormals included.
static inline float fp_f16_to_f32(uint16_t bits) {
  const uint32_t sign = (uint32_t)(bits & 0x8000u) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1fu, mantissa = bits & 0x3ffu;
  uint32_t word;
  float value;
  if (exponent == 0) { // zero or subnormal: mantissa * 2^-24, exact
    value = (float)mantissa * 0x1p-24f;
    memcpy(&word, &value, sizeof word);
    word |= sign;
  } else if (exponent == 31) { // infinity, or NaN made quiet
    word = sign | 0x7f800000u | (mantissa << 13) | (mantissa ? 0x400000u : 0);
  } else {
    word = sign | ((exponent + 112) << 23) | (mantissa << 13);
  }
  memcpy(&value, &word, sizeof value);
  return value;
}

typedef struct fp_convert_kernels {
  /// Converts `count` elements; `source` and `target` may be unaligned and must not overlap.
  /// Float to integer truncates towards zero and saturates, NaN becomes 0; to BOOL is `!= 0`;
  /// F8_E4M3 saturates nothing: what is too large becomes NaN, as in PyTorch.
  void (*convert)(void *target, fp_dtype target_type, const void *source, fp_dtype source_type,
                  size_t count);
} fp_convert_kernels;

void fp_convert_init_generic(fp_convert_kernels *kernels);
void fp_convert_init_avx2(fp_convert_kernels *kernels);
void fp_convert_init_avx512(fp_convert_kernels *kernels, uint32_t features);
void fp_convert_init_neon(fp_convert_kernels *kernels);

#endif
