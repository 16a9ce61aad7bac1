// Packing for AVX-512 and AMX, and the AVX-512 table.
#include "matmul_avx512.h"

#include "fp_cpu.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target(FP_AVX512_TARGET))), apply_to = function)

/// Transposes each 4 x 4 block of words: quarter q of `rows[i]` holds four words of row 4q + i, and
/// `columns[j]` receives the j-th words of all 16 rows in order.
static inline void interleave_words(const __m512i rows[4], __m512i columns[4]) {
  const __m512i even_low = _mm512_unpacklo_epi32(rows[0], rows[1]);
  const __m512i even_high = _mm512_unpackhi_epi32(rows[0], rows[1]);
  const __m512i odd_low = _mm512_unpacklo_epi32(rows[2], rows[3]);
  const __m512i odd_high = _mm512_unpackhi_epi32(rows[2], rows[3]);
  columns[0] = _mm512_unpacklo_epi64(even_low, odd_low);
  columns[1] = _mm512_unpackhi_epi64(even_low, odd_low);
  columns[2] = _mm512_unpacklo_epi64(even_high, odd_high);
  columns[3] = _mm512_unpackhi_epi64(even_high, odd_high);
}

/// Four words, from column 4 * quarter on, of the rows 0, 4, 8 and 12 after `first`. The loads do
/// half of the transposition: shuffles are scarcer.
static inline __m512i load_quarters(const char *first, ptrdiff_t row, int quarter) {
  const char *place = first + quarter * 16;
  __m512i words = _mm512_castsi128_si512(_mm_loadu_si128((const void *)place));
  words = _mm512_inserti32x4(words, _mm_loadu_si128((const void *)(place + 4 * row)), 1);
  words = _mm512_inserti32x4(words, _mm_loadu_si128((const void *)(place + 8 * row)), 2);
  return _mm512_inserti32x4(words, _mm_loadu_si128((const void *)(place + 12 * row)), 3);
}

/// Transposes 16 rows of 16 words: word j of row i goes to target + j * target_row + 4 * i.
static inline void transpose_words(const char *source, ptrdiff_t source_row, char *target,
                                   ptrdiff_t target_row) {
#pragma clang loop unroll(full)
  for (int quarter = 0; quarter < 4; quarter++) {
    __m512i rows[4], columns[4];
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++)
      rows[i] = load_quarters(source + i * source_row, source_row, quarter);
    interleave_words(rows, columns);
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++)
      _mm512_storeu_si512(target + (4 * quarter + i) * target_row, columns[i]);
  }
}

/// Bytes first ..< first + 64 of a row of `bytes` bytes, zero past its end.
static inline __m512i load_part(const char *row, int64_t first, int64_t bytes) {
  const int64_t left = bytes - first;
  if (left >= 64)
    return _mm512_loadu_si512(row + first);
  const __mmask64 mask = left <= 0 ? 0 : ~0ull >> (64 - left);
  return _mm512_maskz_loadu_epi8(mask, row + first);
}

/// Packs 16 lanes of 16 groups of which some are beyond the source's end.
static void pack_part(char *target, ptrdiff_t target_row, int64_t groups, const char *source,
                      ptrdiff_t source_row, int64_t n, int64_t first, int64_t k_bytes) {
  char rows[16][64], columns[16][64];
  for (int i = 0; i < 16; i++)
    _mm512_storeu_si512(rows[i], i < n ? load_part(source + i * source_row, first, k_bytes)
                                       : _mm512_setzero_si512());
  transpose_words(rows[0], 64, columns[0], 64);
  for (int i = 0; i < 16 && i < groups; i++)
    memcpy(target + i * target_row, columns[i], 64);
}

void fp_pack_lanes_words_avx512(void *target, const void *source, ptrdiff_t source_row, int64_t n,
                                int64_t k_bytes, int lanes, int64_t groups) {
  const ptrdiff_t target_row = (ptrdiff_t)lanes * 4;
  for (int lane = 0; lane < lanes; lane += 16) {
    const char *rows = (const char *)source + lane * source_row;
    for (int64_t group = 0; group < groups; group += 16) {
      char *place = (char *)target + group * target_row + lane * 4;
      if (n - lane >= 16 && groups - group >= 16 && k_bytes - group * 4 >= 64)
        transpose_words(rows + group * 4, source_row, place, target_row);
      else
        pack_part(place, target_row, groups - group, rows, source_row, n - lane, group * 4,
                  k_bytes);
    }
  }
}

