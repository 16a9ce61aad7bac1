/// One element of an array, for the plain C versions and the ends of vector loops.
#ifndef FP_ELEMENT_H
#define FP_ELEMENT_H

#include "fp_convert.h"

/// Of F32, BF16 or F16, as float32.
static inline float fp_element(const void *base, fp_dtype type, size_t index) {
  if (type == FP_BF16 || type == FP_F16) {
    uint16_t half;
    memcpy(&half, (const char *)base + 2 * index, sizeof half);
    return type == FP_BF16 ? fp_bf16_to_f32(half) : fp_f16_to_f32(half);
  }
  float value;
  memcpy(&value, (const char *)base + 4 * index, sizeof value);
  return value;
}

/// Of F32 or BF16, rounded to nearest even.
static inline void fp_set_element(void *base, fp_dtype type, size_t index, float value) {
  if (type == FP_BF16) {
    const uint16_t half = fp_f32_to_bf16(value);
    memcpy((char *)base + 2 * index, &half, sizeof half);
  } else {
    memcpy((char *)base + 4 * index, &value, sizeof value);
  }
}

#endif
