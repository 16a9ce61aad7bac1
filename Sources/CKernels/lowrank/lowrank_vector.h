/// The vector form, compiled once for each instruction set: define FP_LOWRANK_ROWS (rows whose sums
/// stay in registers) and include this inside the target attribute.
#include "fp_lowrank.h"

#include <string.h>

enum { lanes = 16 };
typedef float vector __attribute__((vector_size(4 * lanes), aligned(4)));

/// Sums of `FP_LOWRANK_ROWS` rows and up to 16 columns; rows past the end repeat the last one.
/// Multiply-add of vectors is fused in every column, whole vectors or not.
static inline void add_block(float *target, ptrdiff_t target_row, const float *up, ptrdiff_t up_row,
                             const float *down, ptrdiff_t down_row, int64_t rows, int64_t rank,
                             int64_t columns, float scale) {
  vector sums[FP_LOWRANK_ROWS] = {{0}};
  const float *ups[FP_LOWRANK_ROWS];
  for (int i = 0; i < FP_LOWRANK_ROWS; i++)
    ups[i] = up + (i < rows ? i : rows - 1) * up_row;
  for (int64_t k = 0; k < rank; k++) {
    vector values = {0};
    if (columns == lanes)
      values = *(const vector *)(const void *)(down + k * down_row);
    else
      memcpy(&values, down + k * down_row, (size_t)columns * sizeof(float));
    for (int i = 0; i < FP_LOWRANK_ROWS; i++)
      sums[i] += values * ups[i][k];
  }
  for (int i = 0; i < FP_LOWRANK_ROWS && i < rows; i++) {
    float *place = target + i * target_row;
    vector old = {0};
    memcpy(&old, place, (size_t)columns * sizeof(float));
    old += sums[i] * scale;
    memcpy(place, &old, (size_t)columns * sizeof(float));
  }
}

static void add(float *target, ptrdiff_t target_row, const float *up, ptrdiff_t up_row,
                const float *down, ptrdiff_t down_row, int64_t rows, int64_t rank, int64_t columns,
                float scale) {
  for (int64_t column = 0; column < columns; column += lanes) {
    const int64_t width = columns - column < lanes ? columns - column : lanes;
    for (int64_t row = 0; row < rows; row += FP_LOWRANK_ROWS)
      add_block(target + row * target_row + column, target_row, up + row * up_row, up_row,
                down + column, down_row, rows - row, rank, width, scale);
  }
}
