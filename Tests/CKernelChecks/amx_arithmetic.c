// The products of emulated tiles.
#if defined(__linux__) && defined(__x86_64__)
#include "amx_emulator.h"

#include <immintrin.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target("avx512f"))), apply_to = function)

/// One row of C: sums of even and of odd elements are kept apart until the end, as the manual has
/// it. Not inlined, so that nothing moves across the caller's change of MXCSR.
__attribute__((noinline)) static void dot_bf16_row(uint8_t *c, const uint8_t *a, int pairs,
                                                   uint8_t b[FP_AMX_ROWS][FP_AMX_ROW_BYTES],
                                                   int columns) {
  const __m512i upper = _mm512_set1_epi32((int)0xffff0000u);
  __m512 even = _mm512_setzero_ps(), odd = _mm512_setzero_ps();
  for (int k = 0; k < pairs; k++) {
    int pair;
    memcpy(&pair, a + 4 * k, 4);
    const __m512i left = _mm512_set1_epi32(pair), right = _mm512_loadu_si512(b[k]);
    even = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_slli_epi32(left, 16)),
                           _mm512_castsi512_ps(_mm512_slli_epi32(right, 16)), even);
    odd = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_and_si512(left, upper)),
                          _mm512_castsi512_ps(_mm512_and_si512(right, upper)), odd);
  }
  const __m512 sum = _mm512_add_ps(_mm512_loadu_ps(c), _mm512_add_ps(even, odd));
  const __mmask16 written = (__mmask16)((1u << columns) - 1);
  _mm512_storeu_ps(c, _mm512_maskz_mov_ps(written, sum)); // columns beyond colsb become zero
}

void fp_amx_dot_bf16(fp_amx_tiles *tiles, int c, int a, int b) {
  enum { round_to_nearest_flushing_denormals = 0x9fc0 }; // FTZ, DAZ, all exceptions masked
  const unsigned control = _mm_getcsr();
  _mm_setcsr(round_to_nearest_flushing_denormals);
  for (int row = 0; row < tiles->rows[c]; row++)
    dot_bf16_row(tiles->data[c][row], tiles->data[a][row], tiles->colsb[a] / 4, tiles->data[b],
                 tiles->colsb[c] / 4);
  _mm_setcsr(control);
}

#pragma clang attribute pop

static uint32_t widen(uint8_t byte, int is_signed) {
  return is_signed ? (uint32_t)(int32_t)(int8_t)byte : byte;
}

void fp_amx_dot_bytes(fp_amx_tiles *tiles, int c, int a, int b, int a_signed, int b_signed) {
  for (int row = 0; row < tiles->rows[c]; row++) {
    uint32_t sums[FP_AMX_ROWS];
    memcpy(sums, tiles->data[c][row], sizeof sums);
    for (int k = 0; k < tiles->colsb[a]; k++) {
      const uint32_t left = widen(tiles->data[a][row][k], a_signed);
      const uint8_t *right = tiles->data[b][k / 4] + k % 4;
      for (int column = 0; column < tiles->colsb[c] / 4; column++)
        sums[column] += left * widen(right[4 * column], b_signed);
    }
    memset(tiles->data[c][row], 0, FP_AMX_ROW_BYTES);
    memcpy(tiles->data[c][row], sums, tiles->colsb[c]);
  }
}

#else
typedef int fp_amx_arithmetic_is_for_x86;
#endif
