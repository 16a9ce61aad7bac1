/// Element-by-element arithmetic on contiguous arrays of F32 or BF16: computed in float32, rounded
/// once where the result is stored. Arrays may be unaligned; `y` may be one of the inputs if its
/// type is the same.
#ifndef FP_ELEMENTWISE_H
#define FP_ELEMENTWISE_H

#include "fp_types.h"

/// Functions of one number, within 2 units in the last place (GELU: of x).
typedef enum fp_unary {
  FP_UNARY_GELU_TANH = 0, // x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))
  FP_UNARY_GELU_ERF,      // x / 2 * (1 + erf(x / sqrt(2)))
  FP_UNARY_SILU,          // x / (1 + e^-x)
  FP_UNARY_RELU,
  FP_UNARY_SIGMOID,
  FP_UNARY_TANH,
  FP_UNARY_EXP,
  FP_UNARY_COUNT
} fp_unary;

/// Functions of two numbers.
typedef enum fp_binary {
  FP_BINARY_ADD = 0,
  FP_BINARY_SUBTRACT,
  FP_BINARY_MULTIPLY,
  FP_BINARY_SILU_MULTIPLY,      // SiLU(a) * b
  FP_BINARY_GELU_TANH_MULTIPLY, // GELU(a) * b
  FP_BINARY_COUNT
} fp_binary;

/// y = gate * x + residual over rows, the gate one row for all.
typedef struct fp_gated_add {
  const void *x, *residual; // [rows, width]
  void *y;                  // [rows, width], may be `x` or `residual`
  fp_dtype x_type, residual_type, y_type;
  const float *gate; // [width]
  int64_t width;
} fp_gated_add;

typedef struct fp_elementwise_kernels {
  /// y = f(x). SiLU and GELU of minus infinity are NaN, as in PyTorch.
  void (*unary)(fp_unary function, void *y, fp_dtype y_type, const void *x, fp_dtype x_type,
                size_t count);
  /// y = f(a, b).
  void (*binary)(fp_binary function, void *y, fp_dtype y_type, const void *a, fp_dtype a_type,
                 const void *b, fp_dtype b_type, size_t count);
  /// y = scale * a + b, rounded once.
  void (*scale_add)(float scale, void *y, fp_dtype y_type, const void *a, fp_dtype a_type,
                    const void *b, fp_dtype b_type, size_t count);
  /// y = scale * x + shift, rounded once.
  void (*affine)(float scale, float shift, void *y, fp_dtype y_type, const void *x,
                 fp_dtype x_type, size_t count);
  /// Rows begin ..< end, each product and sum rounded once.
  void (*gated_add)(const fp_gated_add *args, int64_t begin, int64_t end);
} fp_elementwise_kernels;

void fp_elementwise_init_generic(fp_elementwise_kernels *kernels);
void fp_elementwise_init_avx2(fp_elementwise_kernels *kernels);
void fp_elementwise_init_avx512(fp_elementwise_kernels *kernels);
void fp_elementwise_init_neon(fp_elementwise_kernels *kernels);

#endif
