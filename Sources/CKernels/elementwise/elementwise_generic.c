// Element-by-element arithmetic in plain C.
#include "fp_elementwise.h"

#include "fp_element.h"

#include <math.h>

static double unary(fp_unary function, double x) {
  switch (function) {
  case FP_UNARY_GELU_TANH:
    return 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
  case FP_UNARY_GELU_ERF:
    return 0.5 * x * (1 + erf(x * 0.7071067811865476));
  case FP_UNARY_SILU:
    return x / (1 + exp(-x));
  case FP_UNARY_RELU:
    return x > 0 || x != x ? x : 0;
  case FP_UNARY_SIGMOID:
    return 1 / (1 + exp(-x));
  case FP_UNARY_TANH:
    return tanh(x);
  default:
    return exp(x);
  }
}

static void unary_array(fp_unary function, void *y, fp_dtype y_type, const void *x, fp_dtype x_type,
                        size_t count) {
  for (size_t i = 0; i < count; i++)
    fp_set_element(y, y_type, i, (float)unary(function, (double)fp_element(x, x_type, i)));
}

static float binary(fp_binary function, float a, float b) {
  switch (function) {
  case FP_BINARY_ADD:
    return a + b;
  case FP_BINARY_SUBTRACT:
    return a - b;
  case FP_BINARY_MULTIPLY:
    return a * b;
  case FP_BINARY_SILU_MULTIPLY:
    return (float)(unary(FP_UNARY_SILU, (double)a) * (double)b);
  default:
    return (float)(unary(FP_UNARY_GELU_TANH, (double)a) * (double)b);
  }
}

static void binary_arrays(fp_binary function, void *y, fp_dtype y_type, const void *a,
                          fp_dtype a_type, const void *b, fp_dtype b_type, size_t count) {
  for (size_t i = 0; i < count; i++)
    fp_set_element(y, y_type, i,
                   binary(function, fp_element(a, a_type, i), fp_element(b, b_type, i)));
}

static void scale_add(float scale, void *y, fp_dtype y_type, const void *a, fp_dtype a_type,
                      const void *b, fp_dtype b_type, size_t count) {
  for (size_t i = 0; i < count; i++)
    fp_set_element(y, y_type, i, fmaf(scale, fp_element(a, a_type, i), fp_element(b, b_type, i)));
}

static void affine(float scale, float shift, void *y, fp_dtype y_type, const void *x,
                   fp_dtype x_type, size_t count) {
  for (size_t i = 0; i < count; i++)
    fp_set_element(y, y_type, i, fmaf(scale, fp_element(x, x_type, i), shift));
}

static void gated_add(const fp_gated_add *args, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; row++)
    for (int64_t i = 0; i < args->width; i++) {
      const size_t at = (size_t)(row * args->width + i);
      fp_set_element(args->y, args->y_type, at,
                     fmaf(args->gate[i], fp_element(args->x, args->x_type, at),
                          fp_element(args->residual, args->residual_type, at)));
    }
}

void fp_elementwise_init_generic(fp_elementwise_kernels *kernels) {
  *kernels = (fp_elementwise_kernels){.unary = unary_array,
                                      .binary = binary_arrays,
                                      .scale_add = scale_add,
                                      .affine = affine,
                                      .gated_add = gated_add};
}
