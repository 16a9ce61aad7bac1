// Tile kernels in plain C: the reference that every instruction set is checked against.
#include "matmul_internal.h"

#include <math.h>
#include <string.h>

enum { tile_rows = 4, tile_lanes = 16 };

static inline const char *group_address(const fp_tile_args *args, const char *block, int row,
                                        int group) {
  return block + row * args->a_row + (group / FP_CHUNK_GROUPS) * args->a_chunk +
         (group % FP_CHUNK_GROUPS) * 4;
}

static void multiply_f32(const fp_tile_args *args) {
  for (int row = 0; row < args->rows; row++) {
    float *c = (float *)((char *)args->c + row * args->c_row);
    if (!args->accumulate)
      memset(c, 0, sizeof(float) * (size_t)args->lanes);
    for (int block = 0; block < args->batch; block++) {
      const char *a = (const char *)args->a + (args->a_offsets ? args->a_offsets[block] : 0);
      const float *b = (const float *)args->b + (size_t)block * args->groups * args->lanes;
      for (int group = 0; group < args->groups; group++) {
        float x;
        memcpy(&x, group_address(args, a, row, group), sizeof x);
        for (int lane = 0; lane < args->lanes; lane++)
          c[lane] += x * b[(size_t)group * args->lanes + lane];
      }
    }
  }
}

static void multiply_i8(const fp_tile_args *args) {
  for (int row = 0; row < args->rows; row++) {
    int32_t *c = (int32_t *)((char *)args->c + row * args->c_row);
    if (!args->accumulate)
      memset(c, 0, sizeof(int32_t) * (size_t)args->lanes);
    for (int block = 0; block < args->batch; block++) {
      const char *a = (const char *)args->a + (args->a_offsets ? args->a_offsets[block] : 0);
      const int8_t *b = (const int8_t *)args->b + (size_t)block * args->groups * args->lanes * 4;
      for (int group = 0; group < args->groups; group++) {
        const uint8_t *x = (const uint8_t *)group_address(args, a, row, group);
        for (int lane = 0; lane < args->lanes; lane++) {
          const int8_t *y = b + ((size_t)group * args->lanes + lane) * 4;
          c[lane] += x[0] * y[0] + x[1] * y[1] + x[2] * y[2] + x[3] * y[3];
        }
      }
    }
  }
}

void fp_pack_lanes_generic(void *target, const void *source, ptrdiff_t source_row, int64_t n,
                           int64_t k, int lanes, int64_t groups, int group, size_t element) {
  char *words = target;
  memset(words, 0, (size_t)groups * lanes * 4);
  for (int64_t lane = 0; lane < n; lane++) {
    const char *row = (const char *)source + lane * source_row;
    for (int64_t i = 0; i < k; i++)
      memcpy(words + ((i / group) * lanes + lane) * 4 + (i % group) * element, row + i * element,
             element);
  }
}

void fp_pack_depth_generic(void *target, const void *source, ptrdiff_t source_row, int64_t n,
                           int64_t k, int lanes, int64_t groups, int group, size_t element) {
  char *words = target;
  memset(words, 0, (size_t)groups * lanes * 4);
  for (int64_t i = 0; i < k; i++) {
    const char *row = (const char *)source + i * source_row;
    for (int64_t lane = 0; lane < n; lane++)
      memcpy(words + ((i / group) * lanes + lane) * 4 + (i % group) * element,
             row + lane * element, element);
  }
}

void fp_pack_lanes_f32_generic(void *target, const void *source, ptrdiff_t source_row, int64_t n,
                               int64_t k, int lanes, int64_t groups) {
  fp_pack_lanes_generic(target, source, source_row, n, k, lanes, groups, 1, 4);
}

void fp_pack_depth_f32_generic(void *target, const void *source, ptrdiff_t source_row, int64_t n,
                               int64_t k, int lanes, int64_t groups) {
  fp_pack_depth_generic(target, source, source_row, n, k, lanes, groups, 1, 4);
}

void fp_pack_lanes_i8_generic(void *target, const void *source, ptrdiff_t source_row, int64_t n,
                              int64_t k, int lanes, int64_t groups) {
  fp_pack_lanes_generic(target, source, source_row, n, k, lanes, groups, 4, 1);
}

