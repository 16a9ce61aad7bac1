// Checks of attention against a plain double-precision one.
#include "attention_problem.h"
#include "checks.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static float *floats_of(fp_check_run *run, const attention_inputs *in) {
  const fp_attention_queries *queries = &in->queries;
  const size_t count =
      (size_t)(queries->queries * queries->shape.heads * queries->shape.dim);
  float *values = fp_check_memory(run, count * 4, 0, false);
  for (size_t i = 0; i < count; i++)
    values[i] = fp_attention_element(queries->y, queries->y_type, (int64_t)i);
  return values;
}

static void check_problem(fp_check_run *run, const char *name, const attention_problem *problem) {
  const attention_inputs in = fp_attention_make_inputs(run, problem);
  const float *want = fp_attention_expected(run, &in);
  // Backwards, a task that wrote rows of another's would spoil them.
  fp_attention_perform(run, &in, problem->groups > 0);
  const size_t count = (size_t)(problem->queries * problem->heads * problem->dim);
  // Values lie in -1 ... 1. In bfloat16 the weights are rounded (2^-9 of each, with either sign),
  // and a few products sit on a rounding boundary that float32 and double see differently.
  const bool rounded = problem->compute == FP_COMPUTE_BF16;
  const float absolute = rounded ? 0.004f : 3e-6f;
  const float relative = problem->y_type == FP_BF16 ? 0.004f : 2e-6f;
  fp_check_close(run, name, floats_of(run, &in), want, count, absolute, relative);
}

