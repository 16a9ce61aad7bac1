/// The attention kernels on vectors of float32, written once for every instruction set.
///
/// A file that includes this defines first, for its vectors:
///   `vector`, `vector_width` (4, 8 or 16 elements)
///   vector_load, vector_store, vector_set, vector_add, vector_multiply
///   vector_multiply_add(x, y, z)   x * y + z
///   vector_largest(x, y)           y where x is NaN
///   vector_reduce_largest          of all elements
///   vector_power(integer, x)       x * 2^integer, 0 below 2^-126; -infinity gives 0
///   vector_floor, vector_round     to integers, as float32
///   vector_load_bf16, vector_store_bf16, vector_round_bf16
///   vector_rotate(x, cosine, sine) pairs of x turned by vector_width / 2 angles
#include "attention_internal.h"

#include <float.h>
#include <math.h>

#define FP_INLINE static inline __attribute__((always_inline))

/// 2^x for x <= 8 or so, relative error 2e-8 before rounding: minimax of degree 6 round 0.
FP_INLINE vector exp2_accurate(vector x) {
  const vector whole = vector_round(x);
  const vector part = vector_subtract(x, whole);
  vector sum = vector_set(1.534581201e-04f);
  sum = vector_multiply_add(sum, part, vector_set(1.339993122e-03f));
  sum = vector_multiply_add(sum, part, vector_set(9.618488957e-03f));
  sum = vector_multiply_add(sum, part, vector_set(5.550328777e-02f));
  sum = vector_multiply_add(sum, part, vector_set(2.402264689e-01f));
  sum = vector_multiply_add(sum, part, vector_set(6.931472057e-01f));
  sum = vector_multiply_add(sum, part, vector_set(1.0f));
  return vector_power(whole, sum);
}

/// 2^x, relative error 3e-6, a thousandth of a bfloat16 rounding: minimax of degree 4 in 0 ... 1.
FP_INLINE vector exp2_fast(vector x) {
  const vector part = vector_part(x);
  vector sum = vector_set(1.353416792e-02f);
  sum = vector_multiply_add(sum, part, vector_set(5.201146061e-02f));
  sum = vector_multiply_add(sum, part, vector_set(2.414427569e-01f));
  sum = vector_multiply_add(sum, part, vector_set(6.930038345e-01f));
  sum = vector_multiply_add(sum, part, vector_set(1.000002593f));
  return vector_power(x, sum);
}

FP_INLINE void store_as(void *target, int index, vector value,
                        const fp_attention_storage storage) {
  if (storage == FP_ATTENTION_BF16)
    vector_store_bf16((char *)target + (ptrdiff_t)index * 2, value);
  else if (storage == FP_ATTENTION_F32_ROUNDED)
    vector_store((float *)target + index, vector_round_bf16(value));
  else
    vector_store((float *)target + index, value);
}

/// scores = scores * scale + bias, in units of log2.
FP_INLINE void scale_scores(float *scores, const float *bias, int keys, float scale) {
  static const float log2_e = 1.44269504088896340736f;
  int key = 0;
  for (; key + vector_width <= keys; key += vector_width) {
    const vector added = bias ? vector_multiply(vector_load(bias + key), vector_set(log2_e))
                              : vector_set(0);
    vector_store(scores + key, vector_multiply_add(vector_load(scores + key), vector_set(scale),
                                                   added));
  }
  for (; key < keys; key++)
    scores[key] = scores[key] * scale + (bias ? bias[key] * log2_e : 0);
}

/// Moves the running maximum of a row and rescales what was summed under the old one.
FP_INLINE void move_maximum(const fp_softmax_args *args, int row, float maximum) {
  const float factor = exp2f(args->maximum[row] - maximum);
  args->maximum[row] = maximum;
  float *sums = args->sums + row * 16;
  for (int lane = 0; lane < 16; lane++)
    sums[lane] *= factor;
  if (args->output == NULL)
    return;
  float *output = (float *)((char *)args->output + row * args->output_row);
  for (int lane = 0; lane < args->output_lanes; lane += vector_width)
    vector_store(output + lane, vector_multiply(vector_load(output + lane), vector_set(factor)));
}