static void pack_lanes_f32(void *target, const void *source, ptrdiff_t source_row, int64_t n,
                           int64_t k, int lanes, int64_t groups) {
  fp_pack_lanes_words_avx512(target, source, source_row, n, k * 4, lanes, groups);
}

static void pack_lanes_bf16(void *target, const void *source, ptrdiff_t source_row, int64_t n,
                            int64_t k, int lanes, int64_t groups) {
  fp_pack_lanes_words_avx512(target, source, source_row, n, k * 2, lanes, groups);
}

static void pack_lanes_i8(void *target, const void *source, ptrdiff_t source_row, int64_t n,
                          int64_t k, int lanes, int64_t groups) {
  fp_pack_lanes_words_avx512(target, source, source_row, n, k, lanes, groups);
}

static void pack_depth_f32(void *target, const void *source, ptrdiff_t source_row, int64_t n,
                           int64_t k, int lanes, int64_t groups) {
  for (int64_t group = 0; group < groups; group++)
    for (int lane = 0; lane < lanes; lane += 16) {
      const __m512i words = group < k ? load_part((const char *)source + group * source_row,
                                                  (int64_t)lane * 4, n * 4)
                                      : _mm512_setzero_si512();
      _mm512_storeu_si512((char *)target + (group * lanes + lane) * 4, words);
    }
}

/// Sixteen bfloat16 of a row of `n`, zero past its end.
static inline __m256i load_halves(const char *row, int64_t lane, int64_t n) {
  const int64_t left = n - lane;
  const __mmask16 mask = left >= 16 ? 0xffff : left <= 0 ? 0 : (__mmask16)((1u << left) - 1);
  return _mm256_maskz_loadu_epi16(mask, row + lane * 2);
}

static void pack_depth_bf16(void *target, const void *source, ptrdiff_t source_row, int64_t n,
                            int64_t k, int lanes, int64_t groups) {
  for (int64_t group = 0; group < groups; group++) {
    const char *first = (const char *)source + 2 * group * source_row;
    for (int lane = 0; lane < lanes; lane += 16) {
      const __m256i zero = _mm256_setzero_si256();
      const __m256i even = 2 * group < k ? load_halves(first, lane, n) : zero;
      const __m256i odd = 2 * group + 1 < k ? load_halves(first + source_row, lane, n) : zero;
      const __m512i words = _mm512_or_si512(
          _mm512_cvtepu16_epi32(even), _mm512_slli_epi32(_mm512_cvtepu16_epi32(odd), 16));
      _mm512_storeu_si512((char *)target + (group * lanes + lane) * 4, words);
    }
  }
}

#pragma clang attribute pop
#endif

void fp_matmul_init_avx512(fp_matmul_kernels *kernels, uint32_t features) {
#if defined(__x86_64__)
  fp_tile_kernels tile = {.storage = FP_F32,
                          .group = 1,
                          .rows = 8,
                          .lanes = 48,
                          .block_groups = 256,
                          .block_lanes = 384,
                          .multiply = fp_tile_f32_avx512,
                          .pack_lanes = pack_lanes_f32,
                          .pack_depth = pack_depth_f32,
                          .finish = fp_finish_nothing};
  kernels->tile[FP_COMPUTE_F32] = tile;
  kernels->tile[FP_COMPUTE_BF16] = tile;
  kernels->prepare_row = fp_prepare_row_avx512;
  kernels->store = fp_store_avx512;
  if (features & FP_CPU_AVX512_BF16) {
    kernels->prepare_row = fp_prepare_row_avx512_bf16;
    tile.storage = FP_BF16;
    tile.group = 2;
    tile.multiply = fp_tile_bf16_avx512;
    tile.pack_lanes = pack_lanes_bf16;
    tile.pack_depth = pack_depth_bf16;
    kernels->tile[FP_COMPUTE_BF16] = tile;
  }
  if (features & FP_CPU_AVX512_VNNI) {
    tile.storage = FP_I8;
    tile.group = 4;
    tile.multiply = fp_tile_i8_avx512;
    tile.pack_lanes = pack_lanes_i8;
    tile.pack_depth = fp_pack_depth_i8_generic;
    kernels->tile[FP_COMPUTE_I8] = tile;
  }
#else
  (void)kernels;
  (void)features;
#endif
}
