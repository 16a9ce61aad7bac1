/// Rotary position embedding: neighbouring channels (2i, 2i + 1) are turned by a position's angle.
#ifndef FP_ROPE_H
#define FP_ROPE_H

#include "fp_types.h"

typedef struct fp_rope_args {
  const void *x; // [length, heads, width], F32 or BF16
  void *y;       // [length, heads, width], F32 or BF16; may be `x` if the type is the same
  fp_dtype x_type, y_type;
  ptrdiff_t x_row, y_row; // bytes between positions
  int64_t heads, width;   // width even
  const float *cosines;   // [length, width]: cos, cos of each pair
  const float *sines;     // [length, width]: -sin, sin of each pair
} fp_rope_args;

typedef struct fp_rope_kernels {
  /// y = x * cosines + swapped(x) * sines for positions begin ..< end.
  void (*rotate)(const fp_rope_args *args, int64_t begin, int64_t end);
} fp_rope_kernels;

void fp_rope_init_generic(fp_rope_kernels *kernels);
void fp_rope_init_avx2(fp_rope_kernels *kernels);
void fp_rope_init_avx512(fp_rope_kernels *kernels);
void fp_rope_init_neon(fp_rope_kernels *kernels);

#endif
