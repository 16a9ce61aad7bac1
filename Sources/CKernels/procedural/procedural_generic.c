// Values by formula in plain C.
#include "procedural_internal.h"

#include "fp_convert.h"

#include <math.h>
#include <string.h>

// The formula rounds the product before the sum.
#pragma STDC FP_CONTRACT OFF

void fp_procedural_fill_generic(void *target, fp_dtype type, uint64_t hash, uint64_t start,
                                size_t count, float offset, float scale, bool absolute) {
  for (size_t i = 0; i < count; i++) {
    uint64_t z = hash + (start + i + 1) * FP_PROCEDURAL_STEP;
    z = (z ^ (z >> 30)) * FP_PROCEDURAL_MULTIPLY1;
    z = (z ^ (z >> 27)) * FP_PROCEDURAL_MULTIPLY2;
    z ^= z >> 31;
    float r = (float)(int32_t)(z >> 40) * 0x1p-23f - 1.0f;
    if (absolute)
      r = fabsf(r);
    const float product = scale * r;
    const uint16_t half = fp_f32_to_bf16(product + offset);
    if (type == FP_BF16) {
      memcpy((char *)target + 2 * i, &half, sizeof half);
    } else {
      const float value = fp_bf16_to_f32(half);
      memcpy((char *)target + 4 * i, &value, sizeof value);
    }
  }
}

void fp_procedural_init_generic(fp_procedural_kernels *kernels) {
  kernels->fill = fp_procedural_fill_generic;
}
