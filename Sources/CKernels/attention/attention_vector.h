/// The attention kernels on vectors of float32, written once for every instruction set.
///
/// A file that includes this has included one of the `fp_vector_<isa>.h` and defines:
///   attention_part(x)            x - floor(x) for x <= 8 or so; anything finite for -infinity
///   attention_power(x, power)    x * 2^floor(power), 0 below 2^-126, for power <= 8 or so
///   attention_round_bf16(x)      rounded to bfloat16, as float32
///   attention_store_bf16(place, x)  may take subnormal numbers for zero
///   attention_rotate(x, cosine, sine)  pairs of x turned by fp_vec_width / 2 angles:
///                                (x0 * cosine - x1 * sine, x1 * cosine + x0 * sine)
/// A NaN stays a NaN in all of them. `vector_functions` then holds the kernels.
#include "attention_internal.h"

#include <float.h>
#include <math.h>

#define FP_INLINE static inline __attribute__((always_inline))

/// 2^x for x <= 8 or so, relative error 2e-8 before rounding: minimax of degree 6 round 0.
FP_INLINE fp_vec exp2_accurate(fp_vec x) {
  const fp_vec bounded = fp_vec_max(fp_vec_set(-1000), x); // infinity - infinity would be NaN
  const fp_vec whole = fp_vec_round(bounded);
  const fp_vec part = fp_vec_sub(bounded, whole);
  fp_vec sum = fp_vec_set(1.534581201e-04f);
  sum = fp_vec_fma(sum, part, fp_vec_set(1.339993122e-03f));
  sum = fp_vec_fma(sum, part, fp_vec_set(9.618488957e-03f));
  sum = fp_vec_fma(sum, part, fp_vec_set(5.550328777e-02f));
  sum = fp_vec_fma(sum, part, fp_vec_set(2.402264689e-01f));
  sum = fp_vec_fma(sum, part, fp_vec_set(6.931472057e-01f));
  sum = fp_vec_fma(sum, part, fp_vec_set(1.0f));
  return attention_power(sum, whole);
}

/// 2^x, relative error 3e-6, a thousandth of a bfloat16 rounding: minimax of degree 4 in 0 ... 1.
FP_INLINE fp_vec exp2_fast(fp_vec x) {
  const fp_vec part = attention_part(x);
  fp_vec sum = fp_vec_set(1.353416792e-02f);
  sum = fp_vec_fma(sum, part, fp_vec_set(5.201146061e-02f));
  sum = fp_vec_fma(sum, part, fp_vec_set(2.414427569e-01f));
  sum = fp_vec_fma(sum, part, fp_vec_set(6.930038345e-01f));
  sum = fp_vec_fma(sum, part, fp_vec_set(1.000002593f));
  return attention_power(sum, x);
}

FP_INLINE void store_as(void *target, int index, fp_vec value,
                        const fp_attention_storage storage) {
  if (storage == FP_ATTENTION_BF16)
    attention_store_bf16((char *)target + (ptrdiff_t)index * 2, value);
  else if (storage == FP_ATTENTION_F32_ROUNDED)
    fp_vec_store_f32((float *)target + index, attention_round_bf16(value));
  else
    fp_vec_store_f32((float *)target + index, value);
}

/// scores = scores * scale + bias, in units of log2.
FP_INLINE void scale_scores(float *scores, const float *bias, int keys, float scale) {
  static const float log2_e = 1.44269504088896340736f;
  int key = 0;
  for (; key + fp_vec_width <= keys; key += fp_vec_width) {
    const fp_vec added = bias ? fp_vec_mul(fp_vec_load_f32(bias + key), fp_vec_set(log2_e))
                              : fp_vec_set(0);
    fp_vec_store_f32(scores + key, fp_vec_fma(fp_vec_load_f32(scores + key), fp_vec_set(scale),
                                                   added));
  }
  for (; key < keys; key++)
    scores[key] = scores[key] * scale + (bias ? bias[key] * log2_e : 0);
}

/// Moves the running maximum of a row and rescales what was summed under the old one.
FP_INLINE void move_maximum(const fp_attention_softmax_args *args, int row, float maximum) {
  const float factor = exp2f(args->maximum[row] - maximum);
  args->maximum[row] = maximum;
  float *sums = args->sums + row * 16;
  for (int lane = 0; lane < 16; lane++)
    sums[lane] *= factor;
  if (args->output == NULL)
    return;
  float *output = (float *)((char *)args->output + row * args->output_row);
  for (int lane = 0; lane < args->output_lanes; lane += fp_vec_width)
    fp_vec_store_f32(output + lane, fp_vec_mul(fp_vec_load_f32(output + lane), fp_vec_set(factor)));
}

