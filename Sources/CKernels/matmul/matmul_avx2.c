// Tiles of 6 rows by 16 lanes with AVX2: float32 by FMA, bytes widened to 16 bits.
#include "matmul_internal.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

enum { tile_rows = 6, tile_lanes = 16 };

static inline __attribute__((always_inline)) const char *
multiply_groups_f32(__m256 sums[tile_rows][2], const char *a, ptrdiff_t a_row, const char *b,
                    int count, const int rows) {
  for (int group = 0; group < count; group++, b += tile_lanes * 4) {
    const __m256 low = _mm256_loadu_ps((const float *)b);
    const __m256 high = _mm256_loadu_ps((const float *)b + 8);
#pragma clang loop unroll(full)
    for (int row = 0; row < rows; row++) {
      const __m256 x = _mm256_broadcast_ss((const float *)(a + row * a_row + group * 4));
      sums[row][0] = _mm256_fmadd_ps(x, low, sums[row][0]);
      sums[row][1] = _mm256_fmadd_ps(x, high, sums[row][1]);
    }
  }
  return b;
}

static inline __attribute__((always_inline)) void multiply_rows_f32(const fp_tile_args *args,
                                                                    int first_row,
                                                                    const int rows) {
  __m256 sums[tile_rows][2];
#pragma clang loop unroll(full)
  for (int row = 0; row < rows; row++)
    sums[row][0] = sums[row][1] = _mm256_setzero_ps();
  const char *b = args->b;
  for (int block = 0; block < args->batch; block++) {
    const char *a = (const char *)args->a + (args->a_offsets ? args->a_offsets[block] : 0) +
                    first_row * args->a_row;
    for (int group = 0; group < args->groups; group += FP_CHUNK_GROUPS, a += args->a_chunk) {
      const int left = args->groups - group;
      b = multiply_groups_f32(sums, a, args->a_row, b,
                              left < FP_CHUNK_GROUPS ? left : FP_CHUNK_GROUPS, rows);
    }
  }
#pragma clang loop unroll(full)
  for (int row = 0; row < rows; row++) {
    float *c = (float *)((char *)args->c + (first_row + row) * args->c_row);
    if (args->accumulate) {
      sums[row][0] = _mm256_add_ps(sums[row][0], _mm256_loadu_ps(c));
      sums[row][1] = _mm256_add_ps(sums[row][1], _mm256_loadu_ps(c + 8));
    }
    _mm256_storeu_ps(c, sums[row][0]);
    _mm256_storeu_ps(c + 8, sums[row][1]);
  }
}

static void multiply_f32(const fp_tile_args *args) {
  int row = 0;
  for (; row + tile_rows <= args->rows; row += tile_rows)
    multiply_rows_f32(args, row, tile_rows);
  for (; row + 2 <= args->rows; row += 2)
    multiply_rows_f32(args, row, 2);
  for (; row < args->rows; row++)
    multiply_rows_f32(args, row, 1);
}

/// sum + x . y for the four bytes of each word. VPMADDUBSW would saturate, so the even and the odd
/// bytes are widened to 16 bits and multiplied apart.
static inline __m256i dot_bytes(__m256i sum, __m256i x_even, __m256i x_odd, __m256i y) {
  const __m256i y_even = _mm256_srai_epi16(_mm256_slli_epi16(y, 8), 8);
  const __m256i y_odd = _mm256_srai_epi16(y, 8);
  return _mm256_add_epi32(sum, _mm256_add_epi32(_mm256_madd_epi16(x_even, y_even),
                                                _mm256_madd_epi16(x_odd, y_odd)));
}

static void multiply_row_i8(const fp_tile_args *args, int row) {
  __m256i low = _mm256_setzero_si256(), high = low;
  const char *b = args->b;
  for (int block = 0; block < args->batch; block++) {
    const char *a = (const char *)args->a + (args->a_offsets ? args->a_offsets[block] : 0) +
                    row * args->a_row;
    for (int group = 0; group < args->groups; group++, b += tile_lanes * 4) {
      int32_t word;
      __builtin_memcpy(
          &word, a + (group / FP_CHUNK_GROUPS) * args->a_chunk + (group % FP_CHUNK_GROUPS) * 4, 4);
      const __m256i x = _mm256_set1_epi32(word);
      const __m256i even = _mm256_and_si256(x, _mm256_set1_epi16(0xff));
      const __m256i odd = _mm256_srli_epi16(x, 8);
      low = dot_bytes(low, even, odd, _mm256_loadu_si256((const __m256i *)b));
      high = dot_bytes(high, even, odd, _mm256_loadu_si256((const __m256i *)b + 1));
    }
  }
  __m256i *c = (__m256i *)((char *)args->c + row * args->c_row);
  if (args->accumulate) {
    low = _mm256_add_epi32(low, _mm256_loadu_si256(c));
    high = _mm256_add_epi32(high, _mm256_loadu_si256(c + 1));
  }
  _mm256_storeu_si256(c, low);
  _mm256_storeu_si256(c + 1, high);
}

static void multiply_i8(const fp_tile_args *args) {
  for (int row = 0; row < args->rows; row++)
    multiply_row_i8(args, row);
}

#pragma clang attribute pop
#endif

void fp_matmul_init_avx2(fp_matmul_kernels *kernels) {
#if defined(__x86_64__)
  kernels->prepare_row = fp_prepare_row_avx2;
  kernels->store = fp_store_avx2;
  for (int compute = 0; compute < FP_COMPUTE_COUNT; compute++) {
    fp_tile_kernels *tile = &kernels->tile[compute];
    tile->rows = tile_rows;
    tile->lanes = tile_lanes;
    tile->multiply = compute == FP_COMPUTE_I8 ? multiply_i8 : multiply_f32;
  }
#else
  (void)kernels;
#endif
}
