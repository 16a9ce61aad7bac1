/// What surrounds a product: the prologue of a row of A and the epilogue of a tile of C, written
/// once on the vector vocabulary and compiled for each instruction set.
///
/// A file that includes this has included `fp_vector_math_<isa>.h` and opened the pragma that
/// chooses its instructions.
#include "matmul_internal.h"

#include <math.h>

/// Elements i ..< i + width of an F32, BF16 or F16 array; zeros from element `count` on.
static inline __attribute__((always_inline)) fp_vec load_elements(const void *base, fp_dtype type,
                                                                  int64_t i, int64_t count) {
  const char *place = (const char *)base + i * (int64_t)fp_dtype_size(type);
  const int64_t left = count - i;
  if (left >= fp_vec_width)
    return type == FP_F32    ? fp_vec_load_f32(place)
           : type == FP_BF16 ? fp_vec_load_bf16(place)
                             : fp_vec_load_f16(place);
  if (left <= 0)
    return fp_vec_set(0);
  if (type == FP_F32)
    return fp_vec_load_part_f32(place, (size_t)left);
  if (type == FP_BF16)
    return fp_vec_load_part_bf16(place, (size_t)left);
  float values[fp_vec_width] = {0};
  for (int64_t j = 0; j < left; j++)
    values[j] = fp_element(place, type, j);
  return fp_vec_load_f32(values);
}

// MARK: Prologue

/// A row's mean and reciprocal deviation, and the row that is added to it.
typedef struct row_norm {
  float mean, scale;
  const char *addend;
} row_norm;

/// Sum over a row of x - mean, or of its square; four running sums hide the latency, and the order
/// of the additions depends on k alone.
static float sum_row(const char *x, fp_dtype type, int64_t k, float mean, bool squared) {
  enum { running = 4 };
  fp_vec sums[running];
  for (int i = 0; i < running; i++)
    sums[i] = fp_vec_set(0);
  const fp_vec center = fp_vec_set(mean), one = fp_vec_set(1);
  int64_t i = 0;
  for (; i + running * fp_vec_width <= k; i += running * fp_vec_width)
    for (int part = 0; part < running; part++) {
      const fp_vec value =
          fp_vec_sub(load_elements(x, type, i + part * fp_vec_width, k), center);
      sums[part] = fp_vec_fma(value, squared ? value : one, sums[part]);
    }
  float sum = fp_vec_sum(fp_vec_add(fp_vec_add(sums[0], sums[1]), fp_vec_add(sums[2], sums[3])));
  for (; i < k; i++) {
    const float value = fp_element(x, type, i) - mean;
    sum += squared ? value * value : value;
  }
  return sum;
}

/// Mean and reciprocal deviation of a row, in two passes: one loses digits to cancellation.
static row_norm measure_row(const fp_prologue *prologue, const char *x, int64_t row, int64_t k) {
  row_norm norm = {.mean = 0, .scale = 1};
  if (prologue->addend)
    norm.addend = (const char *)prologue->addend + row * prologue->addend_row;
  if (prologue->norm == FP_NORM_NONE || k == 0)
    return norm;
  if (prologue->norm == FP_NORM_LAYER)
    norm.mean = sum_row(x, prologue->x_type, k, 0, false) / (float)k;
  const float variance = sum_row(x, prologue->x_type, k, norm.mean, true) / (float)k;
  norm.scale = 1.0f / sqrtf(variance + prologue->epsilon);
  return norm;
}

