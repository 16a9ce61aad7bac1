// Checks of whole products: prologue, epilogue, and the loops round the tile kernels.
#include "checks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/// Inputs and outputs of one product of random size.
typedef struct linear_case {
  fp_linear linear;
  float *row_scales;
  float *values; // Y as float32
} linear_case;

static void *random_matrix(fp_check_run *run, fp_dtype type, int64_t rows, int64_t columns,
                           ptrdiff_t *row_bytes, float scale) {
  const size_t size = fp_dtype_size(type);
  *row_bytes = (ptrdiff_t)(columns * (int64_t)size) + (ptrdiff_t)size * fp_check_random_int(run, 4);
  const size_t bytes = rows == 0 ? 0 : (size_t)((rows - 1) * *row_bytes + columns * (int64_t)size);
  char *matrix = fp_check_memory(run, bytes, size, true);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) {
      const float value = fp_check_random_float(run) * scale;
      char *place = matrix + i * *row_bytes + j * (int64_t)size;
      if (type == FP_I8)
        *place = (char)(fp_check_random_int(run, 255) - 127);
      else
        run->reference->convert.convert(place, type, &value, FP_F32, 1);
    }
  return matrix;
}

static float *random_vector(fp_check_run *run, int64_t count, float offset, float scale) {
  float *vector = fp_check_memory(run, (size_t)count * 4, 4, true);
  for (int64_t i = 0; i < count; i++)
    vector[i] = offset + scale * fp_check_random_float(run);
  return vector;
}

/// A vector in one case of two.
static float *maybe_vector(fp_check_run *run, int64_t count, float offset, float scale) {
  return fp_check_random_int(run, 2) ? random_vector(run, count, offset, scale) : NULL;
}

static fp_dtype float_or_half(fp_check_run *run) {
  return fp_check_random_int(run, 2) ? FP_F32 : FP_BF16;
}

/// A type that rows may have.
static fp_dtype row_type(fp_check_run *run) {
  static const fp_dtype types[] = {FP_F32, FP_BF16, FP_F16};
  return types[fp_check_random_int(run, 3)];
}

/// A type that weights may have.
static fp_dtype weight_type(fp_check_run *run, fp_compute compute) {
  static const fp_dtype types[] = {FP_F32, FP_BF16, FP_F16, FP_F64, FP_F8_E4M3, FP_F8_E5M2};
  return compute == FP_COMPUTE_I8 ? FP_I8 : types[fp_check_random_int(run, 6)];
}

static linear_case random_linear(fp_check_run *run, fp_compute compute) {
  static const int sizes[] = {0, 1, 2, 15, 16, 17, 31, 33, 48, 65, 100};
  enum { size_count = sizeof sizes / sizeof *sizes };
  linear_case result = {0};
  fp_linear *linear = &result.linear;
  linear->compute = compute;
  linear->m = sizes[fp_check_random_int(run, size_count)];
  linear->n = sizes[fp_check_random_int(run, size_count)];
  // Some long enough for several passes over k.
  linear->k = fp_check_random_int(run, 4) == 0 ? 2500 + fp_check_random_int(run, 100)
                                               : sizes[fp_check_random_int(run, size_count)];
  const int64_t m = linear->m, n = linear->n, k = linear->k;

  fp_prologue *prologue = &linear->prologue;
  prologue->x_type = row_type(run);
  prologue->x = random_matrix(run, prologue->x_type, m, k, &prologue->x_row, 2);
  prologue->norm = (fp_norm)fp_check_random_int(run, 3);
  prologue->epsilon = 1e-6f;
  prologue->multiply = maybe_vector(run, k, 1, 0.5f);
  prologue->add = maybe_vector(run, k, 0, 0.5f);
  if (fp_check_random_int(run, 3) == 0) {
    prologue->addend_type = row_type(run);
    prologue->addend = random_matrix(run, prologue->addend_type, m, k, &prologue->addend_row, 1);
    prologue->addend_factor = 0.7f;
  }

  fp_weights *weights = &linear->weights;
  weights->type = weight_type(run, compute);
  weights->depth_major = fp_check_random_int(run, 4) == 0;
  weights->w = weights->depth_major
                   ? random_matrix(run, weights->type, k, n, &weights->row, 0.1f)
                   : random_matrix(run, weights->type, n, k, &weights->row, 0.1f);
  weights->scale = compute == FP_COMPUTE_I8 ? random_vector(run, n, 1e-3f, 5e-4f) : NULL;

  fp_epilogue *epilogue = &linear->epilogue;
  epilogue->bias = maybe_vector(run, n, 0, 1);
  epilogue->activation = (fp_activation)fp_check_random_int(run, 8);
  epilogue->gate = maybe_vector(run, n, 0, 1);
  if (fp_check_random_int(run, 2)) {
    epilogue->factor_type = float_or_half(run);
    epilogue->factor = random_matrix(run, epilogue->factor_type, m, n, &epilogue->factor_row, 1);
  }
  if (fp_check_random_int(run, 2)) {
    epilogue->residual_type = float_or_half(run);
    epilogue->residual =
        random_matrix(run, epilogue->residual_type, m, n, &epilogue->residual_row, 1);
  }
  epilogue->last = (fp_activation)fp_check_random_int(run, 8);
  epilogue->y_type = float_or_half(run);
  epilogue->y = random_matrix(run, epilogue->y_type, m, n, &epilogue->y_row, 1);
  return result;
}

