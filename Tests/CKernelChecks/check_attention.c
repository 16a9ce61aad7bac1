// Checks of attention against a plain double-precision one.
#include "checks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// One attention problem.
typedef struct problem {
  fp_compute compute;
  int heads, dim;
  int64_t queries, keys;
  int64_t groups, group_queries, group_rows; // 0: one group of all rows
  fp_dtype type, y_type;                     // of q, k, v; of y
  bool row_scale, weight, rotate, bias, add;
  float scale; // 0: 1 / sqrt(dim)
} problem;

/// A problem with its inputs, all values also as float.
typedef struct inputs {
  fp_attention_keys keys;
  fp_attention_queries queries;
  int64_t rows; // of keys and values
} inputs;

static void fill_floats(fp_check_run *run, float *values, size_t count, float size) {
  for (size_t i = 0; i < count; i++)
    values[i] = fp_check_random_float(run) * size;
}

/// Random rows with gaps between tokens, each head at an address that nothing is aligned to.
static fp_attention_rows make_rows(fp_check_run *run, const problem *problem, int64_t rows,
                                   bool transform) {
  const size_t size = fp_dtype_size(problem->type);
  const ptrdiff_t head = (ptrdiff_t)((size_t)(problem->dim + 1) * size);
  const ptrdiff_t row = (ptrdiff_t)(problem->heads * head + (ptrdiff_t)size);
  const size_t bytes = rows > 0 ? (size_t)(rows - 1) * row + (size_t)(problem->heads - 1) * head +
                                      (size_t)problem->dim * size
                                : 0;
  char *x = fp_check_memory(run, bytes, 0, true);
  for (size_t place = 0; place + size <= bytes; place += size) {
    const float value = fp_check_random_float(run);
    const uint16_t rounded = fp_f32_to_bf16(value);
    memcpy(x + place, problem->type == FP_F32 ? (const void *)&value : &rounded, size);
  }
  fp_attention_rows result = {.x = x, .type = problem->type, .row = row, .head = head};
  if (transform && problem->row_scale) {
    float *scale = fp_check_memory(run, (size_t)rows * 4, 4, true);
    fill_floats(run, scale, (size_t)rows, 1.5f);
    result.row_scale = scale;
  }
  if (transform && problem->weight) {
    float *weight = fp_check_memory(run, (size_t)(problem->heads * problem->dim) * 4, 4, true);
    fill_floats(run, weight, (size_t)(problem->heads * problem->dim), 1.5f);
    result.weight = weight;
  }
  if (transform && problem->rotate) {
    const size_t count = (size_t)rows * (size_t)(problem->dim / 2);
    float *cosine = fp_check_memory(run, count * 4, 4, true);
    float *sine = fp_check_memory(run, count * 4, 4, true);
    for (size_t i = 0; i < count; i++) {
      const double angle = 3.2 * fp_check_random_float(run);
      cosine[i] = (float)cos(angle);
      sine[i] = (float)sin(angle);
    }
    result.cosine = cosine;
    result.sine = sine;
  }
  return result;
}

static inputs make_inputs(fp_check_run *run, const problem *problem) {
  inputs made = {0};
  const fp_attention_shape shape = {.compute = problem->compute,
                                    .heads = problem->heads,
                                    .dim = problem->dim,
                                    .groups = problem->groups ? problem->groups : 1,
                                    .keys = problem->keys};
  const int64_t group_rows = problem->groups ? problem->group_rows : problem->keys;
  made.rows = shape.groups * group_rows;
  made.keys = (fp_attention_keys){.shape = shape,
                                  .k = make_rows(run, problem, made.rows, true),
                                  .v = make_rows(run, problem, made.rows, false),
                                  .group_rows = group_rows};
  const size_t y_size = fp_dtype_size(problem->y_type);
  const ptrdiff_t y_head = (ptrdiff_t)((size_t)problem->dim * y_size);
  fp_attention_queries queries = {
      .shape = shape,
      .q = make_rows(run, problem, problem->queries, true),
      .queries = problem->queries,
      .group_queries = problem->groups ? problem->group_queries : problem->queries,
      .scale = problem->scale != 0 ? problem->scale : 1 / sqrtf((float)problem->dim),
      .y_type = problem->y_type,
      .y_row = problem->heads * y_head,
      .y_head = y_head,
      .add = problem->add,
  };
  const size_t y_bytes = (size_t)problem->queries * (size_t)queries.y_row;
  queries.y = fp_check_memory(run, y_bytes, 0, true);
  memset(queries.y, problem->add ? 0x3e : 0x5c, y_bytes);
  if (problem->bias) {
    const size_t count = (size_t)(problem->heads * problem->queries * problem->keys);
    float *bias = fp_check_memory(run, count * 4, 4, true);
    fill_floats(run, bias, count, 2);
    queries.bias = bias;
    queries.bias_row = (ptrdiff_t)(problem->keys * 4);
    queries.bias_head = (ptrdiff_t)(problem->queries * problem->keys * 4);
  }
  made.queries = queries;
  return made;
}