FP_INLINE void soften_row(const fp_softmax_args *args, int row,
                          const fp_attention_storage storage) {
  // A maximum that is this much too small costs no accuracy, weights are at most 2^slack, and the
  // sums are hardly ever rescaled after the first block of keys.
  const float slack = 8;
  float *scores = (float *)((char *)args->scores + row * args->score_row);
  const int keys = args->padded;
  float scale = args->scale;
  if (args->bias || scale == 0) {
    scale_scores(scores,
                 args->bias ? (const float *)((const char *)args->bias + row * args->bias_row)
                            : NULL,
                 args->keys, scale);
    scale = 1;
  }
  for (int key = args->keys; key < keys; key++)
    scores[key] = -INFINITY; // weighs nothing

  // vector_largest passes over NaN, which then shows in the weights.
  vector largest[16 / vector_width];
  for (int i = 0; i < 16 / vector_width; i++)
    largest[i] = vector_set(-INFINITY);
  for (int key = 0; key < keys; key += 16)
    for (int i = 0; i < 16 / vector_width; i++)
      largest[i] = vector_largest(vector_load(scores + key + i * vector_width), largest[i]);
  for (int i = 1; i < 16 / vector_width; i++)
    largest[0] = vector_largest(largest[i], largest[0]);
  const float maximum = vector_reduce_largest(largest[0]) * scale;
  if (maximum > args->maximum[row] + slack)
    move_maximum(args, row, maximum);

  const vector factor = vector_set(scale), offset = vector_set(-args->maximum[row]);
  vector sums[16 / vector_width];
  for (int i = 0; i < 16 / vector_width; i++)
    sums[i] = vector_load(args->sums + row * 16 + i * vector_width);
  for (int key = 0; key < keys; key += 16)
    for (int i = 0; i < 16 / vector_width; i++) {
      const int place = key + i * vector_width;
      const vector power = vector_multiply_add(vector_load(scores + place), factor, offset);
      const vector weight =
          storage == FP_ATTENTION_F32 ? exp2_accurate(power) : exp2_fast(power);
      sums[i] = vector_add(sums[i], weight);
      store_as(scores, place, weight, storage);
    }
  for (int i = 0; i < 16 / vector_width; i++)
    vector_store(args->sums + row * 16 + i * vector_width, sums[i]);
}

static void soften_f32(const fp_softmax_args *args) {
  for (int row = 0; row < args->rows; row++)
    soften_row(args, row, FP_ATTENTION_F32);
}

static void soften_rounded(const fp_softmax_args *args) {
  for (int row = 0; row < args->rows; row++)
    soften_row(args, row, FP_ATTENTION_F32_ROUNDED);
}

static void soften_bf16(const fp_softmax_args *args) {
  for (int row = 0; row < args->rows; row++)
    soften_row(args, row, FP_ATTENTION_BF16);
}

FP_INLINE vector load_as(const void *base, fp_dtype type, int index) {
  return type == FP_F32 ? vector_load((const float *)base + index)
                        : vector_load_bf16((const char *)base + (ptrdiff_t)index * 2);
}

static void prepare(const fp_attention_rows *rows, int head, int64_t row, int dim, int padded,
                    fp_attention_storage storage, void *target) {
  const char *x = (const char *)rows->x + row * rows->row + head * rows->head;
  const float *weight = rows->weight ? rows->weight + (ptrdiff_t)head * dim : NULL;
  const vector scale = vector_set(rows->row_scale ? rows->row_scale[row] : 1);
  const ptrdiff_t angles = row * (dim / 2);
  int i = 0;
  for (; i + vector_width <= dim; i += vector_width) {
    vector value = load_as(x, rows->type, i);
    if (rows->row_scale)
      value = vector_multiply(value, scale);
    if (weight)
      value = vector_multiply(value, vector_load(weight + i));
    if (rows->cosine)
      value = vector_rotate(value, rows->cosine + angles + i / 2, rows->sine + angles + i / 2);
    store_as(target, i, value, storage);
  }
  fp_attention_prepare_part(rows, head, row, dim, i, storage, target);
  for (i = dim; i < padded; i++)
    fp_attention_store(target, i, 0, storage);
}

static void finish(void *y, fp_dtype y_type, const float *output, float factor, int dim,
                   bool add) {
  int i = 0;
  for (; i + vector_width <= dim; i += vector_width) {
    vector value = vector_multiply(vector_load(output + i), vector_set(factor));
    if (add)
      value = vector_add(value, load_as(y, y_type, i));
    store_as(y, i, value, y_type == FP_F32 ? FP_ATTENTION_F32 : FP_ATTENTION_BF16);
  }
  fp_attention_finish_part(y, y_type, output, factor, i, dim, add);
}

static void fill_table(fp_attention_kernels *kernels) {
  kernels->softmax[FP_ATTENTION_F32] = soften_f32;
  kernels->softmax[FP_ATTENTION_F32_ROUNDED] = soften_rounded;
  kernels->softmax[FP_ATTENTION_BF16] = soften_bf16;
  kernels->prepare = prepare;
  kernels->finish = finish;
}
