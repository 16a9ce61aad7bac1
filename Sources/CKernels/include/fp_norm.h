/// Normalisation of rows. The prologue of a matrix product does LayerNorm and RMSNorm on the way;
/// these stand alone.
#ifndef FP_NORM_H
#define FP_NORM_H

#include "fp_matmul.h"
#include "fp_types.h"

typedef struct fp_norm_args {
  const void *x; // [rows, width], F32 or BF16
  void *y;       // [rows, width], F32 or BF16; may be `x` if the type is the same
  fp_dtype x_type, y_type;
  ptrdiff_t x_row, y_row; // bytes between rows
  int64_t width;
  fp_norm norm;          // `rows`: LAYER (mean and biased variance) or RMS
  float epsilon;         // `rows`: added to the mean square; `channels`: the smallest norm, 1e-12
  const float *multiply; // [width], NULL: 1
  const float *add;      // [width], NULL: 0
  bool silu;             // `channels`: SiLU of the result
} fp_norm_args;

typedef struct fp_norm_kernels {
  /// y = norm(x) * multiply + add for rows begin ..< end; norm NONE leaves x.
  void (*rows)(const fp_norm_args *args, int64_t begin, int64_t end);
  /// y = x / max(|x|, epsilon) * sqrt(width) * multiply + add, |x| the Euclidean norm of the row's
  /// channels (RMS_norm of the Wan VAE, channels last).
  void (*channels)(const fp_norm_args *args, int64_t begin, int64_t end);
} fp_norm_kernels;

void fp_norm_init_generic(fp_norm_kernels *kernels);
void fp_norm_init_avx2(fp_norm_kernels *kernels);
void fp_norm_init_avx512(fp_norm_kernels *kernels);
void fp_norm_init_neon(fp_norm_kernels *kernels);

#endif
