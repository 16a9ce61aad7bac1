// Tiles of 6 rows by 16 lanes with AVX2: float32 by FMA, bytes widened to 16 bits.
#include "matmul_internal.h"

#if defined(__x86_64__)
#include "../elementwise/fp_vector_avx2.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#include "tile_f32.h"

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
