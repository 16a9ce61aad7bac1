/// Sum of a matrix and a product of two thin ones, for merging adapters into weights.
#ifndef FP_LOWRANK_H
#define FP_LOWRANK_H

#include "fp_types.h"

typedef struct fp_lowrank_kernels {
  /// target[rows, columns] += scale * (up[rows, rank] * down[rank, columns]), float32, row strides
  /// in elements. Each product is summed over the rank in order, in float32, before it is scaled;
  /// an element's result does not depend on how rows and columns are shared out.
  void (*add)(float *target, ptrdiff_t target_row, const float *up, ptrdiff_t up_row,
              const float *down, ptrdiff_t down_row, int64_t rows, int64_t rank, int64_t columns,
              float scale);
} fp_lowrank_kernels;

void fp_lowrank_init_generic(fp_lowrank_kernels *kernels);
void fp_lowrank_init_avx2(fp_lowrank_kernels *kernels);
void fp_lowrank_init_avx512(fp_lowrank_kernels *kernels);

#endif