/// Runs a product with rows and lanes cut into calls of the given numbers of tiles.
static void perform(fp_check_run *run, const fp_matmul_kernels *kernels, linear_case *test,
                    int row_tiles, int lane_tiles) {
  const fp_linear *linear = &test->linear;
  const fp_tile_kernels *tile = &kernels->tile[linear->compute];
  const int64_t panels = fp_linear_panels(kernels, linear->compute, linear->m);
  void *packed = fp_check_memory(
      run, fp_linear_packed_bytes(kernels, linear->compute, linear->m, linear->k), 0, false);
  void *pack_scratch = fp_check_memory(run, fp_linear_pack_scratch_bytes(linear->k), 0, false);
  float *scales = fp_check_memory(run, (size_t)linear->m * 4, 0, true);
  for (int64_t panel = panels; panel-- > 0;)
    fp_linear_pack(kernels, linear, panel, panel + 1, packed, scales, pack_scratch);
  const int64_t row_step = (int64_t)row_tiles * tile->rows;
  const int64_t lane_step = (int64_t)lane_tiles * tile->lanes;
  for (int64_t row = 0; row < linear->m; row += row_step)
    for (int64_t lane = 0; lane < linear->n; lane += lane_step) {
      const int64_t row_end = row + row_step < linear->m ? row + row_step : linear->m;
      const int64_t lane_end = lane + lane_step < linear->n ? lane + lane_step : linear->n;
      void *scratch = fp_check_memory(
          run, fp_linear_scratch_bytes(kernels, linear, row_end - row, lane_end - lane), 0, false);
      fp_linear_multiply(kernels, linear, packed, scales, row, row_end, lane, lane_end, scratch,
                         &run->kernels->convert);
    }
}

/// Y as float32, row-major without gaps.
static float *gather(fp_check_run *run, const fp_linear *linear) {
  float *values = fp_check_memory(run, (size_t)(linear->m * linear->n) * 4, 0, false);
  for (int64_t i = 0; i < linear->m; i++)
    for (int64_t j = 0; j < linear->n; j++) {
      const char *row = (const char *)linear->epilogue.y + i * linear->epilogue.y_row;
      uint16_t half;
      if (linear->epilogue.y_type == FP_F32) {
        memcpy(&values[i * linear->n + j], row + j * 4, 4);
      } else {
        memcpy(&half, row + j * 2, 2);
        values[i * linear->n + j] = fp_bf16_to_f32(half);
      }
    }
  return values;
}

