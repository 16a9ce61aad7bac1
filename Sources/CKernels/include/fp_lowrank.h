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

  /// target[rows, columns] = weight + scale * (up[rows, rank] * down[rank, columns]), all bfloat16,
  /// summed in float32 in one order and rounded once; `row` is the stride of target and weight.
  /// `packed` holds `down`. NULL, as is `pack`, where the processor multiplies no bfloat16.
  void (*merge)(uint16_t *target, const uint16_t *weight, ptrdiff_t row, const uint16_t *up,
                ptrdiff_t up_row, const void *packed, int64_t rows, int64_t rank, int64_t columns,
                float scale);

  /// Packs down[rank, columns] into `fp_lowrank_packed_bytes` at a place aligned to a cache line.
  void (*pack)(void *packed, const uint16_t *down, ptrdiff_t down_row, int64_t rank,
               int64_t columns);
} fp_lowrank_kernels;

/// Columns that are packed together.
#define FP_LOWRANK_PANEL 32

static inline size_t fp_lowrank_packed_bytes(int64_t rank, int64_t columns) {
  return (size_t)((columns + FP_LOWRANK_PANEL - 1) / FP_LOWRANK_PANEL) *
         (size_t)((rank + 1) / 2) * FP_LOWRANK_PANEL * sizeof(uint32_t);
}

void fp_lowrank_init_generic(fp_lowrank_kernels *kernels);
void fp_lowrank_init_avx2(fp_lowrank_kernels *kernels);
void fp_lowrank_init_avx512(fp_lowrank_kernels *kernels, uint32_t features);

#endif
