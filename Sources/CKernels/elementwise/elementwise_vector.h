/// Element-by-element arithmetic on the vector vocabulary.
///
/// Included by `elementwise_<isa>.c` after its vector headers.
#include "fp_elementwise.h"

/// Inlined with a known function, so that the choice is made once and not for each vector.
#define ONE_FUNCTION static inline __attribute__((always_inline))

ONE_FUNCTION fp_vec unary(fp_unary function, fp_vec x) {
  switch (function) {
  case FP_UNARY_GELU_TANH:
    return fp_vec_gelu_tanh(x);
  case FP_UNARY_GELU_ERF:
    return fp_vec_gelu_erf(x);
  case FP_UNARY_SILU:
    return fp_vec_silu(x);
  case FP_UNARY_RELU:
    return fp_vec_relu(x);
  case FP_UNARY_SIGMOID:
    return fp_vec_sigmoid(x);
  case FP_UNARY_TANH:
    return fp_vec_tanh(x);
  default:
    return fp_vec_exp(x);
  }
}

ONE_FUNCTION void unary_loop(fp_unary function, void *y, fp_dtype y_type, const void *x,
                             fp_dtype x_type, size_t count) {
  size_t i = 0;
  for (; i + fp_vec_width <= count; i += fp_vec_width)
    fp_vec_store(y, y_type, i, unary(function, fp_vec_load(x, x_type, i)));
  if (i < count)
    fp_vec_store_part(y, y_type, i, unary(function, fp_vec_load_part(x, x_type, i, count - i)),
                      count - i);
}

static void unary_array(fp_unary function, void *y, fp_dtype y_type, const void *x, fp_dtype x_type,
                        size_t count) {
  switch (function) {
  case FP_UNARY_GELU_TANH:
    return unary_loop(FP_UNARY_GELU_TANH, y, y_type, x, x_type, count);
  case FP_UNARY_GELU_ERF:
    return unary_loop(FP_UNARY_GELU_ERF, y, y_type, x, x_type, count);
  case FP_UNARY_SILU:
    return unary_loop(FP_UNARY_SILU, y, y_type, x, x_type, count);
  case FP_UNARY_RELU:
    return unary_loop(FP_UNARY_RELU, y, y_type, x, x_type, count);
  case FP_UNARY_SIGMOID:
    return unary_loop(FP_UNARY_SIGMOID, y, y_type, x, x_type, count);
  case FP_UNARY_TANH:
    return unary_loop(FP_UNARY_TANH, y, y_type, x, x_type, count);
  default:
    return unary_loop(FP_UNARY_EXP, y, y_type, x, x_type, count);
  }
}

ONE_FUNCTION fp_vec binary(fp_binary function, fp_vec a, fp_vec b) {
  switch (function) {
  case FP_BINARY_ADD:
    return fp_vec_add(a, b);
  case FP_BINARY_SUBTRACT:
    return fp_vec_sub(a, b);
  case FP_BINARY_MULTIPLY:
    return fp_vec_mul(a, b);
  case FP_BINARY_SILU_MULTIPLY:
    return fp_vec_mul(fp_vec_silu(a), b);
  default:
    return fp_vec_mul(fp_vec_gelu_tanh(a), b);
  }
}

ONE_FUNCTION void binary_loop(fp_binary function, void *y, fp_dtype y_type, const void *a,
                              fp_dtype a_type, const void *b, fp_dtype b_type, size_t count) {
  size_t i = 0;
  for (; i + fp_vec_width <= count; i += fp_vec_width)
    fp_vec_store(y, y_type, i,
                 binary(function, fp_vec_load(a, a_type, i), fp_vec_load(b, b_type, i)));
  if (i < count)
    fp_vec_store_part(y, y_type, i,
                      binary(function, fp_vec_load_part(a, a_type, i, count - i),
                             fp_vec_load_part(b, b_type, i, count - i)),
                      count - i);
}

static void binary_arrays(fp_binary function, void *y, fp_dtype y_type, const void *a,
                          fp_dtype a_type, const void *b, fp_dtype b_type, size_t count) {
  switch (function) {
  case FP_BINARY_ADD:
    return binary_loop(FP_BINARY_ADD, y, y_type, a, a_type, b, b_type, count);
  case FP_BINARY_SUBTRACT:
    return binary_loop(FP_BINARY_SUBTRACT, y, y_type, a, a_type, b, b_type, count);
  case FP_BINARY_MULTIPLY:
    return binary_loop(FP_BINARY_MULTIPLY, y, y_type, a, a_type, b, b_type, count);
  case FP_BINARY_SILU_MULTIPLY:
    return binary_loop(FP_BINARY_SILU_MULTIPLY, y, y_type, a, a_type, b, b_type, count);
  default:
    return binary_loop(FP_BINARY_GELU_TANH_MULTIPLY, y, y_type, a, a_type, b, b_type, count);
  }
}

static void scale_add(float scale, void *y, fp_dtype y_type, const void *a, fp_dtype a_type,
                      const void *b, fp_dtype b_type, size_t count) {
  const fp_vec factor = fp_vec_set(scale);
  size_t i = 0;
  for (; i + fp_vec_width <= count; i += fp_vec_width)
    fp_vec_store(y, y_type, i,
                 fp_vec_fma(factor, fp_vec_load(a, a_type, i), fp_vec_load(b, b_type, i)));
  if (i < count)
    fp_vec_store_part(y, y_type, i,
                      fp_vec_fma(factor, fp_vec_load_part(a, a_type, i, count - i),
                                 fp_vec_load_part(b, b_type, i, count - i)),
                      count - i);
}

static void affine(float scale, float shift, void *y, fp_dtype y_type, const void *x,
                   fp_dtype x_type, size_t count) {
  const fp_vec factor = fp_vec_set(scale), term = fp_vec_set(shift);
  size_t i = 0;
  for (; i + fp_vec_width <= count; i += fp_vec_width)
    fp_vec_store(y, y_type, i, fp_vec_fma(factor, fp_vec_load(x, x_type, i), term));
  if (i < count)
    fp_vec_store_part(y, y_type, i,
                      fp_vec_fma(factor, fp_vec_load_part(x, x_type, i, count - i), term),
                      count - i);
}

static void gated_add(const fp_gated_add *args, int64_t begin, int64_t end) {
  const fp_gated_add a = *args;
  const size_t width = (size_t)a.width;
  for (size_t row = (size_t)begin; row < (size_t)end; row++) {
    const size_t base = row * width;
    size_t i = 0;
    for (; i + fp_vec_width <= width; i += fp_vec_width)
      fp_vec_store(a.y, a.y_type, base + i,
                   fp_vec_fma(fp_vec_load_f32(a.gate + i), fp_vec_load(a.x, a.x_type, base + i),
                              fp_vec_load(a.residual, a.residual_type, base + i)));
    const size_t rest = width - i;
    if (rest > 0)
      fp_vec_store_part(a.y, a.y_type, base + i,
                        fp_vec_fma(fp_vec_load_part_f32(a.gate + i, rest),
                                   fp_vec_load_part(a.x, a.x_type, base + i, rest),
                                   fp_vec_load_part(a.residual, a.residual_type, base + i, rest)),
                        rest);
  }
}

static void set_kernels(fp_elementwise_kernels *kernels) {
  *kernels = (fp_elementwise_kernels){.unary = unary_array,
                                      .binary = binary_arrays,
                                      .scale_add = scale_add,
                                      .affine = affine,
                                      .gated_add = gated_add};
}