void fp_pack_depth_i8_generic(void *target, const void *source, ptrdiff_t source_row, int64_t n,
                              int64_t k, int lanes, int64_t groups) {
  fp_pack_depth_generic(target, source, source_row, n, k, lanes, groups, 4, 1);
}

void fp_finish_nothing(void) {}

/// Mean and reciprocal deviation of a row; two passes, since one loses digits to cancellation.
static void row_statistics(const float *x, int64_t k, fp_norm norm, float epsilon, float *mean,
                           float *scale) {
  double sum = 0, squares = 0;
  if (norm == FP_NORM_LAYER)
    for (int64_t i = 0; i < k; i++)
      sum += x[i];
  *mean = (float)(sum / (double)k);
  for (int64_t i = 0; i < k; i++) {
    const double difference = (double)x[i] - *mean;
    squares += difference * difference;
  }
  *scale = (float)(1.0 / sqrt(squares / (double)k + epsilon));
}

static void prepare_floats(const fp_prologue *prologue, int64_t row, int64_t k, float *values) {
  const char *x = (const char *)prologue->x + row * prologue->x_row;
  const char *addend =
      prologue->addend ? (const char *)prologue->addend + row * prologue->addend_row : NULL;
  for (int64_t i = 0; i < k; i++)
    values[i] = fp_element(x, prologue->x_type, i);
  if (prologue->norm != FP_NORM_NONE && k > 0) {
    float mean, scale;
    row_statistics(values, k, prologue->norm, prologue->epsilon, &mean, &scale);
    for (int64_t i = 0; i < k; i++)
      values[i] = (values[i] - mean) * scale;
  }
  for (int64_t i = 0; i < k; i++) {
    if (prologue->multiply)
      values[i] *= prologue->multiply[i];
    if (prologue->add)
      values[i] += prologue->add[i];
    if (addend)
      values[i] += prologue->addend_factor * fp_element(addend, prologue->addend_type, i);
  }
}

/// The 8-bit code of a value: round(value / scale) + 128, NaN as zero.
static uint8_t quantise(float value, float inverse_scale) {
  const float scaled = value * inverse_scale;
  if (!(scaled == scaled))
    return 128;
  const float bounded = scaled < -127.0f ? -127.0f : scaled > 127.0f ? 127.0f : scaled;
  return (uint8_t)((int)rintf(bounded) + 128);
}

void fp_prepare_row_generic(fp_compute compute, fp_dtype storage, const fp_prologue *prologue,
                            int64_t row, int64_t k, void *target, ptrdiff_t chunk_stride,
                            int64_t chunks, float *scratch, float *scale) {
  prepare_floats(prologue, row, k, scratch);
  const int64_t size = (int64_t)fp_dtype_size(storage), per_chunk = FP_ALIGNMENT / size;
  float inverse_scale = 0;
  if (compute == FP_COMPUTE_I8) {
    float largest = 0;
    for (int64_t i = 0; i < k; i++)
      if (fabsf(scratch[i]) > largest && isfinite(scratch[i]))
        largest = fabsf(scratch[i]);
    *scale = largest / 127.0f;
    inverse_scale = largest > 0 ? 127.0f / largest : 0;
  }
  for (int64_t i = 0; i < chunks * per_chunk; i++) {
    char *place = (char *)target + (i / per_chunk) * chunk_stride + (i % per_chunk) * size;
    const float value = i < k ? scratch[i] : 0;
    if (compute == FP_COMPUTE_I8) {
      *(uint8_t *)place = i < k ? quantise(value, inverse_scale) : 128;
    } else if (storage == FP_BF16) {
      const uint16_t rounded = fp_f32_to_bf16(value);
      memcpy(place, &rounded, 2);
    } else {
      const float stored =
          compute == FP_COMPUTE_BF16 ? fp_bf16_to_f32(fp_f32_to_bf16(value)) : value;
      memcpy(place, &stored, 4);
    }
  }
}

static void prepare_row(fp_compute compute, const fp_prologue *prologue, int64_t row, int64_t k,
                        void *target, ptrdiff_t chunk_stride, int64_t chunks, float *scratch,
                        float *scale) {
  const fp_dtype storage = compute == FP_COMPUTE_I8 ? FP_I8 : FP_F32;
  fp_prepare_row_generic(compute, storage, prologue, row, k, target, chunk_stride, chunks, scratch,
                         scale);
}

