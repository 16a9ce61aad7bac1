// Low-rank sums of bfloat16 with VDPBF16PS, 8 rows of 32 columns at a time. The weight is read and
// the sum written once, in the order in which they lie.
#if defined(__x86_64__)
#include "lowrank_internal.h"

#include <immintrin.h>
#include <string.h>

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma,f16c"))),        \
    apply_to = function)

enum { block_rows = 8, lanes = 16, vectors = FP_LOWRANK_PANEL / lanes };

void fp_lowrank_pack_avx512_bf16(void *packed, const uint16_t *down, ptrdiff_t down_row,
                                 int64_t rank, int64_t columns) {
  uint32_t *place = packed;
  for (int64_t column = 0; column < columns; column += FP_LOWRANK_PANEL)
    for (int64_t k = 0; k < rank; k += 2) {
      const uint16_t *even = down + k * down_row + column;
      for (int lane = 0; lane < FP_LOWRANK_PANEL; lane++) {
        const int is_there = column + lane < columns;
        const uint32_t low = is_there ? even[lane] : 0;
        const uint32_t high = is_there && k + 1 < rank ? even[down_row + lane] : 0;
        *place++ = low | high << 16;
      }
    }
}

/// The lanes of a vector from `column` on that lie before the end.
static inline __mmask16 present(int64_t column, int64_t columns) {
  const int64_t left = columns - column;
  return left >= lanes ? 0xffff : left <= 0 ? 0 : (__mmask16)((1u << left) - 1);
}

/// Adds the products of two elements of each row of `up` with two rows of the panel.
static inline void add_products(__m512 sums[block_rows][vectors], const uint32_t *pairs,
                                const uint32_t *panel) {
  __m512bh values[vectors];
#pragma clang loop unroll(full)
  for (int v = 0; v < vectors; v++)
    values[v] = (__m512bh)_mm512_loadu_si512(panel + v * lanes);
#pragma clang loop unroll(full)
  for (int i = 0; i < block_rows; i++) {
    const __m512bh pair = (__m512bh)_mm512_set1_epi32((int)pairs[i]);
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++)
      sums[i][v] = _mm512_dpbf16_ps(sums[i][v], pair, values[v]);
  }
}

/// At most 8 rows of 32 columns; rows past the end repeat the last one and are not written.
static inline void merge_block(uint16_t *target, const uint16_t *weight, ptrdiff_t row,
                               const uint16_t *up, ptrdiff_t up_row, const uint32_t *panel,
                               int64_t rows, int64_t rank, int64_t columns, float scale) {
  __m512 sums[block_rows][vectors];
  const uint16_t *ups[block_rows];
  for (int i = 0; i < block_rows; i++) {
    ups[i] = up + (i < rows ? i : rows - 1) * up_row;
    for (int v = 0; v < vectors; v++)
      sums[i][v] = _mm512_setzero_ps();
  }
  int64_t k = 0;
  for (; k + 1 < rank; k += 2, panel += FP_LOWRANK_PANEL) {
    uint32_t pairs[block_rows];
    for (int i = 0; i < block_rows; i++)
      memcpy(&pairs[i], ups[i] + k, sizeof pairs[i]);
    add_products(sums, pairs, panel);
  }
  if (k < rank) {
    uint32_t pairs[block_rows];
    for (int i = 0; i < block_rows; i++)
      pairs[i] = ups[i][k];
    add_products(sums, pairs, panel);
  }
  for (int i = 0; i < block_rows && i < rows; i++)
    for (int v = 0; v < vectors; v++) {
      const ptrdiff_t place = i * row + v * lanes;
      const __mmask16 mask = present(v * lanes, columns);
      const __m256i bits = _mm256_maskz_loadu_epi16(mask, weight + place);
      const __m512 old =
          _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
      const __m512 sum = _mm512_fmadd_ps(sums[i][v], _mm512_set1_ps(scale), old);
      _mm256_mask_storeu_epi16(target + place, mask, (__m256i)_mm512_cvtneps_pbh(sum));
    }
}

void fp_lowrank_merge_avx512_bf16(uint16_t *target, const uint16_t *weight, ptrdiff_t row,
                                  const uint16_t *up, ptrdiff_t up_row, const void *packed,
                                  int64_t rows, int64_t rank, int64_t columns, float scale) {
  const int64_t panel_words = (rank + 1) / 2 * FP_LOWRANK_PANEL;
  for (int64_t first = 0; first < rows; first += block_rows) {
    const uint32_t *panel = packed;
    for (int64_t column = 0; column < columns; column += FP_LOWRANK_PANEL, panel += panel_words)
      merge_block(target + first * row + column, weight + first * row + column, row,
                  up + first * up_row, up_row, panel, rows - first, rank, columns - column, scale);
  }
}

#pragma clang attribute pop
#else
typedef int fp_lowrank_avx512_bf16_unused;
#endif