static float element(const void *base, fp_dtype type, int64_t index) {
  uint16_t half;
  float value;
  if (type == FP_BF16) {
    memcpy(&half, (const char *)base + index * 2, 2);
    return fp_bf16_to_f32(half);
  }
  memcpy(&value, (const char *)base + index * 4, 4);
  return value;
}

/// One head of one row, transformed and rounded as `compute` wants it.
static void read_row(const fp_attention_rows *rows, fp_compute compute, int dim, int head,
                     int64_t row, double *target) {
  const char *x = (const char *)rows->x + row * rows->row + head * rows->head;
  for (int i = 0; i < dim; i++)
    target[i] = (double)element(x, rows->type, i) * (rows->row_scale ? rows->row_scale[row] : 1) *
                (rows->weight ? rows->weight[head * dim + i] : 1);
  for (int i = 0; rows->cosine && i < dim; i += 2) {
    const double even = target[i], odd = target[i + 1];
    const double c = rows->cosine[row * (dim / 2) + i / 2];
    const double s = rows->sine[row * (dim / 2) + i / 2];
    target[i] = even * c - odd * s;
    target[i + 1] = even * s + odd * c;
  }
  for (int i = 0; compute == FP_COMPUTE_BF16 && i < dim; i++)
    target[i] = fp_bf16_to_f32(fp_f32_to_bf16((float)target[i]));
}

/// Softmax attention of one row and head in double precision; `group` < 0: no keys.
static void attend_plainly(const inputs *in, int64_t group, int head, int64_t row, double *y) {
  const fp_attention_queries *queries = &in->queries;
  const fp_attention_shape *shape = &queries->shape;
  const int dim = shape->dim;
  const int64_t keys = group < 0 ? 0 : shape->keys;
  double *q = malloc(sizeof(double) * (size_t)(2 * dim + keys));
  double *k = q + dim, *scores = q + 2 * dim, largest = -INFINITY, sum = 0;
  read_row(&queries->q, shape->compute, dim, head, row, q);
  for (int64_t key = 0; key < keys; key++) {
    read_row(&in->keys.k, shape->compute, dim, head, group * in->keys.group_rows + key, k);
    double score = 0;
    for (int i = 0; i < dim; i++)
      score += q[i] * k[i];
    score *= queries->scale;
    if (queries->bias)
      score += *(const float *)((const char *)queries->bias + head * queries->bias_head +
                                row * queries->bias_row + key * 4);
    scores[key] = score;
    largest = score > largest || isnan(score) ? score : largest;
  }
  memset(y, 0, sizeof(double) * (size_t)dim);
  for (int64_t key = 0; key < keys; key++) {
    const double weight = scores[key] == -INFINITY ? 0 : exp(scores[key] - largest);
    sum += weight;
    read_row(&in->keys.v, shape->compute, dim, head, group * in->keys.group_rows + key, k);
    for (int i = 0; i < dim && weight != 0; i++)
      y[i] += weight * k[i];
  }
  for (int i = 0; i < dim && sum != 0; i++)
    y[i] /= sum;
  free(q);
}

/// What the kernels should give, as float32 [queries, heads, dim]; reads y where it is added to.
static float *expected(fp_check_run *run, const inputs *in) {
  const fp_attention_queries *queries = &in->queries;
  const fp_attention_shape *shape = &queries->shape;
  const int dim = shape->dim;
  float *want =
      fp_check_memory(run, (size_t)(queries->queries * shape->heads * dim) * 4, 0, false);
  double *y = malloc(sizeof(double) * (size_t)dim);
  for (int64_t row = 0; row < queries->queries; row++)
    for (int head = 0; head < shape->heads; head++) {
      const int64_t group = queries->group_queries ? row / queries->group_queries : shape->groups;
      attend_plainly(in, group < shape->groups ? group : -1, head, row, y);
      const char *old = (const char *)queries->y + row * queries->y_row + head * queries->y_head;
      for (int i = 0; i < dim; i++)
        want[(row * shape->heads + head) * dim + i] =
            (float)(y[i] + (queries->add ? (double)element(old, queries->y_type, i) : 0));
    }
  free(y);
  return want;
}

