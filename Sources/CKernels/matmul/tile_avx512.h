/// The AVX-512 tile kernel: up to 8 rows by 48 lanes of sums in registers. For each group of k it
/// loads the lanes' words once and multiplies them by every row's word, broadcast.
///
/// A file that includes this defines FP_TILE_OPERATION(sum, x, y): sum + dot(x, y) of the groups in
/// each 32-bit word, and FP_TILE_ADD(sum, sum), on __m512i.
#include "fp_matmul.h"

#include <immintrin.h>

enum { tile_rows = 8, tile_vectors = 3 };

/// Multiplies groups of one chunk: `rows` and `vectors` are compile-time constants, so the sums
/// stay in registers; so is `a_row` where A is packed.
static inline __attribute__((always_inline)) const char *
multiply_groups(__m512i sums[tile_rows][tile_vectors], const char *a, ptrdiff_t a_row,
                const char *b, int count, const int rows, const int vectors) {
#pragma clang loop unroll_count(4)
  for (int group = 0; group < count; group++) {
    __m512i y[tile_vectors];
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++)
      y[v] = _mm512_loadu_si512(b + v * 64);
#pragma clang loop unroll(full)
    for (int row = 0; row < rows; row++) {
      int32_t word;
      __builtin_memcpy(&word, a + row * a_row + group * 4, 4);
      const __m512i x = _mm512_set1_epi32(word);
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; v++)
        sums[row][v] = FP_TILE_OPERATION(sums[row][v], x, y[v]);
    }
    b += vectors * 64;
  }
  return b;
}

/// Multiplies one block: whole chunks, then what is left of the last.
static inline __attribute__((always_inline)) void
multiply_block(__m512i sums[tile_rows][tile_vectors], const char *a, ptrdiff_t a_row,
               ptrdiff_t a_chunk, const char *b, int groups, const int rows, const int vectors) {
  for (int chunk = 0; chunk < groups / FP_CHUNK_GROUPS; chunk++, a += a_chunk)
    b = multiply_groups(sums, a, a_row, b, FP_CHUNK_GROUPS, rows, vectors);
  if (groups % FP_CHUNK_GROUPS > 0)
    multiply_groups(sums, a, a_row, b, groups % FP_CHUNK_GROUPS, rows, vectors);
}

static inline __attribute__((always_inline)) void multiply_rows(const fp_tile_args *args,
                                                                ptrdiff_t a_row, int first_row,
                                                                const int rows,
                                                                const int vectors) {
  __m512i sums[tile_rows][tile_vectors];
  char *c = (char *)args->c + first_row * args->c_row;
#pragma clang loop unroll(full)
  for (int row = 0; row < rows; row++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++)
      sums[row][v] = _mm512_setzero_si512();
  const size_t b_block = (size_t)args->groups * vectors * 64;
  for (int block = 0; block < args->batch; block++) {
    const char *a = (const char *)args->a + (args->a_offsets ? args->a_offsets[block] : 0);
    multiply_block(sums, a + first_row * a_row, a_row, args->a_chunk,
                   (const char *)args->b + block * b_block, args->groups, rows, vectors);
  }
  // C enters last: had it been loaded first, every product would wait for it.
#pragma clang loop unroll(full)
  for (int row = 0; row < rows; row++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) {
      char *place = c + row * args->c_row + v * 64;
      if (args->accumulate)
        sums[row][v] = FP_TILE_ADD(sums[row][v], _mm512_loadu_si512(place));
      _mm512_storeu_si512(place, sums[row][v]);
    }
}

static inline __attribute__((always_inline)) void multiply_lanes(const fp_tile_args *args,
                                                                 const int vectors) {
  if (args->rows == tile_rows) {
    if (args->a_row == FP_ALIGNMENT) // packed panels
      multiply_rows(args, FP_ALIGNMENT, 0, tile_rows, vectors);
    else
      multiply_rows(args, args->a_row, 0, tile_rows, vectors);
    return;
  }
  int row = 0;
  for (; row + 4 <= args->rows; row += 4)
    multiply_rows(args, args->a_row, row, 4, vectors);
  for (; row < args->rows; row++)
    multiply_rows(args, args->a_row, row, 1, vectors);
}

static void multiply(const fp_tile_args *args) {
  switch (args->lanes / 16) {
  case 1:
    multiply_lanes(args, 1);
    break;
  case 2:
    multiply_lanes(args, 2);
    break;
  default:
    multiply_lanes(args, 3);
    break;
  }
}