static void check_linear(fp_check_run *run, fp_compute compute) {
  for (int repeat = 0; repeat < 40 && !run->failed; repeat++) {
    linear_case test = random_linear(run, compute);
    const size_t count = (size_t)(test.linear.m * test.linear.n);
    perform(run, &run->reference->matmul, &test, 1 << 20, 1 << 20);
    const float *want = gather(run, &test.linear);
    perform(run, &run->kernels->matmul, &test, 1 << 20, 1 << 20);
    const float *whole = gather(run, &test.linear);
    perform(run, &run->kernels->matmul, &test, 1, 1);
    const float *pieces = gather(run, &test.linear);
    fp_check_same(run, "Y computed in pieces", pieces, whole, count * 4);
    // Sums of up to 2,600 terms of about 0.2 in another order, and a prologue that may round a
    // bfloat16 or an 8-bit operand the other way: one step of the operand, spread over k terms.
    const bool coarse = compute != FP_COMPUTE_F32 || test.linear.epilogue.y_type == FP_BF16;
    fp_check_close(run, "Y", whole, want, count, coarse ? 0.02f : 2e-4f, coarse ? 0.02f : 1e-4f);
  }
}

static void check_linear_f32(fp_check_run *run) { check_linear(run, FP_COMPUTE_F32); }
static void check_linear_bf16(fp_check_run *run) { check_linear(run, FP_COMPUTE_BF16); }
static void check_linear_i8(fp_check_run *run) { check_linear(run, FP_COMPUTE_I8); }

/// The prologue of one row against the reference, storage by storage.
static void check_prepare(fp_check_run *run) {
  for (int repeat = 0; repeat < 100 && !run->failed; repeat++) {
    const fp_compute compute = (fp_compute)fp_check_random_int(run, FP_COMPUTE_COUNT);
    linear_case test = random_linear(run, compute);
    test.linear.m = 1;
    fp_prologue *prologue = &test.linear.prologue;
    const int64_t k = test.linear.k;
    prologue->x = random_matrix(run, prologue->x_type, 1, k, &prologue->x_row, 3);
    if (prologue->addend)
      prologue->addend =
          random_matrix(run, prologue->addend_type, 1, k, &prologue->addend_row, 1);
    if (k > 0 && prologue->x_type == FP_F32 && fp_check_random_int(run, 4) == 0)
      ((float *)prologue->x)[fp_check_random_int(run, (int)k)] =
          fp_check_random_int(run, 2) ? __builtin_nanf("") : -__builtin_inff();
    const fp_tile_kernels *tile = &run->kernels->matmul.tile[compute];
    const int64_t per_chunk = FP_ALIGNMENT / (int64_t)fp_dtype_size(tile->storage);
    const int64_t chunks = (k + per_chunk - 1) / per_chunk;
    float *scratch = fp_check_memory(run, (size_t)k * 4, 0, true);
    float got_scale = 0, want_scale = 0;
    char *got = fp_check_memory(run, (size_t)chunks * FP_ALIGNMENT, 0, true);
    run->kernels->matmul.prepare_row(compute, prologue, 0, k, got, FP_ALIGNMENT, chunks, scratch,
                                     &got_scale);
    // The reference stores float32 for bfloat16 arithmetic: compare as numbers.
    const int64_t want_per_chunk = compute == FP_COMPUTE_I8 ? 64 : 16;
    const int64_t want_chunks = (k + want_per_chunk - 1) / want_per_chunk;
    char *want = fp_check_memory(run, (size_t)want_chunks * FP_ALIGNMENT, 0, true);
    run->reference->matmul.prepare_row(compute, prologue, 0, k, want, FP_ALIGNMENT, want_chunks,
                                       scratch, &want_scale);
    fp_check_close(run, "scale of the row", &got_scale, &want_scale, 1, 0, 1e-5f);
    for (int64_t i = 0; i < k; i++) {
      if (compute == FP_COMPUTE_I8) {
        const int difference = ((uint8_t *)got)[i] - ((uint8_t *)want)[i];
        if (((uint8_t *)got)[i] == 0)
          fp_check_fail(run, "byte %d stands for -128, which is no code", (int)i);
        if (abs(difference) > 1) // a tie that falls the other way
          fp_check_fail(run, "byte %d of %d is %d, expected %d", (int)i, (int)k,
                        ((uint8_t *)got)[i], ((uint8_t *)want)[i]);
        continue;
      }
      float value;
      uint16_t half;
      memcpy(&half, got + 2 * i, 2);
      if (tile->storage == FP_BF16)
        value = fp_bf16_to_f32(half);
      else
        memcpy(&value, got + 4 * i, 4);
      const float relative = compute == FP_COMPUTE_BF16 ? 0x1p-7f : 2e-5f;
      fp_check_close(run, "prepared element", &value, (float *)want + i, 1, 2e-6f, relative);
    }
    const size_t used = (size_t)k * fp_dtype_size(tile->storage);
    for (size_t i = used; compute != FP_COMPUTE_I8 && i < (size_t)chunks * FP_ALIGNMENT; i++)
      if (got[i] != 0)
        fp_check_fail(run, "padding byte %zu is not zero", i);
  }
}

