/// Sums and extremes of one block of numbers. The order of every addition is fixed, and the same at
/// every level, so that the bits of a sum depend on the numbers alone.
#ifndef FP_REDUCE_H
#define FP_REDUCE_H

#include "fp_types.h"

/// Elements of a block: longer arrays are cut, and the blocks' results joined pairwise.
#define FP_REDUCE_BLOCK 4096

/// Count, sum and sum of squared deviations from the mean.
typedef struct fp_moments {
  double count, sum, squares;
} fp_moments;

/// Smallest and largest number; NaN where one is NaN. Of no numbers: infinity, minus infinity.
typedef struct fp_extremes {
  float smallest, largest;
} fp_extremes;

typedef struct fp_reduce_kernels {
  /// Of `count` <= FP_REDUCE_BLOCK elements F32 or BF16; `squares` is 0 where not asked for.
  fp_moments (*moments)(const void *x, fp_dtype type, size_t count, bool squares);
  fp_extremes (*extremes)(const void *x, fp_dtype type, size_t count);
} fp_reduce_kernels;

/// Joins the moments of two stretches of numbers.
fp_moments fp_join_moments(fp_moments a, fp_moments b);
fp_extremes fp_join_extremes(fp_extremes a, fp_extremes b);

void fp_reduce_init_generic(fp_reduce_kernels *kernels);
void fp_reduce_init_avx2(fp_reduce_kernels *kernels);
void fp_reduce_init_avx512(fp_reduce_kernels *kernels);
void fp_reduce_init_neon(fp_reduce_kernels *kernels);

#endif
