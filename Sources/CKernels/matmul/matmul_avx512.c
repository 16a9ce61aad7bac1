// Packing for AVX-512 and AMX, and the AVX-512 table.
#include "matmul_avx512.h"

#include "fp_cpu.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target(FP_AVX512_TARGET))), apply_to = function)

/// Transposes 16 rows of 16 words.
static inline void transpose_words(__m512i rows[16]) {
  __m512i pairs[16], quads[16];
  for (int i = 0; i < 8; i++) { // words of rows 2i and 2i + 1 alternate
    pairs[2 * i] = _mm512_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]);
    pairs[2 * i + 1] = _mm512_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]);
  }
  for (int i = 0; i < 4; i++) { // four rows alternate: columns 4j + c of rows 4i ..< 4i + 4
    quads[4 * i] = _mm512_unpacklo_epi64(pairs[4 * i], pairs[4 * i + 2]);
    quads[4 * i + 1] = _mm512_unpackhi_epi64(pairs[4 * i], pairs[4 * i + 2]);
    quads[4 * i + 2] = _mm512_unpacklo_epi64(pairs[4 * i + 1], pairs[4 * i + 3]);
    quads[4 * i + 3] = _mm512_unpackhi_epi64(pairs[4 * i + 1], pairs[4 * i + 3]);
  }
  for (int c = 0; c < 4; c++) { // 128-bit quarter j of each quad belongs to column 4j + c
    const __m512i low01 = _mm512_shuffle_i32x4(quads[c], quads[4 + c], 0x88);
    const __m512i high01 = _mm512_shuffle_i32x4(quads[c], quads[4 + c], 0xdd);
    const __m512i low23 = _mm512_shuffle_i32x4(quads[8 + c], quads[12 + c], 0x88);
    const __m512i high23 = _mm512_shuffle_i32x4(quads[8 + c], quads[12 + c], 0xdd);
    rows[c] = _mm512_shuffle_i32x4(low01, low23, 0x88);
    rows[8 + c] = _mm512_shuffle_i32x4(low01, low23, 0xdd);
    rows[4 + c] = _mm512_shuffle_i32x4(high01, high23, 0x88);
    rows[12 + c] = _mm512_shuffle_i32x4(high01, high23, 0xdd);
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

void fp_pack_lanes_words_avx512(void *target, const void *source, ptrdiff_t source_row, int64_t n,
                                int64_t k_bytes, int lanes, int64_t groups) {
  for (int lane = 0; lane < lanes; lane += 16) {
    for (int64_t group = 0; group < groups; group += 16) {
      __m512i words[16];
      for (int i = 0; i < 16; i++)
        words[i] = lane + i < n ? load_part((const char *)source + (lane + i) * source_row,
                                            group * 4, k_bytes)
                                : _mm512_setzero_si512();
      transpose_words(words);
      char *out = (char *)target + (group * lanes + lane) * 4;
      for (int i = 0; i < 16 && group + i < groups; i++)
        _mm512_storeu_si512(out + (ptrdiff_t)i * lanes * 4, words[i]);
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