/// Elements i ..< i + width of the row after its prologue, zeros from k on.
static inline __attribute__((always_inline)) fp_vec prepared(const fp_prologue *prologue,
                                                             const char *x, row_norm norm,
                                                             int64_t i, int64_t k) {
  fp_vec value = load_elements(x, prologue->x_type, i, k);
  if (prologue->norm != FP_NORM_NONE)
    value = fp_vec_mul(fp_vec_sub(value, fp_vec_set(norm.mean)), fp_vec_set(norm.scale));
  if (prologue->multiply)
    value = fp_vec_mul(value, load_elements(prologue->multiply, FP_F32, i, k));
  if (prologue->add)
    value = fp_vec_add(value, load_elements(prologue->add, FP_F32, i, k));
  if (norm.addend)
    value = fp_vec_fma(load_elements(norm.addend, prologue->addend_type, i, k),
                       fp_vec_set(prologue->addend_factor), value);
  if (k - i >= fp_vec_width || prologue->norm == FP_NORM_NONE) // beyond k all terms are zero
    return value;
  float values[fp_vec_width];
  fp_vec_store_f32(values, value);
  return fp_vec_load_part_f32(values, k > i ? (size_t)(k - i) : 0);
}

static void prepare_f32(const fp_prologue *prologue, const char *x, row_norm norm, int64_t k,
                        char *target, ptrdiff_t chunk_stride, int64_t chunks, bool round_to_bf16) {
  for (int64_t chunk = 0; chunk < chunks; chunk++)
    for (int part = 0; part < 16; part += fp_vec_width) {
      fp_vec value = prepared(prologue, x, norm, chunk * 16 + part, k);
      if (round_to_bf16) {
        uint16_t rounded[fp_vec_width];
        fp_vec_store_bf16(rounded, value);
        value = fp_vec_load_bf16(rounded);
      }
      fp_vec_store_f32(target + chunk * chunk_stride + part * 4, value);
    }
}

static void prepare_bf16(const fp_prologue *prologue, const char *x, row_norm norm, int64_t k,
                         char *target, ptrdiff_t chunk_stride, int64_t chunks) {
  const bool copies = prologue->norm == FP_NORM_NONE && !prologue->multiply && !prologue->add &&
                      !prologue->addend && prologue->x_type == FP_BF16;
  for (int64_t chunk = 0; chunk < chunks; chunk++) {
    char *place = target + chunk * chunk_stride;
    if (copies && k - chunk * 32 >= 32)
      memcpy(place, x + chunk * FP_ALIGNMENT, FP_ALIGNMENT);
    else
      for (int part = 0; part < 32; part += fp_vec_width)
        fp_vec_store_bf16(place + part * 2, prepared(prologue, x, norm, chunk * 32 + part, k));
  }
}

/// The largest finite magnitude of the row after its prologue, which is left in `values`.
static float largest_magnitude(const fp_prologue *prologue, const char *x, row_norm norm, int64_t k,
                               float *values) {
  fp_vec largest = fp_vec_set(0);
  for (int64_t i = 0; i < k; i += fp_vec_width) {
    const fp_vec value = prepared(prologue, x, norm, i, k), size = fp_vec_abs(value);
    if (k - i >= fp_vec_width)
      fp_vec_store_f32(values + i, value);
    else
      fp_vec_store_part_f32(values + i, value, (size_t)(k - i));
    const fp_vec_mask finite = fp_vec_less(size, fp_vec_set(__builtin_inff()));
    largest = fp_vec_max(largest, fp_vec_select(finite, size, fp_vec_set(0)));
  }
  return fp_vec_largest(largest);
}

static void prepare_i8(const fp_prologue *prologue, const char *x, row_norm norm, int64_t k,
                       char *target, ptrdiff_t chunk_stride, int64_t chunks, float *values,
                       float *scale) {
  const float largest = largest_magnitude(prologue, x, norm, k, values);
  const fp_vec inverse = fp_vec_set(largest > 0 ? 127.0f / largest : 0);
  *scale = largest / 127.0f;
  for (int64_t chunk = 0; chunk < chunks; chunk++) {
    float codes[64];
    for (int part = 0; part < 64; part += fp_vec_width) {
      const fp_vec scaled =
          fp_vec_mul(load_elements(values, FP_F32, chunk * 64 + part, k), inverse);
      const fp_vec number = fp_vec_select(fp_vec_is_nan(scaled), fp_vec_set(0), scaled);
      const fp_vec bounded =
          fp_vec_min(fp_vec_set(127), fp_vec_max(fp_vec_set(-127), number));
      fp_vec_store_f32(codes + part, fp_vec_round(bounded));
    }
    uint8_t *place = (uint8_t *)target + chunk * chunk_stride;
    for (int i = 0; i < 64; i++)
      place[i] = (uint8_t)((int32_t)codes[i] + 128);
  }
}

