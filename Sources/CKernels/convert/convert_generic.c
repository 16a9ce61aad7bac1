// Conversions between element types in plain C.
#include "fp_convert.h"

static void convert(void *target, fp_dtype target_type, const void *source, fp_dtype source_type,
                    size_t count) {
  for (size_t i = 0; i < count; i++) {
    float value = 0;
    uint16_t half;
    if (source_type == FP_F32) {
      memcpy(&value, (const char *)source + 4 * i, 4);
    } else {
      memcpy(&half, (const char *)source + 2 * i, 2);
      value = source_type == FP_BF16 ? fp_bf16_to_f32(half) : fp_f16_to_f32(half);
    }
    if (target_type == FP_F32) {
      memcpy((char *)target + 4 * i, &value, 4);
    } else {
      half = fp_f32_to_bf16(value);
      memcpy((char *)target + 2 * i, &half, 2);
    }
  }
}

void fp_convert_init_generic(fp_convert_kernels *kernels) { kernels->convert = convert; }
