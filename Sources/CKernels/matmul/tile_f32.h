/// Float32 tiles of 6 rows by 16 lanes, written once on the vector vocabulary for the instruction
/// sets whose registers hold them: 12 sums of 8 floats, or 24 of 4.
///
/// A file that includes this has included `fp_vector_<isa>.h` and opened the pragma that chooses
/// its instructions.
#include "fp_matmul.h"

enum { tile_rows = 6, tile_lanes = 16, tile_vectors = tile_lanes / fp_vec_width };

/// Multiplies groups of one chunk. `rows` is a compile-time constant, so that the sums stay in
/// registers.
static inline __attribute__((always_inline)) const char *
multiply_groups(fp_vec sums[tile_rows][tile_vectors], const char *a, ptrdiff_t a_row,
                const char *b, int count, const int rows) {
  for (int group = 0; group < count; group++, b += tile_lanes * 4) {
    fp_vec y[tile_vectors];
#pragma clang loop unroll(full)
    for (int v = 0; v < tile_vectors; v++)
      y[v] = fp_vec_load_f32(b + v * fp_vec_width * 4);
#pragma clang loop unroll(full)
    for (int row = 0; row < rows; row++) {
      float word;
      memcpy(&word, a + row * a_row + group * 4, sizeof word);
      const fp_vec x = fp_vec_set(word);
#pragma clang loop unroll(full)
      for (int v = 0; v < tile_vectors; v++)
        sums[row][v] = fp_vec_fma(x, y[v], sums[row][v]);
    }
  }
  return b;
}

static inline __attribute__((always_inline)) void multiply_rows(const fp_tile_args *args,
                                                                int first_row, const int rows) {
  fp_vec sums[tile_rows][tile_vectors];
#pragma clang loop unroll(full)
  for (int row = 0; row < rows; row++)
#pragma clang loop unroll(full)
    for (int v = 0; v < tile_vectors; v++)
      sums[row][v] = fp_vec_set(0);
  const char *b = args->b;
  for (int block = 0; block < args->batch; block++) {
    const char *a = (const char *)args->a + (args->a_offsets ? args->a_offsets[block] : 0) +
                    first_row * args->a_row;
    for (int group = 0; group < args->groups; group += FP_CHUNK_GROUPS, a += args->a_chunk) {
      const int left = args->groups - group;
      b = multiply_groups(sums, a, args->a_row, b,
                          left < FP_CHUNK_GROUPS ? left : FP_CHUNK_GROUPS, rows);
    }
  }
#pragma clang loop unroll(full)
  for (int row = 0; row < rows; row++) {
    char *c = (char *)args->c + (first_row + row) * args->c_row;
#pragma clang loop unroll(full)
    for (int v = 0; v < tile_vectors; v++, c += fp_vec_width * 4) {
      if (args->accumulate)
        sums[row][v] = fp_vec_add(sums[row][v], fp_vec_load_f32(c));
      fp_vec_store_f32(c, sums[row][v]);
    }
  }
}

static void multiply_f32(const fp_tile_args *args) {
  int row = 0;
  for (; row + tile_rows <= args->rows; row += tile_rows)
    multiply_rows(args, row, tile_rows);
  for (; row + 2 <= args->rows; row += 2)
    multiply_rows(args, row, 2);
  for (; row < args->rows; row++)
    multiply_rows(args, row, 1);
}
