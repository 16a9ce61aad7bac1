/// Pooling over windows of a picture, channels last.
#ifndef FP_POOL_H
#define FP_POOL_H

#include "fp_types.h"

/// A picture [rows][columns][channels] and the windows over it. Axes: 0 rows, 1 columns. What lies
/// in the padding does not count; padding is smaller than the kernel, so no window is empty.
typedef struct fp_pool_args {
  const void *x;
  void *y;           // [out rows][out_columns][channels]
  fp_dtype type;     // of both, F32 or BF16
  ptrdiff_t x_row, x_pixel, y_row, y_pixel; // bytes
  int64_t rows, columns, channels;
  int64_t kernel[2], stride[2], padding[2]; // padding in front
  int64_t out_columns;
} fp_pool_args;

typedef struct fp_pool_kernels {
  /// The largest value of each window for the output rows begin ..< end; NaN where one is NaN. Of
  /// equal ones the first in memory counts (-0 and 0 are equal).
  void (*maximum)(const fp_pool_args *args, int64_t begin, int64_t end);
} fp_pool_kernels;

/// The positions along one axis that a window covers: `begin` ..< `end`.
typedef struct fp_pool_span {
  int64_t begin, end;
} fp_pool_span;

static inline fp_pool_span fp_pool_span_at(const fp_pool_args *args, int axis, int64_t output) {
  const int64_t size = axis == 0 ? args->rows : args->columns;
  const int64_t start = output * args->stride[axis] - args->padding[axis];
  const int64_t end = start + args->kernel[axis];
  return (fp_pool_span){start < 0 ? 0 : start, end < size ? end : size};
}

void fp_pool_init_generic(fp_pool_kernels *kernels);
void fp_pool_init_avx2(fp_pool_kernels *kernels);
void fp_pool_init_avx512(fp_pool_kernels *kernels);
void fp_pool_init_neon(fp_pool_kernels *kernels);

#endif
