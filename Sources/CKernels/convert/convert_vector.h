/// Conversions on the vector vocabulary: the pairs that checkpoints and activations need. All other
/// pairs go to the plain C version.
///
/// Included by `convert_<isa>.c` after its `fp_vector_<isa>.h`.
#include "convert_internal.h"

/// Whole vectors of `type` to float32, which may be unaligned; returns the elements done.
static size_t decode_vectors(void *target, const void *source, fp_dtype type, size_t count) {
  const char *place = source;
  char *values = target;
  size_t i = 0;
  switch (type) {
  case FP_BF16:
    for (; i + fp_vec_width <= count; i += fp_vec_width)
      fp_vec_store_f32(values + 4 * i, fp_vec_load_bf16(place + 2 * i));
    return i;
  case FP_F16:
    for (; i + fp_vec_width <= count; i += fp_vec_width)
      fp_vec_store_f32(values + 4 * i, fp_vec_load_f16(place + 2 * i));
    return i;
  case FP_F8_E4M3:
    for (; i + fp_vec_width <= count; i += fp_vec_width)
      fp_vec_store_f32(values + 4 * i, fp_vec_load_f8_e4m3(place + i));
    return i;
  case FP_F8_E5M2:
    for (; i + fp_vec_width <= count; i += fp_vec_width)
      fp_vec_store_f32(values + 4 * i, fp_vec_load_f8_e5m2(place + i));
    return i;
  case FP_I8:
    for (; i + fp_vec_width <= count; i += fp_vec_width)
      fp_vec_store_f32(values + 4 * i, fp_vec_load_i8(place + i));
    return i;
  case FP_U8:
    for (; i + fp_vec_width <= count; i += fp_vec_width)
      fp_vec_store_f32(values + 4 * i, fp_vec_load_u8(place + i));
    return i;
  default:
    return 0;
  }
}

/// Whole vectors of float32, which may be unaligned, to `type`; returns the elements done.
static size_t encode_vectors(void *target, fp_dtype type, const void *source, size_t count) {
  const char *values = source;
  char *place = target;
  size_t i = 0;
  if (type == FP_BF16)
    for (; i + fp_vec_width <= count; i += fp_vec_width)
      fp_vec_store_bf16(place + 2 * i, fp_vec_load_f32(values + 4 * i));
  if (type == FP_F16)
    for (; i + fp_vec_width <= count; i += fp_vec_width)
      fp_vec_store_f16(place + 2 * i, fp_vec_load_f32(values + 4 * i));
  return i;
}

static bool has_vectors(fp_dtype type) {
  switch (type) {
  case FP_F32:
  case FP_BF16:
  case FP_F16:
  case FP_F8_E4M3:
  case FP_F8_E5M2:
  case FP_I8:
  case FP_U8:
    return true;
  default:
    return false;
  }
}

/// Through float32, by blocks that stay in the first-level cache. Returns the elements done.
static size_t convert_vectors(char *target, fp_dtype target_type, const char *source,
                              fp_dtype source_type, size_t count) {
  enum { block_elements = 1024 };
  if (target_type == FP_F32)
    return decode_vectors(target, source, source_type, count);
  if (source_type == FP_F32)
    return encode_vectors(target, target_type, source, count);
  float values[block_elements];
  const size_t target_size = fp_dtype_size(target_type), source_size = fp_dtype_size(source_type);
  size_t done = 0;
  while (count - done >= fp_vec_width) {
    const size_t block = count - done < block_elements ? count - done : block_elements;
    const size_t decoded =
        decode_vectors(values, source + done * source_size, source_type, block);
    done += encode_vectors(target + done * target_size, target_type, values, decoded);
  }
  return done;
}

static void convert(void *target, fp_dtype target_type, const void *source, fp_dtype source_type,
                    size_t count) {
  const bool vectors = target_type == FP_F32 || target_type == FP_BF16 || target_type == FP_F16;
  size_t done = 0;
  if (vectors && has_vectors(source_type) && target_type != source_type)
    done = convert_vectors(target, target_type, source, source_type, count);
  fp_convert_generic((char *)target + done * fp_dtype_size(target_type), target_type,
                     (const char *)source + done * fp_dtype_size(source_type), source_type,
                     count - done);
}
