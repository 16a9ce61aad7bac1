/// One element of an array of F32 or BF16, for the plain C versions.
#ifndef FP_ELEMENT_H
#define FP_ELEMENT_H

#include "fp_convert.h"

static inline float fp_element(const void *base, fp_dtype type, size_t index) {
  if (type == FP_BF16) {
    uint16_t half;
    memcpy(&half, (const char *)base + 2 * index, sizeof half);
    return fp_bf16_to_f32(half);
  }
  float value;
  memcpy(&value, (const char *)base + 4 * index, sizeof value);
  return value;
}

static inline void fp_set_element(void *base, fp_dtype type, size_t index, float value) {
  if (type == FP_BF16) {
    const uint16_t half = fp_f32_to_bf16(value);
    memcpy((char *)base + 2 * index, &half, sizeof half);
  } else {
    memcpy((char *)base + 4 * index, &value, sizeof value);
  }
}

#endif