/// Runs all tasks of both phases; from the last to the first where `backwards`.
static void attend(fp_check_run *run, const inputs *in, bool backwards) {
  const fp_kernels *kernels = run->kernels;
  const fp_attention_shape *shape = &in->queries.shape;
  void *packed = fp_check_memory(run, fp_attention_packed_bytes(kernels, shape), 0, false);
  void *pack_scratch =
      fp_check_memory(run, fp_attention_pack_scratch_bytes(kernels, shape), 0, false);
  void *scratch = fp_check_memory(run, fp_attention_scratch_bytes(kernels, shape), 0, false);
  const int64_t packs = fp_attention_pack_tasks(kernels, shape);
  for (int64_t task = 0; task < packs; task++)
    fp_attention_pack(kernels, &in->keys, backwards ? packs - 1 - task : task, packed,
                      pack_scratch);
  const int64_t tasks = fp_attention_tasks(kernels, &in->queries);
  for (int64_t task = 0; task < tasks; task++)
    fp_attention_attend(kernels, &in->queries, packed, backwards ? tasks - 1 - task : task,
                        scratch);
}

static float *floats_of(fp_check_run *run, const inputs *in) {
  const fp_attention_queries *queries = &in->queries;
  const size_t count =
      (size_t)(queries->queries * queries->shape.heads * queries->shape.dim);
  float *values = fp_check_memory(run, count * 4, 0, false);
  for (size_t i = 0; i < count; i++)
    values[i] = element(queries->y, queries->y_type, (int64_t)i);
  return values;
}

static void check_problem(fp_check_run *run, const char *name, const problem *problem) {
  const inputs in = make_inputs(run, problem);
  const float *want = expected(run, &in);
  attend(run, &in, false);
  const size_t count = (size_t)(problem->queries * problem->heads * problem->dim);
  // Values lie in -1 ... 1. In bfloat16 the weights are rounded (2^-9 of each, with either sign),
  // and a few products sit on a rounding boundary that float32 and double see differently.
  const bool rounded = problem->compute == FP_COMPUTE_BF16;
  const float absolute = rounded ? 0.004f : 3e-6f;
  const float relative = problem->y_type == FP_BF16 ? 0.004f : 2e-6f;
  fp_check_close(run, name, floats_of(run, &in), want, count, absolute, relative);
}

static void check_problems(fp_check_run *run, const problem *problems, size_t count) {
  for (size_t i = 0; i < count && !run->failed; i++) {
    char name[96];
    problem both = problems[i];
    for (int compute = FP_COMPUTE_F32; compute <= FP_COMPUTE_BF16 && !run->failed; compute++) {
      both.compute = (fp_compute)compute;
      snprintf(name, sizeof name, "%s problem %zu", compute ? "bf16" : "f32", i);
      check_problem(run, name, &both);
    }
  }
}

static void check_sizes(fp_check_run *run) {
  static const int dims[] = {1, 2, 15, 16, 17, 40, 64, 80, 97, 128, 160};
  static const int queries[] = {0, 1, 7, 8, 33, 130};
  static const int keys[] = {0, 1, 2, 31, 97, 193, 260};
  problem problem = {.heads = 1, .type = FP_F32, .y_type = FP_F32};
  for (size_t d = 0; d < sizeof dims / sizeof *dims; d++)
    for (size_t i = 0; i < 7 && !run->failed; i++) {
      problem.dim = dims[d];
      problem.queries = queries[(i + d) % 6];
      problem.keys = keys[i];
      problem.heads = 1 + (int)(i % 2);
      problem.scale = i % 3 == 2 ? 2 / sqrtf((float)problem.dim) : 0;
      check_problems(run, &problem, 1);
    }
}

