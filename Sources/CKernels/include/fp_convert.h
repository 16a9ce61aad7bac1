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

/// Rounds a magnitude of at least the smallest normal number to fewer mantissa bits (ties to even)
/// and subtracts the difference of the exponent biases. What overflows comes out too large.
static inline uint32_t fp_round_magnitude(uint32_t magnitude, int dropped, uint32_t bias_drop) {
  const uint32_t half = (1u << (dropped - 1)) - 1u + ((magnitude >> dropped) & 1u);
  return ((magnitude + half) >> dropped) - (bias_drop << (23 - dropped));
}

/// Rounds a magnitude to a whole number, ties to even, for magnitudes below 2^22.
static inline uint32_t fp_round_whole(float magnitude) {
  const float shifted = magnitude + 0x1p23f; // the sum's own rounding does it
  uint32_t word;
  memcpy(&word, &shifted, sizeof word);
  return word & 0x7fffffu;
}

/// Rounds to nearest, ties to even; what is too large becomes infinity, a NaN keeps its sign and
/// upper payload and is made quiet.
static inline uint16_t fp_f32_to_f16(float value) {
  uint32_t word;
  memcpy(&word, &value, sizeof word);
  const uint32_t sign = (word >> 16) & 0x8000u, size = word & 0x7fffffffu;
  uint32_t code;
  if (size > 0x7f800000u) {
    code = 0x7e00u | ((size >> 13) & 0x1ffu);
  } else if (size < 0x38800000u) { // below 2^-14: a multiple of 2^-24
    code = fp_round_whole((value < 0 ? -value : value) * 0x1p24f);
  } else {
    code = fp_round_magnitude(size, 13, 112);
    if (code > 0x7c00u)
      code = 0x7c00u;
  }
  return (uint16_t)(sign | code);
}

/// E5M2 is the upper half of half precision.
static inline float fp_f8_e5m2_to_f32(uint8_t bits) {
  return fp_f16_to_f32((uint16_t)((uint32_t)bits << 8));
}

/// Rounds to nearest, ties to even; what is too large becomes infinity, NaN 0x7f or 0xff.
static inline uint8_t fp_f32_to_f8_e5m2(float value) {
  uint32_t word;
  memcpy(&word, &value, sizeof word);
  const uint32_t sign = (word >> 24) & 0x80u, size = word & 0x7fffffffu;
  uint32_t code;
  if (size > 0x7f800000u) {
    code = 0x7fu;
  } else if (size < 0x38800000u) { // below 2^-14: a multiple of 2^-16
    code = fp_round_whole((value < 0 ? -value : value) * 0x1p16f);
  } else {
    code = fp_round_magnitude(size, 21, 112);
    if (code > 0x7cu)
      code = 0x7cu;
  }
  return (uint8_t)(sign | code);
}

/// E4M3 "fn": bias 7, no infinity; the one NaN of each sign becomes 0x7ff00000 with its sign.
static inline float fp_f8_e4m3_to_f32(uint8_t bits) {
  const uint32_t sign = (uint32_t)(bits & 0x80u) << 24;
  const uint32_t exponent = (bits >> 3) & 15u, mantissa = bits & 7u;
  uint32_t word;
  float value;
  if ((bits & 0x7fu) == 0x7fu) {
    word = sign | 0x7ff00000u;
  } else if (exponent == 0) { // zero or subnormal: mantissa * 2^-9, exact
    value = (float)mantissa * 0x1p-9f;
    memcpy(&word, &value, sizeof word);
    word |= sign;
  } else {
    word = sign | ((exponent + 120) << 23) | (mantissa << 20);
  }
  memcpy(&value, &word, sizeof value);
  return value;
}

/// Rounds to nearest, ties to even; what is too large, infinity too, becomes 448. PyTorch 2.15 does
/// the same; its older versions made NaN of it.
static inline uint8_t fp_f32_to_f8_e4m3(float value) {
  uint32_t word;
  memcpy(&word, &value, sizeof word);
  const uint32_t sign = (word >> 24) & 0x80u, size = word & 0x7fffffffu;
  uint32_t code;
  if (size > 0x7f800000u) {
    code = 0x7fu;
  } else if (size < 0x3c800000u) { // below 2^-6: a multiple of 2^-9
    code = fp_round_whole((value < 0 ? -value : value) * 0x1p9f);
  } else {
    code = fp_round_magnitude(size, 20, 120);
    if (code > 0x7eu)
      code = 0x7eu;
  }
  return (uint8_t)(sign | code);
}

typedef struct fp_convert_kernels {
  /// Converts `count` elements; `source` and `target` may be unaligned and must not overlap.
  ///
  /// The results are those of PyTorch 2.15's `Tensor.to(dtype)`, bit for bit (a NaN: a NaN of the
  /// same sign):
  /// - to a float narrower than float32 a value goes through float32, so a float64 or a large
  ///   integer is rounded twice; F8_E4M3, which has no infinity, saturates;
  /// - integer to integer keeps the low bits; to BOOL is `!= 0` (NaN is true), from BOOL 0 or 1;
  /// - float to integer truncates towards zero. Where the integer cannot hold the result PyTorch's
  ///   is undefined and differs between machines; here it saturates, and NaN becomes 0.
  void (*convert)(void *target, fp_dtype target_type, const void *source, fp_dtype source_type,
                  size_t count);
} fp_convert_kernels;

void fp_convert_init_generic(fp_convert_kernels *kernels);
void fp_convert_init_avx2(fp_convert_kernels *kernels);
void fp_convert_init_avx512(fp_convert_kernels *kernels, uint32_t features);
void fp_convert_init_neon(fp_convert_kernels *kernels);

#endif