static void prepare_row(fp_compute compute, fp_dtype storage, const fp_prologue *prologue,
                        int64_t row, int64_t k, void *target, ptrdiff_t chunk_stride,
                        int64_t chunks, float *scratch, float *scale) {
  const char *x = (const char *)prologue->x + row * prologue->x_row;
  const row_norm norm = measure_row(prologue, x, row, k);
  if (compute == FP_COMPUTE_I8)
    prepare_i8(prologue, x, norm, k, target, chunk_stride, chunks, scratch, scale);
  else if (storage == FP_BF16)
    prepare_bf16(prologue, x, norm, k, target, chunk_stride, chunks);
  else
    prepare_f32(prologue, x, norm, k, target, chunk_stride, chunks, compute == FP_COMPUTE_BF16);
}

// MARK: Epilogue

static inline __attribute__((always_inline)) fp_vec activate(fp_vec x, fp_activation activation,
                                                             const fp_epilogue *epilogue) {
  const fp_vec a = fp_vec_set(epilogue->activation_a), b = fp_vec_set(epilogue->activation_b);
  const fp_vec zero = fp_vec_set(0.0f), one = fp_vec_set(1.0f);
  switch (activation) {
  case FP_ACTIVATION_GELU_TANH:
    return fp_vec_gelu_tanh(x);
  case FP_ACTIVATION_GELU_ERF:
    return fp_vec_gelu_erf(x);
  case FP_ACTIVATION_SILU:
    return fp_vec_silu(x);
  case FP_ACTIVATION_RELU:
    return fp_vec_relu(x);
  case FP_ACTIVATION_CLAMP:
    return fp_vec_min(b, fp_vec_max(a, x));
  case FP_ACTIVATION_LEAKY_RELU:
    return fp_vec_select(fp_vec_less(x, zero), fp_vec_mul(a, x), x);
  case FP_ACTIVATION_HARD_SWISH:
    return fp_vec_mul(x, fp_vec_min(one, fp_vec_max(zero, fp_vec_fma(a, x, b))));
  default:
    return x;
  }
}

/// Undoes the quantisation of a row of sums: (sum - 128 * sum of B) * scale of lane * scale of row.
static void dequantise(const fp_store_args *args, const char *c, float row_scale, float *values) {
  const int32_t *sums = (const int32_t *)c;
  for (int lane = 0; lane < args->lanes; lane++)
    values[lane] = (float)(sums[lane] - 128 * args->lane_sum[lane]) *
                   (args->lane_scale[lane] * row_scale);
}

/// Lanes j ..< j + width of a tile's row, finished.
static inline __attribute__((always_inline)) fp_vec finished(const fp_epilogue *epilogue,
                                                             fp_vec value, int64_t row,
                                                             int64_t lane, int64_t end) {
  if (epilogue->bias)
    value = fp_vec_add(value, load_elements(epilogue->bias, FP_F32, lane, end));
  if (epilogue->activation != FP_ACTIVATION_NONE)
    value = activate(value, epilogue->activation, epilogue);
  if (epilogue->factor)
    value = fp_vec_mul(value,
                       load_elements((const char *)epilogue->factor + row * epilogue->factor_row,
                                     epilogue->factor_type, lane, end));
  if (epilogue->gate)
    value = fp_vec_mul(value, load_elements(epilogue->gate, FP_F32, lane, end));
  if (epilogue->residual)
    value = fp_vec_add(
        value, load_elements((const char *)epilogue->residual + row * epilogue->residual_row,
                             epilogue->residual_type, lane, end));
  if (epilogue->last != FP_ACTIVATION_NONE)
    value = activate(value, epilogue->last, epilogue);
  return value;
}