/// min(high, max(low, x)), NaN kept.
static float clamped(float x, float low, float high) {
  const float raised = x < low ? low : x;
  return raised > high ? high : raised;
}

float fp_activate(float x, fp_activation activation, const fp_epilogue *epilogue) {
  switch (activation) {
  case FP_ACTIVATION_GELU_TANH:
    return 0.5f * x * (1.0f + tanhf(0.7978845608028654f * (x + 0.044715f * x * x * x)));
  case FP_ACTIVATION_GELU_ERF:
    return 0.5f * x * (1.0f + erff(x * 0.7071067811865476f));
  case FP_ACTIVATION_SILU:
    return x / (1.0f + expf(-x));
  case FP_ACTIVATION_RELU:
    return x > 0 || x != x ? x : 0;
  case FP_ACTIVATION_CLAMP:
    return clamped(x, epilogue->activation_a, epilogue->activation_b);
  case FP_ACTIVATION_LEAKY_RELU:
    return x < 0 ? epilogue->activation_a * x : x;
  case FP_ACTIVATION_HARD_SWISH:
    return x * clamped(epilogue->activation_a * x + epilogue->activation_b, 0, 1);
  default:
    return x;
  }
}

void fp_store_generic(const fp_epilogue *epilogue, const fp_store_args *args) {
  for (int i = 0; i < args->rows; i++) {
    const int64_t row = args->row + i;
    const char *c = (const char *)args->c + i * args->c_row;
    for (int j = 0; j < args->lanes; j++) {
      const int64_t lane = args->lane + j;
      float value;
      if (args->lane_scale) {
        int32_t sum;
        memcpy(&sum, c + j * 4, 4);
        value = (float)(sum - 128 * args->lane_sum[j]) *
                (args->lane_scale[j] * args->row_scale[row]);
      } else {
        memcpy(&value, c + j * 4, 4);
      }
      if (epilogue->bias)
        value += epilogue->bias[lane];
      value = fp_activate(value, epilogue->activation, epilogue);
      if (epilogue->factor)
        value *= fp_element((const char *)epilogue->factor + row * epilogue->factor_row,
                               epilogue->factor_type, lane);
      if (epilogue->gate)
        value *= epilogue->gate[lane];
      if (epilogue->residual)
        value += fp_element((const char *)epilogue->residual + row * epilogue->residual_row,
                               epilogue->residual_type, lane);
      value = fp_activate(value, epilogue->last, epilogue);
      char *y = (char *)epilogue->y + row * epilogue->y_row;
      if (epilogue->y_type == FP_F32) {
        memcpy(y + lane * 4, &value, 4);
      } else {
        const uint16_t rounded = fp_f32_to_bf16(value);
        memcpy(y + lane * 2, &rounded, 2);
      }
    }
  }
}

void fp_matmul_init_generic(fp_matmul_kernels *kernels) {
  const fp_tile_kernels floats = {
      .storage = FP_F32,
      .group = 1,
      .rows = tile_rows,
      .lanes = tile_lanes,
      .block_groups = 256,
      .block_lanes = 256,
      .multiply = multiply_f32,
      .pack_lanes = fp_pack_lanes_f32_generic,
      .pack_depth = fp_pack_depth_f32_generic,
      .finish = fp_finish_nothing,
  };
  kernels->tile[FP_COMPUTE_F32] = floats;
  kernels->tile[FP_COMPUTE_BF16] = floats;
  kernels->tile[FP_COMPUTE_I8] = (fp_tile_kernels){
      .storage = FP_I8,
      .group = 4,
      .rows = tile_rows,
      .lanes = tile_lanes,
      .block_groups = 256,
      .block_lanes = 256,
      .multiply = multiply_i8,
      .pack_lanes = fp_pack_lanes_i8_generic,
      .pack_depth = fp_pack_depth_i8_generic,
      .finish = fp_finish_nothing,
  };
  kernels->prepare_row = prepare_row;
  kernels->store = fp_store_generic;
}
