// Conversions between element types in plain C.
//
// A pair goes through one of three carriers that hold the source exactly enough for PyTorch's
// result: int64 between integers, double where one side is F64, float32 for all others.
#include "convert_internal.h"

#pragma STDC FP_CONTRACT OFF

enum { block_elements = 256 };

static bool is_whole(fp_dtype type) {
  switch (type) {
  case FP_I8:
  case FP_U8:
  case FP_I16:
  case FP_I32:
  case FP_I64:
  case FP_BOOL:
  case FP_U16:
  case FP_U32:
  case FP_U64:
    return true;
  default:
    return false;
  }
}

static bool is_unsigned(fp_dtype type) {
  return type == FP_U8 || type == FP_U16 || type == FP_U32 || type == FP_U64;
}

/// The bits of U64 as they are.
static int64_t load_whole(const char *place, fp_dtype type) {
  int16_t short_value;
  int32_t int_value;
  uint16_t unsigned_short;
  uint32_t unsigned_int;
  int64_t long_value;
  switch (type) {
  case FP_I8:
    return *(const int8_t *)place;
  case FP_U8:
    return *(const uint8_t *)place;
  case FP_BOOL:
    return *(const uint8_t *)place != 0;
  case FP_I16:
    memcpy(&short_value, place, sizeof short_value);
    return short_value;
  case FP_U16:
    memcpy(&unsigned_short, place, sizeof unsigned_short);
    return unsigned_short;
  case FP_U32:
    memcpy(&unsigned_int, place, sizeof unsigned_int);
    return unsigned_int;
  case FP_I32:
    memcpy(&int_value, place, sizeof int_value);
    return int_value;
  default:
    memcpy(&long_value, place, sizeof long_value);
    return long_value;
  }
}

/// Keeps the low bits.
static void store_whole(char *place, fp_dtype type, int64_t value) {
  const uint64_t bits = (uint64_t)value;
  const uint8_t byte = type == FP_BOOL ? value != 0 : (uint8_t)bits;
  const uint16_t half = (uint16_t)bits;
  const uint32_t word = (uint32_t)bits;
  const size_t size = fp_dtype_size(type);
  memcpy(place,
         size == 1   ? (const void *)&byte
         : size == 2 ? (const void *)&half
         : size == 4 ? (const void *)&word
                     : (const void *)&bits,
         size);
}

/// Truncates towards zero and saturates; NaN becomes 0.
static int64_t truncate(double value, fp_dtype type) {
  if (type == FP_BOOL)
    return value != 0; // NaN is true
  if (value != value)
    return 0;
  if (type == FP_U64)
    return (int64_t)(value >= 0x1p64 ? UINT64_MAX : value <= -1 ? 0 : (uint64_t)value);
  const int bits = 8 * (int)fp_dtype_size(type) - (is_unsigned(type) ? 0 : 1);
  const double beyond = bits == 63 ? 0x1p63 : (double)((int64_t)1 << bits);
  const int64_t largest = bits == 63 ? INT64_MAX : ((int64_t)1 << bits) - 1;
  if (value >= beyond)
    return largest;
  if (is_unsigned(type))
    return value <= -1 ? 0 : (int64_t)value;
  return value < -beyond ? -largest - 1 : (int64_t)value;
}

static float load_float(const char *place, fp_dtype type) {
  float value;
  double wide;
  uint16_t half;
  switch (type) {
  case FP_F32:
    memcpy(&value, place, sizeof value);
    return value;
  case FP_F64:
    memcpy(&wide, place, sizeof wide);
    return (float)wide;
  case FP_BF16:
    memcpy(&half, place, sizeof half);
    return fp_bf16_to_f32(half);
  case FP_F16:
    memcpy(&half, place, sizeof half);
    return fp_f16_to_f32(half);
  case FP_F8_E4M3:
    return fp_f8_e4m3_to_f32(*(const uint8_t *)place);
  case FP_F8_E5M2:
    return fp_f8_e5m2_to_f32(*(const uint8_t *)place);
  case FP_U64:
    return (float)(uint64_t)load_whole(place, type);
  default:
    return (float)load_whole(place, type);
  }
}