FP_INLINE void soften_row(const fp_attention_softmax_args *args, int row,
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

  // Whether the maximum passes over a NaN or not, the NaN makes its own weight one.
  fp_vec largest[16 / fp_vec_width];
  for (int i = 0; i < 16 / fp_vec_width; i++)
    largest[i] = fp_vec_set(-INFINITY);
  for (int key = 0; key < keys; key += 16)
    for (int i = 0; i < 16 / fp_vec_width; i++)
      largest[i] = fp_vec_max(fp_vec_load_f32(scores + key + i * fp_vec_width), largest[i]);
  for (int i = 1; i < 16 / fp_vec_width; i++)
    largest[0] = fp_vec_max(largest[i], largest[0]);
  const float maximum = fp_vec_largest(largest[0]) * scale;
  if (maximum > args->maximum[row] + slack)
    move_maximum(args, row, maximum);

  const fp_vec factor = fp_vec_set(scale), offset = fp_vec_set(-args->maximum[row]);
  fp_vec sums[16 / fp_vec_width];
  for (int i = 0; i < 16 / fp_vec_width; i++)
    sums[i] = fp_vec_load_f32(args->sums + row * 16 + i * fp_vec_width);
  for (int key = 0; key < keys; key += 16)
    for (int i = 0; i < 16 / fp_vec_width; i++) {
      const int place = key + i * fp_vec_width;
      const fp_vec power = fp_vec_fma(fp_vec_load_f32(scores + place), factor, offset);
      const fp_vec weight =
          storage == FP_ATTENTION_F32 ? exp2_accurate(power) : exp2_fast(power);
      sums[i] = fp_vec_add(sums[i], weight);
      store_as(scores, place, weight, storage);
    }
  for (int i = 0; i < 16 / fp_vec_width; i++)
    fp_vec_store_f32(args->sums + row * 16 + i * fp_vec_width, sums[i]);
}

static void soften_f32(const fp_attention_softmax_args *args) {
  for (int row = 0; row < args->rows; row++)
    soften_row(args, row, FP_ATTENTION_F32);
}

static void soften_rounded(const fp_attention_softmax_args *args) {
  for (int row = 0; row < args->rows; row++)
    soften_row(args, row, FP_ATTENTION_F32_ROUNDED);
}

static void soften_bf16(const fp_attention_softmax_args *args) {
  for (int row = 0; row < args->rows; row++)
    soften_row(args, row, FP_ATTENTION_BF16);
}

FP_INLINE fp_vec load_as(const void *base, fp_dtype type, int index) {
  return type == FP_F32 ? fp_vec_load_f32((const float *)base + index)
                        : fp_vec_load_bf16((const char *)base + (ptrdiff_t)index * 2);
}

static void prepare(const fp_attention_rows *rows, int head, int64_t row, int dim, int padded,
                    fp_attention_storage storage, void *target) {
  const char *x = (const char *)rows->x + row * rows->row + head * rows->head;
  const float *weight = rows->weight ? rows->weight + (ptrdiff_t)head * dim : NULL;
  const fp_vec scale = fp_vec_set(rows->row_scale ? rows->row_scale[row] : 1);
  const ptrdiff_t angles = row * (dim / 2);
  int i = 0;
  for (; i + fp_vec_width <= dim; i += fp_vec_width) {
    fp_vec value = load_as(x, rows->type, i);
    if (rows->row_scale)
      value = fp_vec_mul(value, scale);
    if (weight)
      value = fp_vec_mul(value, fp_vec_load_f32(weight + i));
    if (rows->cosine)
      value = attention_rotate(value, rows->cosine + angles + i / 2, rows->sine + angles + i / 2);
    store_as(target, i, value, storage);
  }
  fp_attention_prepare_part(rows, head, row, dim, i, storage, target);
  for (i = dim; i < padded; i++)
    fp_attention_store(target, i, 0, storage);
}

static void finish(void *y, fp_dtype y_type, const float *output, float factor, int dim,
                   bool add) {
  int i = 0;
  for (; i + fp_vec_width <= dim; i += fp_vec_width) {
    fp_vec value = fp_vec_mul(fp_vec_load_f32(output + i), fp_vec_set(factor));
    if (add)
      value = fp_vec_add(value, load_as(y, y_type, i));
    store_as(y, i, value, y_type == FP_F32 ? FP_ATTENTION_F32 : FP_ATTENTION_BF16);
  }
  fp_attention_finish_part(y, y_type, output, factor, i, dim, add);
}

static const fp_attention_kernels vector_functions = {
    .softmax = {soften_f32, soften_rounded, soften_bf16},
    .prepare = prepare,
    .finish = finish,
};
