// Low-rank sums in plain C.
#include "fp_lowrank.h"

static void add(float *target, ptrdiff_t target_row, const float *up, ptrdiff_t up_row,
                const float *down, ptrdiff_t down_row, int64_t rows, int64_t rank, int64_t columns,
                float scale) {
  for (int64_t row = 0; row < rows; row++)
    for (int64_t column = 0; column < columns; column++) {
      float sum = 0;
      for (int64_t k = 0; k < rank; k++)
        sum += up[row * up_row + k] * down[k * down_row + column];
      target[row * target_row + column] += scale * sum;
    }
}

void fp_lowrank_init_generic(fp_lowrank_kernels *kernels) { kernels->add = add; }