static void check_problems(fp_check_run *run, const attention_problem *problems, size_t count) {
  for (size_t i = 0; i < count && !run->failed; i++) {
    char name[96];
    attention_problem both = problems[i];
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
  attention_problem problem = {.heads = 1, .type = FP_F32, .y_type = FP_F32};
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
  static const attention_problem problems[] = {
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
      {.heads = 2, .dim = 12, .queries = 300, .keys = 15, .type = FP_F32, .y_type = FP_F32,
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
  static const attention_problem problems[] = {
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
    const attention_problem problem = {.compute = (fp_compute)compute, .heads = 2, .dim = 24,
                                       .queries = 9, .keys = 219, .groups = 1, .group_queries = 9,
                                       .group_rows = 230, .type = FP_F32, .y_type = FP_F32,
                                       .bias = true};
    attention_inputs in = fp_attention_make_inputs(run, &problem);
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
    const float *want = fp_attention_expected(run, &in);
    fp_attention_perform(run, &in, false);
    fp_check_close(run, "excluded keys", in.queries.y, want, 9 * 2 * 24,
                   compute ? 0.004f : 3e-6f, 2e-6f);
  }
}

/// A NaN stays in what it belongs to: a query's row, a key's head.
static void check_nan(fp_check_run *run) {
  for (int compute = FP_COMPUTE_F32; compute <= FP_COMPUTE_BF16; compute++) {
    const attention_problem problem = {.compute = (fp_compute)compute, .heads = 2, .dim = 20,
                                       .queries = 12, .keys = 40, .type = FP_F32, .y_type = FP_F32};
    attention_inputs in = fp_attention_make_inputs(run, &problem);
    ((float *)((char *)in.queries.q.x + 3 * in.queries.q.row))[7] = NAN;
    ((float *)((char *)in.keys.k.x + 5 * in.keys.k.row + in.keys.k.head))[2] = NAN;
    ((float *)((char *)in.queries.q.x + 9 * in.queries.q.row))[1] = INFINITY;
    fp_attention_perform(run, &in, false);
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
  attention_problem problem = {.heads = 1, .dim = 16, .queries = rows, .keys = keys, .type = FP_F32,
                               .y_type = FP_F32, .bias = true};
  for (int compute = FP_COMPUTE_F32; compute <= FP_COMPUTE_BF16; compute++) {
    problem.compute = (fp_compute)compute;
    attention_inputs in = fp_attention_make_inputs(run, &problem);
    float *bias = (float *)in.queries.bias;
    for (int row = 0; row < rows; row++)
      for (int key = 0; key < keys; key++)
        bias[row * keys + key] = (float)(row % 2 ? key * row * 0.0625 : -50.0 * row - key * 40);
    const float *want = fp_attention_expected(run, &in);
    fp_attention_perform(run, &in, false);
    // Scores reach 2000: a rounding of them is 1e-4.
    fp_check_close(run, "large scores", in.queries.y, want, rows * 16, compute ? 0.004f : 4e-4f,
                   0);
  }
}

/// Solves a problem with float32 keys and results in both arithmetics, its inputs changed first.
static void check_changed(fp_check_run *run, const char *name, attention_problem problem,
                          void (*change)(const attention_problem *problem, attention_inputs *in)) {
  problem.type = problem.y_type = FP_F32;
  for (int compute = FP_COMPUTE_F32; compute <= FP_COMPUTE_BF16; compute++) {
    problem.compute = (fp_compute)compute;
    attention_inputs in = fp_attention_make_inputs(run, &problem);
    change(&problem, &in);
    const float *want = fp_attention_expected(run, &in);
    fp_attention_perform(run, &in, false);
    fp_check_close(run, name, in.queries.y, want,
                   (size_t)(problem.queries * problem.heads * problem.dim),
                   compute ? 0.004f : 3e-6f, 0);
  }
}

/// Key i of row i far above the others: e^300 overflows unless it is found as the maximum.
static void raise_diagonal(const attention_problem *problem, attention_inputs *in) {
  for (int64_t row = 0; row < problem->queries; row++)
    ((float *)in->queries.bias)[row * problem->keys + row] = 300;
}

static void check_peaks(fp_check_run *run) {
  const attention_problem problem = {
      .heads = 1, .dim = 16, .queries = 40, .keys = 70, .bias = true};
  check_changed(run, "peaks", problem, raise_diagonal);
}

static void set_zero_scale(const attention_problem *problem, attention_inputs *in) {
  (void)problem;
  in->queries.scale = 0;
}

/// A scale of zero: the mean of the values, whatever the scores.
static void check_zero_scale(fp_check_run *run) {
  const attention_problem problem = {.heads = 1, .dim = 16, .queries = 7, .keys = 219};
  check_changed(run, "zero scale", problem, set_zero_scale);
}

/// Tasks do not depend on each other's order.
static void check_order(fp_check_run *run) {
  const attention_problem problem = {.compute = FP_COMPUTE_BF16, .heads = 3, .dim = 40,
                                     .queries = 200, .keys = 300, .type = FP_BF16,
                                     .y_type = FP_F32};
  const attention_inputs in = fp_attention_make_inputs(run, &problem);
  const size_t bytes = (size_t)(200 * in.queries.y_row);
  void *first = fp_check_memory(run, bytes, 0, false);
  fp_attention_perform(run, &in, false);
  memcpy(first, in.queries.y, bytes);
  fp_attention_perform(run, &in, true);
  fp_check_same(run, "tasks in reverse", in.queries.y, first, bytes);
}

/// The schedule changes nothing; nor does padding with keys that weigh nothing.
static void check_schedules(fp_check_run *run) {
  static const int rows[] = {20, 100, 200, 333};
  for (int i = 0; i < 8 && !run->failed; i++) {
    const attention_problem problem = {.compute = i % 2 ? FP_COMPUTE_BF16 : FP_COMPUTE_F32,
                                       .heads = 1, .dim = 40, .queries = rows[i / 2],
                                       .keys = 150 + 90 * i, .type = FP_BF16, .y_type = FP_F32,
                                       .scale = 1};
    const attention_inputs in = fp_attention_make_inputs(run, &problem);
    const size_t bytes = (size_t)(problem.queries * in.queries.y_row);
    float *first = fp_check_memory(run, bytes, 0, false);
    fp_kernels other = *run->kernels;
    fp_check_run other_run = *run;
    other_run.kernels = &other;
    other.attention.group_unit = 16;
    other.attention.block_queries = 128;
    other.attention.interleaved = false;
    fp_attention_perform(&other_run, &in, false);
    memcpy(first, in.queries.y, bytes);
    other.attention.interleaved = true;
    fp_attention_perform(&other_run, &in, false);
    run->blocks = other_run.blocks;
    fp_check_same(run, "interleaved", in.queries.y, first, bytes);
    const float *want = fp_attention_expected(run, &in);
    fp_check_close(run, "padded", first, want, bytes / 4, i % 2 ? 0.004f : 3e-6f, 2e-6f);
  }
}

static const fp_check checks[] = {
    {"attention.sizes", check_sizes},       {"attention.variants", check_variants},
    {"attention.groups", check_groups},     {"attention.excluded", check_excluded},
    {"attention.nan", check_nan},           {"attention.large_scores", check_large_scores},
    {"attention.peaks", check_peaks},       {"attention.zero_scale", check_zero_scale},
    {"attention.order", check_order},       {"attention.schedules", check_schedules},
};

const fp_check_topic fp_attention_checks = {checks, sizeof checks / sizeof *checks};