static inline void store_elements(void *base, fp_dtype type, int64_t i, fp_vec value,
                                  int64_t count) {
  char *place = (char *)base + i * (int64_t)fp_dtype_size(type);
  const int64_t left = count - i;
  if (type == FP_F32) {
    if (left >= fp_vec_width)
      fp_vec_store_f32(place, value);
    else
      fp_vec_store_part_f32(place, value, (size_t)left);
  } else {
    if (left >= fp_vec_width)
      fp_vec_store_bf16(place, value);
    else
      fp_vec_store_part_bf16(place, value, (size_t)left);
  }
}

/// Lanes taken from 8-bit sums at a time.
enum { store_lanes = 64 };

/// Whether a function is `max(value, bound)`, see `lower_bound`.
static inline bool rectifies(fp_activation activation) {
  return activation == FP_ACTIVATION_NONE || activation == FP_ACTIVATION_RELU;
}

/// What a rectifier bounds its values by; nothing where there is none.
static inline fp_vec lower_bound(fp_activation activation) {
  return fp_vec_set(activation == FP_ACTIVATION_RELU ? 0 : -__builtin_inff());
}

/// The whole vectors j ..< j + vectors of all rows of `max(max(sum + bias, b) + residual, c)`.
/// `vectors` and `adds` are constants where it is inlined.
static inline __attribute__((always_inline)) void
store_vectors(const fp_epilogue *epilogue, const fp_store_args *args, int j, const int vectors,
              const bool adds) {
  enum { most = 2 };
  const fp_vec first = lower_bound(epilogue->activation), last = lower_bound(epilogue->last);
  const int64_t lane = (args->lane + j) * 4;
  fp_vec bias[most];
#pragma clang loop unroll(full)
  for (int v = 0; v < vectors; v++) // adding -0 leaves everything as it is
    bias[v] = epilogue->bias
                  ? fp_vec_load_f32((const char *)epilogue->bias + lane + v * fp_vec_width * 4)
                  : fp_vec_set(-0.0f);
  const char *c = (const char *)args->c + j * 4;
  char *y = (char *)epilogue->y + args->row * epilogue->y_row + lane;
  const char *residual =
      adds ? (const char *)epilogue->residual + args->row * epilogue->residual_row + lane : NULL;
  for (int i = 0; i < args->rows; i++) {
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) {
      const int offset = v * fp_vec_width * 4;
      fp_vec value = fp_vec_max(first, fp_vec_add(fp_vec_load_f32(c + offset), bias[v]));
      if (adds)
        value = fp_vec_max(last, fp_vec_add(value, fp_vec_load_f32(residual + offset)));
      else
        value = fp_vec_max(last, value);
      fp_vec_store_f32(y + offset, value);
    }
    c += args->c_row;
    y += epilogue->y_row;
    if (adds)
      residual += epilogue->residual_row;
  }
}

/// The lanes from j on, fewer than a vector, of all rows of a plain epilogue.
static inline void store_part(const fp_epilogue *epilogue, const fp_store_args *args, int j) {
  const fp_vec first = lower_bound(epilogue->activation), last = lower_bound(epilogue->last);
  const size_t count = (size_t)(args->lanes - j);
  const int64_t lane = args->lane + j;
  const fp_vec bias =
      epilogue->bias ? fp_vec_load_part_f32(epilogue->bias + lane, count) : fp_vec_set(-0.0f);
  for (int i = 0; i < args->rows; i++) {
    const int64_t row = args->row + i;
    const char *c = (const char *)args->c + i * args->c_row + j * 4;
    fp_vec value = fp_vec_max(first, fp_vec_add(fp_vec_load_part_f32(c, count), bias));
    if (epilogue->residual)
      value = fp_vec_add(
          value, fp_vec_load_part_f32((const char *)epilogue->residual +
                                          row * epilogue->residual_row + lane * 4, count));
    fp_vec_store_part_f32((char *)epilogue->y + row * epilogue->y_row + lane * 4,
                          fp_vec_max(last, value), count);
  }
}

