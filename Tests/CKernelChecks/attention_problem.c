// Attention problems with random inputs, and a plain double-precision solution.
#include "attention_problem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void fill_floats(fp_check_run *run, float *values, size_t count, float size) {
  for (size_t i = 0; i < count; i++)
    values[i] = fp_check_random_float(run) * size;
}

/// Random rows with gaps between tokens, each head at an address that nothing is aligned to.
static fp_attention_rows make_rows(fp_check_run *run, const attention_problem *problem,
                                   int64_t rows, bool transform) {
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

attention_inputs fp_attention_make_inputs(fp_check_run *run,
                                              const attention_problem *problem) {
  attention_inputs made = {0};
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

float fp_attention_element(const void *base, fp_dtype type, int64_t index) {
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
    target[i] = (double)fp_attention_element(x, rows->type, i) *
                (rows->row_scale ? rows->row_scale[row] : 1) *
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
static void attend_plainly(const attention_inputs *in, int64_t group, int head, int64_t row,
                           double *y) {
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

float *fp_attention_expected(fp_check_run *run, const attention_inputs *in) {
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
            (float)(y[i] + (queries->add ? fp_attention_element(old, queries->y_type, i) : 0));
    }
  free(y);
  return want;
}

void fp_attention_perform(fp_check_run *run, const attention_inputs *in, bool backwards) {
  const fp_kernels *kernels = run->kernels;
  const fp_attention_shape *shape = &in->queries.shape;
  void *packed = fp_check_memory(run, fp_attention_packed_bytes(kernels, shape), 0, false);
  void *pack_scratch =
      fp_check_memory(run, fp_attention_pack_scratch_bytes(kernels, shape), 0, false);
  const size_t scratch_bytes = fp_attention_scratch_bytes(kernels, shape);
  void *scratch = fp_check_memory(run, scratch_bytes, 0, false);
  const int64_t packs = fp_attention_pack_tasks(kernels, shape);
  for (int64_t task = 0; task < packs; task++)
    fp_attention_pack(kernels, &in->keys, backwards ? packs - 1 - task : task, packed,
                      pack_scratch);
  const int64_t tasks = fp_attention_tasks(kernels, &in->queries);
  for (int64_t task = 0; task < tasks; task++) {
    memset(scratch, 0xff, scratch_bytes); // NaNs: what a task leaves is of no use to the next
    fp_attention_attend(kernels, &in->queries, packed, backwards ? tasks - 1 - task : task,
                        scratch);
  }
}
