// Attention kernels in plain C: the reference that every instruction set is checked against.
#include "attention_internal.h"

#include "../elementwise/fp_element.h"

#include <math.h>
#include <string.h>

void fp_attention_store(void *target, int index, float value, fp_attention_storage storage) {
  const uint16_t rounded = storage == FP_ATTENTION_F32 ? 0 : fp_f32_to_bf16(value);
  if (storage == FP_ATTENTION_BF16)
    memcpy((char *)target + index * 2, &rounded, 2);
  else
    ((float *)target)[index] = storage == FP_ATTENTION_F32 ? value : fp_bf16_to_f32(rounded);
}

/// Element `index` of a row, normalised.
static float scaled_element(const fp_attention_rows *rows, int head, int64_t row, int dim,
                            int index) {
  const char *x = (const char *)rows->x + row * rows->row + head * rows->head;
  float value = fp_element(x, rows->type, index);
  if (rows->row_scale)
    value *= rows->row_scale[row];
  if (rows->weight)
    value *= rows->weight[(ptrdiff_t)head * dim + index];
  return value;
}

void fp_attention_prepare_part(const fp_attention_rows *rows, int head, int64_t row, int dim,
                               int begin, fp_attention_storage storage, void *target) {
  for (int i = begin; i < dim; i++) {
    float value = scaled_element(rows, head, row, dim, i);
    if (rows->cosine) {
      const ptrdiff_t pair = row * (dim / 2) + i / 2;
      const float other = scaled_element(rows, head, row, dim, i ^ 1);
      const float turned = other * rows->sine[pair];
      value = value * rows->cosine[pair] + (i % 2 ? turned : -turned);
    }
    fp_attention_store(target, i, value, storage);
  }
}

static void prepare(const fp_attention_rows *rows, int head, int64_t row, int dim, int padded,
                    fp_attention_storage storage, void *target) {
  fp_attention_prepare_part(rows, head, row, dim, 0, storage, target);
  for (int i = dim; i < padded; i++)
    fp_attention_store(target, i, 0, storage);
}

void fp_attention_finish_part(void *y, fp_dtype y_type, const float *output, float factor,
                              int begin, int dim, bool add) {
  for (int i = begin; i < dim; i++) {
    const float value = output[i] * factor + (add ? fp_element(y, y_type, i) : 0);
    fp_set_element(y, y_type, (size_t)i, value);
  }
}

static void finish(void *y, fp_dtype y_type, const float *output, float factor, int dim,
                   bool add) {
  fp_attention_finish_part(y, y_type, output, factor, 0, dim, add);
}

/// Scales the scores of a row, adds the bias, and returns the new running maximum.
static float scale_scores(float *scores, const float *bias, int keys, float scale,
                          float maximum) {
  static const float log2_e = 1.44269504088896340736f;
  for (int key = 0; key < keys; key++) {
    scores[key] = scores[key] * scale + (bias ? bias[key] * log2_e : 0);
    if (scores[key] > maximum)
      maximum = scores[key];
  }
  return maximum;
}

static void soften(const fp_attention_softmax_args *args, fp_attention_storage storage) {
  for (int row = 0; row < args->rows; row++) {
    float *scores = (float *)((char *)args->scores + row * args->score_row);
    const float *bias =
        args->bias ? (const float *)((const char *)args->bias + row * args->bias_row) : NULL;
    const float before = args->maximum[row];
    const float maximum = scale_scores(scores, bias, args->keys, args->scale, before);
    if (maximum > before) {
      const float factor = exp2f(before - maximum);
      for (int lane = 0; args->output && lane < args->output_lanes; lane++)
        ((float *)((char *)args->output + row * args->output_row))[lane] *= factor;
      args->sums[row * 16] *= factor;
      args->maximum[row] = maximum;
    }
    for (int key = 0; key < args->padded; key++) {
      const float weight = key < args->keys ? exp2f(scores[key] - maximum) : 0;
      args->sums[row * 16] += weight;
      fp_attention_store(scores, key, weight, storage);
    }
  }
}

static void soften_f32(const fp_attention_softmax_args *args) { soften(args, FP_ATTENTION_F32); }
static void soften_rounded(const fp_attention_softmax_args *args) {
  soften(args, FP_ATTENTION_F32_ROUNDED);
}
static void soften_bf16(const fp_attention_softmax_args *args) { soften(args, FP_ATTENTION_BF16); }

void fp_attention_init_generic(fp_attention_kernels *kernels) {
  kernels->block_queries = 64;
  kernels->block_keys = 64;
  kernels->group_unit = 1;
  kernels->interleaved = false;
  kernels->softmax[FP_ATTENTION_F32] = soften_f32;
  kernels->softmax[FP_ATTENTION_F32_ROUNDED] = soften_rounded;
  kernels->softmax[FP_ATTENTION_BF16] = soften_bf16;
  kernels->prepare = prepare;
  kernels->finish = finish;
}
