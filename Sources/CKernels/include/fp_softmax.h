/// Softmax of rows.
#ifndef FP_SOFTMAX_H
#define FP_SOFTMAX_H

#include "fp_types.h"

typedef struct fp_softmax_args {
  const void *x; // [rows, width], F32 or BF16
  void *y;       // [rows, width], F32 or BF16; may be `x` if the type is the same
  fp_dtype x_type, y_type;
  int64_t width;
} fp_softmax_args;

typedef struct fp_softmax_kernels {
  /// y = e^(x - max) / sum of e^(x - max) for rows begin ..< end. Minus infinity has the share 0; a
  /// row of nothing else, or with NaN or plus infinity, becomes NaN, as in PyTorch.
  void (*rows)(const fp_softmax_args *args, int64_t begin, int64_t end);
} fp_softmax_kernels;

void fp_softmax_init_generic(fp_softmax_kernels *kernels);
void fp_softmax_init_avx2(fp_softmax_kernels *kernels);
void fp_softmax_init_avx512(fp_softmax_kernels *kernels);
void fp_softmax_init_neon(fp_softmax_kernels *kernels);

#endif
