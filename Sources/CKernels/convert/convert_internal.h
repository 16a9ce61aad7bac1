/// What the levels of `convert` share.
#ifndef FP_CONVERT_INTERNAL_H
#define FP_CONVERT_INTERNAL_H

#include "fp_convert.h"

/// Converts any pair in plain C.
void fp_convert_generic(void *target, fp_dtype target_type, const void *source,
                        fp_dtype source_type, size_t count);
/// Elements of any type but F64 to float32, and back from float32.
void fp_decode_f32_generic(float *values, const void *source, fp_dtype type, size_t count);
void fp_encode_f32_generic(void *target, fp_dtype type, const float *values, size_t count);

#endif