static void check_variants(fp_check_run *run) {
  static const problem problems[] = {
      {.heads = 2, .dim = 48, .queries = 37, .keys = 50, .type = FP_BF16, .y_type = FP_BF16},
      {.heads = 3, .dim = 34, .queries = 19, .keys = 70, .type = FP_F32, .y_type = FP_F32,
       .row_scale = true},
      {.heads = 3, .dim = 34, .queries = 19, .keys = 70, .type = FP_BF16, .y_type = FP_F32,
       .weight = true},
      {.heads = 3, .dim = 34, .queries = 19, .keys = 70, .type = FP_BF16, .y_type = FP_F32,
       .row_scale = true},
      {.heads = 3, .dim = 34, .queries = 19, .keys = 70, .type = FP_BF16, .y_type = FP_F32,
       .rotate = true},
      {.heads = 2, .dim = 128, .queries = 21, .keys = 210, .type = FP_F32, .y_type = FP_BF16,
       .row_scale = true, .weight = true, .rotate = true},
      {.heads = 2, .dim = 22, .queries = 11, .keys = 205, .type = FP_BF16, .y_type = FP_F32,
       .bias = true},
      {.heads = 2, .dim = 33, .queries = 11, .keys = 15, .type = FP_F32, .y_type = FP_F32,
       .add = true},
      {.heads = 2, .dim = 33, .queries = 11, .keys = 15, .type = FP_F32, .y_type = FP_BF16,
       .add = true},
      {.heads = 2, .dim = 20, .queries = 5, .keys = 0, .type = FP_F32, .y_type = FP_F32,
       .add = true},
  };
  check_problems(run, problems, sizeof problems / sizeof *problems);
}

static void check_groups(fp_check_run *run) {
  static const problem problems[] = {
      // Expression tokens: rows past the last group are zero, rows past the last key unread.
      {.heads = 2, .dim = 32, .queries = 47, .keys = 97, .groups = 3, .group_queries = 15,
       .group_rows = 97, .type = FP_F32, .y_type = FP_F32},
      {.heads = 1, .dim = 18, .queries = 300, .keys = 5, .groups = 2, .group_queries = 140,
       .group_rows = 9, .type = FP_BF16, .y_type = FP_F32, .row_scale = true,
       .weight = true, .rotate = true},
      {.heads = 1, .dim = 18, .queries = 20, .keys = 5, .groups = 2, .group_queries = 0,
       .group_rows = 5, .type = FP_BF16, .y_type = FP_F32},
      {.heads = 2, .dim = 16, .queries = 20, .keys = 0, .groups = 2, .group_queries = 9,
       .group_rows = 5, .type = FP_F32, .y_type = FP_BF16, .add = true},
  };
  check_problems(run, problems, sizeof problems / sizeof *problems);
}

/// Keys beyond the counted ones hold NaN; a bias of -infinity excludes others.
static void check_excluded(fp_check_run *run) {
  for (int compute = FP_COMPUTE_F32; compute <= FP_COMPUTE_BF16; compute++) {
    const problem problem = {.compute = (fp_compute)compute, .heads = 2, .dim = 24, .queries = 9,
                             .keys = 219, .groups = 1, .group_queries = 9, .group_rows = 230,
                             .type = FP_F32, .y_type = FP_F32, .bias = true};
    inputs in = make_inputs(run, &problem);
    for (int64_t row = problem.keys; row < problem.group_rows; row++) {
      memset((char *)in.keys.k.x + row * in.keys.k.row, 0xff, (size_t)(problem.dim * 4));
      memset((char *)in.keys.v.x + row * in.keys.v.row, 0xff, (size_t)(problem.dim * 4));
    }
    float *bias = (float *)in.queries.bias;
    for (int key = 0; key < 219; key++) {
      if (key < 210)
        bias[key] = -INFINITY; // row 0: all but the last few
      bias[219 + key] = -INFINITY; // row 1: all, so zero
      if (key % 2)
        bias[2 * 219 + key] = -INFINITY;
    }
    const float *want = expected(run, &in);
    attend(run, &in, false);
    fp_check_close(run, "excluded keys", in.queries.y, want, 9 * 2 * 24,
                   compute ? 0.004f : 3e-6f, 2e-6f);
  }
}