/// Codes of the largest magnitudes, of infinities and of NaN.
static void check_codes(fp_check_run *run) {
  enum { count = 7 };
  const float x[count] = {-__builtin_inff(), __builtin_inff(), __builtin_nanf(""), 4, -4, 2, -0.0f};
  const uint8_t want[count] = {1, 255, 128, 255, 1, 192, 128}; // 128 more than the number
  const fp_prologue prologue = {.x = x, .x_type = FP_F32, .x_row = sizeof x};
  float scratch[count], scale = 0, wanted_scale = 4 / 127.0f;
  uint8_t *got = fp_check_memory(run, FP_ALIGNMENT, 0, true);
  run->kernels->matmul.prepare_row(FP_COMPUTE_I8, &prologue, 0, count, got, FP_ALIGNMENT, 1,
                                   scratch, &scale);
  fp_check_same(run, "codes", got, want, sizeof want);
  fp_check_close(run, "scale", &scale, &wanted_scale, 1, 0, 1e-6f);
}

/// Products of one term show what bfloat16 arithmetic makes of weights of every type.
static void check_weight_rounding(fp_check_run *run) {
  static const fp_dtype types[] = {FP_F32, FP_BF16, FP_F16, FP_F64};
  enum { lanes = 40 };
  float values[lanes], want[lanes], y[lanes];
  for (int i = 0; i < lanes; i++) {
    values[i] = 1 + (float)i * 0x1p-10f;
    want[i] = fp_bf16_to_f32(fp_f32_to_bf16(values[i]));
  }
  for (int depth_major = 0; depth_major < 2; depth_major++)
    for (int i = 0; i < 4; i++) {
      double weights[lanes];
      const float one = 1;
      const bool exact = types[i] != FP_BF16;
      run->reference->convert.convert(weights, types[i], exact ? values : want, FP_F32, lanes);
      linear_case test = {
          .linear = {.compute = FP_COMPUTE_BF16, .m = 1, .n = lanes, .k = 1,
                     .prologue = {.x = &one, .x_type = FP_F32, .x_row = 4},
                     .weights = {.w = weights, .type = types[i], .depth_major = depth_major,
                                 .row = (ptrdiff_t)fp_dtype_size(types[i])},
                     .epilogue = {.y = y, .y_type = FP_F32, .y_row = sizeof y}}};
      perform(run, &run->kernels->matmul, &test, 1, 1);
      fp_check_close(run, "rounded weights", y, want, lanes, 0, 0);
    }
}

static const fp_check checks[] = {
    {"linear.prepare", check_prepare},
    {"linear.codes", check_codes},
    {"linear.weight_rounding", check_weight_rounding},
    {"linear.f32", check_linear_f32},
    {"linear.bf16", check_linear_bf16},
    {"linear.i8", check_linear_i8},
};

const fp_check_topic fp_linear_checks = {checks, sizeof checks / sizeof *checks};
