// Checks that rows may lie gigabytes apart: byte and element offsets beyond 32 bits, as in the
// activations of a long clip, give the same bits as rows next to each other.
#if defined(__linux__)
#define _GNU_SOURCE // MAP_ANONYMOUS, MAP_NORESERVE
#endif
#include "checks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { rows = 6, columns = 40, operands = 8 };

/// Bytes between neighbouring rows: the sixth begins at element 2.7e9 of float32.
static const ptrdiff_t far = ((ptrdiff_t)2 << 30) + 256;
static const ptrdiff_t near = columns * sizeof(float);

/// Memory for rows that are far or near. Far ones are pages without memory behind them but for
/// those that are touched.
typedef struct places {
  char *base;
  size_t bytes;
  ptrdiff_t row;
} places;

static places make_places(ptrdiff_t row) {
  places made = {.bytes = (size_t)(rows * row) + (operands << 20), .row = row};
  made.base = mmap(NULL, made.bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (made.base == MAP_FAILED) {
    fprintf(stderr, "no addresses for a check\n");
    exit(1);
  }
  return made;
}

/// Where the first row of an operand stands.
static char *operand(const places *places, int index) {
  return places->base + ((ptrdiff_t)index << 20);
}

/// The same numbers in the rows of an operand, far or near.
static char *filled(const places *places, int index) {
  fp_check_run numbers = {.random_state = (uint64_t)index};
  for (int row = 0; row < rows; row++)
    for (int i = 0; i < columns; i++) {
      const float value = fp_check_random_float(&numbers);
      memcpy(operand(places, index) + row * places->row + i * 4, &value, 4);
    }
  return operand(places, index);
}

/// Computes into operand 0, from the others.
typedef void (*operation)(fp_check_run *run, const places *places);

/// Runs an operation on near and on far rows and compares operand 0.
static void check_distance(fp_check_run *run, const char *name, operation compute) {
  const places both[2] = {make_places(near), make_places(far)};
  for (int i = 0; i < 2; i++)
    compute(run, &both[i]);
  for (int row = 0; row < rows; row++) {
    char what[64];
    snprintf(what, sizeof what, "%s, row %d", name, row);
    fp_check_same(run, what, operand(&both[1], 0) + row * far,
                  operand(&both[0], 0) + row * near, (size_t)near);
  }
  float first;
  memcpy(&first, operand(&both[1], 0) + (rows - 1) * far, 4);
  if (first == 0)
    fp_check_fail(run, "%s: nothing was written", name);
  for (int i = 0; i < 2; i++)
    munmap(both[i].base, both[i].bytes);
}

/// Y [6, 40] from X [6, 40] and W [6, 40] or [40, 6]; what is left of Y stays.
static void multiply(fp_check_run *run, const places *places, fp_compute compute,
                     bool depth_major) {
  const fp_matmul_kernels *kernels = &run->kernels->matmul;
  const fp_linear linear = {
      .compute = compute,
      .m = rows,
      .n = depth_major ? columns : rows,
      .k = depth_major ? rows : columns,
      .prologue = {.x = filled(places, 1), .x_type = FP_F32, .x_row = places->row},
      .weights = {.w = filled(places, 2), .type = FP_F32, .row = places->row,
                  .depth_major = depth_major},
      .epilogue = {.factor = filled(places, 3), .factor_type = FP_F32, .factor_row = places->row,
                   .residual = filled(places, 4), .residual_type = FP_F32,
                   .residual_row = places->row, .y = filled(places, 0), .y_type = FP_F32,
                   .y_row = places->row},
  };
  void *packed = fp_check_memory(
      run, fp_linear_packed_bytes(kernels, compute, linear.m, linear.k), 0, false);
  void *scratch =
      fp_check_memory(run, fp_linear_scratch_bytes(kernels, &linear, linear.m, linear.n), 0, false);
  void *row = fp_check_memory(run, fp_linear_pack_scratch_bytes(linear.k), 0, false);
  fp_linear_pack(kernels, &linear, 0, fp_linear_panels(kernels, compute, linear.m), packed, NULL,
                 row);
  fp_linear_multiply(kernels, &linear, packed, NULL, 0, linear.m, 0, linear.n, scratch,
                     &run->kernels->convert);
}

static void multiply_f32(fp_check_run *run, const places *places) {
  multiply(run, places, FP_COMPUTE_F32, false);
}

static void multiply_depth_major(fp_check_run *run, const places *places) {
  multiply(run, places, FP_COMPUTE_BF16, true);
}

static void attend(fp_check_run *run, const places *places) {
  const ptrdiff_t row = places->row, head = 20 * 4;
  const fp_attention_shape shape = {
      .compute = FP_COMPUTE_BF16, .heads = 2, .dim = 20, .groups = 1, .keys = rows};
  const fp_attention_keys keys = {
      .shape = shape,
      .k = {.x = filled(places, 1), .type = FP_F32, .row = row, .head = head},
      .v = {.x = filled(places, 2), .type = FP_F32, .row = row, .head = head},
      .group_rows = rows};
  const fp_attention_queries queries = {
      .shape = shape,
      .q = {.x = filled(places, 3), .type = FP_F32, .row = row, .head = head},
      .queries = rows,
      .group_queries = rows,
      .scale = 0.2f,
      .bias = (const float *)filled(places, 4),
      .bias_row = row,
      .bias_head = rows * 4,
      .y = filled(places, 0),
      .y_type = FP_F32,
      .y_row = row,
      .y_head = head,
      .add = true};
  const fp_kernels *kernels = run->kernels;
  void *packed = fp_check_memory(run, fp_attention_packed_bytes(kernels, &shape), 0, false);
  void *pack_scratch =
      fp_check_memory(run, fp_attention_pack_scratch_bytes(kernels, &shape), 0, false);
  void *scratch = fp_check_memory(run, fp_attention_scratch_bytes(kernels, &shape), 0, false);
  for (int64_t task = 0; task < fp_attention_pack_tasks(kernels, &shape); task++)
    fp_attention_pack(kernels, &keys, task, packed, pack_scratch);
  for (int64_t task = 0; task < fp_attention_tasks(kernels, &queries); task++)
    fp_attention_attend(kernels, &queries, packed, task, scratch);
}

/// A kernel of two frames over frames of one pixel that lie far apart.
static void convolve(fp_check_run *run, const places *places) {
  const fp_kernels *kernels = run->kernels;
  const fp_conv conv = {.compute = FP_COMPUTE_F32,
                        .in_channels = 8,
                        .out_channels = columns,
                        .groups = 1,
                        .kernel = {2, 1, 1},
                        .stride = {1, 1, 1},
                        .dilation = {1, 1, 1},
                        .upsample = 1};
  const int64_t pad[3] = {0, 0, 0}, out[3] = {rows - 1, 1, 1};
  const fp_conv_frame frame = fp_conv_frame_for(&conv, 1, 1, pad, out);
  filled(places, 1);
  const void *frames[rows];
  for (int i = 0; i < rows; i++) {
    char *target = operand(places, 2) + i * places->row;
    const fp_conv_fill fill = {.source = operand(places, 1) + i * places->row,
                               .source_type = FP_F32,
                               .source_pixel = 32,
                               .channels = 8};
    fp_conv_fill_rows(kernels, &conv, &frame, &fill, 0, 1, target);
    frames[i] = target;
  }
  float *weights = fp_check_memory(run, columns * 16 * 4, 0, false);
  for (int i = 0; i < columns * 16; i++)
    weights[i] = (float)(i % 13) - 6;
  void *packed = fp_check_memory(run, fp_conv_packed_bytes(kernels, &conv), 0, false);
  void *pack_scratch = fp_check_memory(run, fp_conv_pack_scratch_bytes(kernels, &conv), 0, false);
  for (int64_t unit = 0; unit < fp_conv_pack_units(kernels, &conv); unit++)
    fp_conv_pack(kernels, &conv, weights, FP_F32, unit, packed, pack_scratch);
  const fp_conv_run conv_run = {
      .frame = frame,
      .frames = frames,
      .frame_count = rows,
      .out = {rows - 1, 1, 1},
      .weights = packed,
      .epilogue = {.residual = filled(places, 3), .residual_type = FP_F32,
                   .residual_row = places->row, .y = filled(places, 0), .y_type = FP_F32,
                   .y_row = places->row},
      .y_frame = places->row,
      .residual_frame = places->row,
  };
  const fp_conv_plan plan = fp_conv_plan_for(kernels, &conv, &conv_run);
  void *scratch = fp_check_memory(run, plan.scratch_bytes, 0, false);
  for (int64_t task = 0; task < plan.tasks; task++)
    fp_conv_perform(kernels, &conv, &conv_run, &plan, task, scratch);
}

static void normalise(fp_check_run *run, const places *places) {
  const fp_norm_args args = {.x = filled(places, 1), .y = filled(places, 0), .x_type = FP_F32,
                             .y_type = FP_F32, .x_row = places->row, .y_row = places->row,
                             .width = columns, .norm = FP_NORM_LAYER, .epsilon = 1e-6f};
  run->kernels->norm.rows(&args, 0, rows);
}

static void rotate(fp_check_run *run, const places *places) {
  float *angles = fp_check_memory(run, rows * 20 * 4, 0, false);
  for (int i = 0; i < rows * 20; i++)
    angles[i] = (float)(i % 7) * 0.25f;
  const fp_rope_args args = {.x = filled(places, 1), .y = filled(places, 0), .x_type = FP_F32,
                             .y_type = FP_F32, .x_row = places->row, .y_row = places->row,
                             .heads = 2, .width = 20, .cosines = angles, .sines = angles};
  run->kernels->rope.rotate(&args, 0, rows);
}

static void check_products(fp_check_run *run) {
  check_distance(run, "product", multiply_f32);
  check_distance(run, "depth-major product", multiply_depth_major);
}

static void check_attention(fp_check_run *run) { check_distance(run, "attention", attend); }
static void check_convolution(fp_check_run *run) { check_distance(run, "convolution", convolve); }
static void check_rows(fp_check_run *run) {
  check_distance(run, "norm", normalise);
  check_distance(run, "rotation", rotate);
}

static const fp_check checks[] = {
    {"far.products", check_products},
    {"far.attention", check_attention},
    {"far.convolution", check_convolution},
    {"far.rows", check_rows},
};

const fp_check_topic fp_far_checks = {checks, sizeof checks / sizeof *checks};