static inline void store_plain(const fp_epilogue *epilogue, const fp_store_args *args) {
  int j = 0;
  for (; j + 2 * fp_vec_width <= args->lanes; j += 2 * fp_vec_width)
    if (epilogue->residual)
      store_vectors(epilogue, args, j, 2, true);
    else
      store_vectors(epilogue, args, j, 2, false);
  for (; j + fp_vec_width <= args->lanes; j += fp_vec_width)
    if (epilogue->residual)
      store_vectors(epilogue, args, j, 1, true);
    else
      store_vectors(epilogue, args, j, 1, false);
  if (j < args->lanes)
    store_part(epilogue, args, j);
}

/// Float32 sums and results with a function that bends them, a bias and a residual at most: column
/// by column, with the function known to the compiler.
static inline __attribute__((always_inline)) void store_bent(const fp_epilogue *epilogue,
                                                             const fp_store_args *args,
                                                             fp_activation activation) {
  const int64_t end = args->lane + args->lanes;
  for (int j = 0; j < args->lanes; j += fp_vec_width) {
    const int64_t lane = args->lane + j;
    // Minus zero changes no number that it is added to.
    const fp_vec bias =
        epilogue->bias ? load_elements(epilogue->bias, FP_F32, lane, end) : fp_vec_set(-0.0f);
    for (int i = 0; i < args->rows; i++) {
      const int64_t row = args->row + i;
      const char *c = (const char *)args->c + i * args->c_row;
      fp_vec value = fp_vec_add(load_elements(c, FP_F32, j, args->lanes), bias);
      value = activate(value, activation, epilogue);
      if (epilogue->residual)
        value = fp_vec_add(
            value, load_elements((const char *)epilogue->residual + row * epilogue->residual_row,
                                 FP_F32, lane, end));
      store_elements((char *)epilogue->y + row * epilogue->y_row, FP_F32, lane, value, end);
    }
  }
}

/// The common epilogues, without branches for every vector.
///
/// Returns whether this was one.
static bool store_common(const fp_epilogue *epilogue, const fp_store_args *args) {
  if (args->lane_scale || epilogue->factor || epilogue->gate || epilogue->y_type != FP_F32 ||
      (epilogue->residual && epilogue->residual_type != FP_F32))
    return false;
  if (rectifies(epilogue->activation) && rectifies(epilogue->last)) {
    store_plain(epilogue, args);
    return true;
  }
  if (epilogue->last != FP_ACTIVATION_NONE)
    return false;
  switch (epilogue->activation) {
  case FP_ACTIVATION_CLAMP:
    store_bent(epilogue, args, FP_ACTIVATION_CLAMP);
    return true;
  case FP_ACTIVATION_LEAKY_RELU:
    store_bent(epilogue, args, FP_ACTIVATION_LEAKY_RELU);
    return true;
  case FP_ACTIVATION_HARD_SWISH:
    store_bent(epilogue, args, FP_ACTIVATION_HARD_SWISH);
    return true;
  default:
    return false;
  }
}

static void store_tile(const fp_epilogue *epilogue, const fp_store_args *args) {
  if (store_common(epilogue, args))
    return;
  const int64_t end = args->lane + args->lanes;
  for (int i = 0; i < args->rows; i++) {
    const int64_t row = args->row + i;
    const char *c = (const char *)args->c + i * args->c_row;
    float values[store_lanes];
    if (args->lane_scale) {
      dequantise(args, c, args->row_scale[row], values);
      c = (const char *)values;
    }
    char *y = (char *)epilogue->y + row * epilogue->y_row;
    for (int j = 0; j < args->lanes; j += fp_vec_width) {
      const fp_vec sums = load_elements(c, FP_F32, j, args->lanes);
      const fp_vec value = finished(epilogue, sums, row, args->lane + j, end);
      store_elements(y, epilogue->y_type, args->lane + j, value, end);
    }
  }
}