/// A NaN stays in what it belongs to: a query's row, a key's head.
static void check_nan(fp_check_run *run) {
  for (int compute = FP_COMPUTE_F32; compute <= FP_COMPUTE_BF16; compute++) {
    const problem problem = {.compute = (fp_compute)compute, .heads = 2, .dim = 20,
                             .queries = 12, .keys = 40, .type = FP_F32, .y_type = FP_F32};
    inputs in = make_inputs(run, &problem);
    ((float *)((char *)in.queries.q.x + 3 * in.queries.q.row))[7] = NAN;
    ((float *)((char *)in.keys.k.x + 5 * in.keys.k.row + in.keys.k.head))[2] = NAN;
    ((float *)((char *)in.queries.q.x + 9 * in.queries.q.row))[1] = INFINITY;
    attend(run, &in, false);
    for (int row = 0; row < 12; row++)
      for (int i = 0; i < 40; i++) {
        const float value = ((float *)in.queries.y)[row * 40 + i];
        const bool spoilt = row == 3 || row == 9 || i >= 20;
        if (spoilt != (isnan(value) != 0))
          fp_check_fail(run, "row %d, element %d: got %g, NaN expected: %d", row, i,
                        (double)value, spoilt);
      }
  }
}

/// Scores far apart: the maximum moves from block to block by less and by more than the exponents
/// of float32 hold, and starts far below zero.
static void check_large_scores(fp_check_run *run) {
  enum { rows = 40, keys = 500 };
  problem problem = {.heads = 1, .dim = 16, .queries = rows, .keys = keys, .type = FP_F32,
                     .y_type = FP_F32, .bias = true};
  for (int compute = FP_COMPUTE_F32; compute <= FP_COMPUTE_BF16; compute++) {
    problem.compute = (fp_compute)compute;
    inputs in = make_inputs(run, &problem);
    float *bias = (float *)in.queries.bias;
    for (int row = 0; row < rows; row++)
      for (int key = 0; key < keys; key++)
        bias[row * keys + key] = (float)(row % 2 ? key * row * 0.0625 : -50.0 * row - key * 40);
    const float *want = expected(run, &in);
    attend(run, &in, false);
    // Scores reach 2000: a rounding of them is 1e-4.
    fp_check_close(run, "large scores", in.queries.y, want, rows * 16, compute ? 0.004f : 4e-4f,
                   0);
  }
}

/// Tasks do not depend on each other's order.
static void check_order(fp_check_run *run) {
  const problem problem = {.compute = FP_COMPUTE_BF16, .heads = 3, .dim = 40, .queries = 200,
                           .keys = 300, .type = FP_BF16, .y_type = FP_F32};
  const inputs in = make_inputs(run, &problem);
  const size_t bytes = (size_t)(200 * in.queries.y_row);
  void *first = fp_check_memory(run, bytes, 0, false);
  attend(run, &in, false);
  memcpy(first, in.queries.y, bytes);
  attend(run, &in, true);
  fp_check_same(run, "tasks in reverse", in.queries.y, first, bytes);
}

/// The schedule changes nothing; nor does padding with keys that weigh nothing.
static void check_schedules(fp_check_run *run) {
  static const int rows[] = {20, 100, 200, 333};
  for (int i = 0; i < 8 && !run->failed; i++) {
    const problem problem = {.compute = i % 2 ? FP_COMPUTE_BF16 : FP_COMPUTE_F32, .heads = 1,
                             .dim = 40, .queries = rows[i / 2], .keys = 150 + 90 * i,
                             .type = FP_BF16, .y_type = FP_F32, .scale = 1};
    const inputs in = make_inputs(run, &problem);
    const size_t bytes = (size_t)(problem.queries * in.queries.y_row);
    float *first = fp_check_memory(run, bytes, 0, false);
    fp_kernels other = *run->kernels;
    fp_check_run other_run = *run;
    other_run.kernels = &other;
    other.attention.group_unit = 16;
    other.attention.block_queries = 128;
    other.attention.interleaved = false;
    attend(&other_run, &in, false);
    memcpy(first, in.queries.y, bytes);
    other.attention.interleaved = true;
    attend(&other_run, &in, false);
    run->blocks = other_run.blocks;
    fp_check_same(run, "interleaved", in.queries.y, first, bytes);
    const float *want = expected(run, &in);
    fp_check_close(run, "padded", first, want, bytes / 4, i % 2 ? 0.004f : 3e-6f, 2e-6f);
  }
}

static const fp_check checks[] = {
    {"attention.sizes", check_sizes},       {"attention.variants", check_variants},
    {"attention.groups", check_groups},     {"attention.excluded", check_excluded},
    {"attention.nan", check_nan},           {"attention.large_scores", check_large_scores},
    {"attention.order", check_order},       {"attention.schedules", check_schedules},
};

const fp_check_topic fp_attention_checks = {checks, sizeof checks / sizeof *checks};