static void store_float(char *place, fp_dtype type, float value) {
  double wide;
  uint16_t half;
  switch (type) {
  case FP_F32:
    memcpy(place, &value, sizeof value);
    return;
  case FP_F64:
    wide = (double)value;
    memcpy(place, &wide, sizeof wide);
    return;
  case FP_BF16:
    half = fp_f32_to_bf16(value);
    memcpy(place, &half, sizeof half);
    return;
  case FP_F16:
    half = fp_f32_to_f16(value);
    memcpy(place, &half, sizeof half);
    return;
  case FP_F8_E4M3:
    *(uint8_t *)place = fp_f32_to_f8_e4m3(value);
    return;
  case FP_F8_E5M2:
    *(uint8_t *)place = fp_f32_to_f8_e5m2(value);
    return;
  default:
    store_whole(place, type, truncate((double)value, type));
  }
}

void fp_decode_f32_generic(float *values, const void *source, fp_dtype type, size_t count) {
  const size_t size = fp_dtype_size(type);
  for (size_t i = 0; i < count; i++)
    values[i] = load_float((const char *)source + i * size, type);
}

void fp_encode_f32_generic(void *target, fp_dtype type, const float *values, size_t count) {
  const size_t size = fp_dtype_size(type);
  for (size_t i = 0; i < count; i++)
    store_float((char *)target + i * size, type, values[i]);
}

static void convert_whole(char *target, fp_dtype target_type, const char *source,
                          fp_dtype source_type, size_t count) {
  const size_t target_size = fp_dtype_size(target_type), source_size = fp_dtype_size(source_type);
  for (size_t i = 0; i < count; i++)
    store_whole(target + i * target_size, target_type,
                load_whole(source + i * source_size, source_type));
}

/// Whole numbers to F64, and F64 to whole numbers.
static void convert_double(char *target, fp_dtype target_type, const char *source,
                           fp_dtype source_type, size_t count) {
  for (size_t i = 0; i < count; i++) {
    double value;
    if (target_type == FP_F64) {
      const int64_t whole = load_whole(source + i * fp_dtype_size(source_type), source_type);
      value = source_type == FP_U64 ? (double)(uint64_t)whole : (double)whole;
      memcpy(target + 8 * i, &value, sizeof value);
    } else {
      memcpy(&value, source + 8 * i, sizeof value);
      store_whole(target + i * fp_dtype_size(target_type), target_type,
                  truncate(value, target_type));
    }
  }
}

void fp_convert_generic(void *target, fp_dtype target_type, const void *source,
                        fp_dtype source_type, size_t count) {
  const bool whole_target = is_whole(target_type), whole_source = is_whole(source_type);
  if (count == 0)
    return;
  if (target_type == source_type && target_type != FP_BOOL) {
    memcpy(target, source, count * fp_dtype_size(target_type));
  } else if (whole_target && whole_source) {
    convert_whole(target, target_type, source, source_type, count);
  } else if ((whole_source && target_type == FP_F64) || (whole_target && source_type == FP_F64)) {
    convert_double(target, target_type, source, source_type, count);
  } else {
    float values[block_elements];
    for (size_t start = 0; start < count; start += block_elements) {
      const size_t block = count - start < block_elements ? count - start : block_elements;
      fp_decode_f32_generic(values, (const char *)source + start * fp_dtype_size(source_type),
                            source_type, block);
      fp_encode_f32_generic((char *)target + start * fp_dtype_size(target_type), target_type,
                            values, block);
    }
  }
}

void fp_convert_init_generic(fp_convert_kernels *kernels) { kernels->convert = fp_convert_generic; }
