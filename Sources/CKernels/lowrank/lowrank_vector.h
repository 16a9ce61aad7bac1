/// The vector form, compiled once for each instruction set: define FP_LOWRANK_ROWS (rows whose sums
/// stay in registers) and include this inside the target attribute.
#include "fp_lowrank.h"

#include <string.h>

enum {
  lanes = 16,
  panel_rank = 256, // largest rank of a panel, 16 KiB on the stack
};
typedef float vector __attribute__((vector_size(4 * lanes), aligned(4)));

/// Copies up to 16 columns of `down` together: rows that lie a power of two apart would evict each
/// other from the cache.
static inline void pack_panel(vector *panel, const float *down, ptrdiff_t down_row, int64_t rank,
                              int64_t width) {
  for (int64_t k = 0; k < rank; k++) {
    panel[k] = (vector){0};
    memcpy(&panel[k], down + k * down_row, (size_t)width * sizeof(float));
  }
}

/// target += scale * sum for one row and `width` columns.
static inline void store_row(float *target, const vector *sum, int64_t width, float scale) {
  vector value = {0};
  memcpy(&value, target, (size_t)width * sizeof(float));
  value += *sum * scale;
  memcpy(target, &value, (size_t)width * sizeof(float));
}

/// Sums of `FP_LOWRANK_ROWS` rows and 16 columns, of which `width` are wanted; rows past the end
/// repeat the last one.
static inline void add_block(float *target, ptrdiff_t target_row, const float *up, ptrdiff_t up_row,
                             const vector *panel, int64_t rows, int64_t rank, int64_t width,
                             float scale) {
  vector sums[FP_LOWRANK_ROWS] = {{0}};
  const float *ups[FP_LOWRANK_ROWS];
  for (int i = 0; i < FP_LOWRANK_ROWS; i++)
    ups[i] = up + (i < rows ? i : rows - 1) * up_row;
  for (int64_t k = 0; k < rank; k++)
    for (int i = 0; i < FP_LOWRANK_ROWS; i++)
      sums[i] += panel[k] * ups[i][k];
  for (int i = 0; i < FP_LOWRANK_ROWS && i < rows; i++)
    store_row(target + i * target_row, &sums[i], width, scale);
}

/// One row straight from `down`, for ranks that no panel holds: the same sums in the same order.
static inline void add_row(float *target, const float *up, const float *down, ptrdiff_t down_row,
                           int64_t rank, int64_t width, float scale) {
  vector sum = {0};
  for (int64_t k = 0; k < rank; k++) {
    vector values = {0};
    memcpy(&values, down + k * down_row, (size_t)width * sizeof(float));
    sum += values * up[k];
  }
  store_row(target, &sum, width, scale);
}

static void add(float *target, ptrdiff_t target_row, const float *up, ptrdiff_t up_row,
                const float *down, ptrdiff_t down_row, int64_t rows, int64_t rank, int64_t columns,
                float scale) {
  vector panel[panel_rank];
  for (int64_t column = 0; column < columns; column += lanes) {
    const int64_t width = columns - column < lanes ? columns - column : lanes;
    if (rank > panel_rank) {
      for (int64_t row = 0; row < rows; row++)
        add_row(target + row * target_row + column, up + row * up_row, down + column, down_row,
                rank, width, scale);
      continue;
    }
    pack_panel(panel, down + column, down_row, rank, width);
    for (int64_t row = 0; row < rows; row += FP_LOWRANK_ROWS)
      add_block(target + row * target_row + column, target_row, up + row * up_row, up_row, panel,
                rows - row, rank, width, scale);
  }
}
