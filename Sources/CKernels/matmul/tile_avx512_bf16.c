// Bfloat16 tiles with VDPBF16PS, two products a lane.
#include "matmul_avx512.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target(FP_AVX512_TARGET ",avx512bf16"))),              \
                             apply_to = function)

#define FP_TILE_OPERATION(sum, x, y)                                                               \
  _mm512_castps_si512(_mm512_dpbf16_ps(_mm512_castsi512_ps(sum), (__m512bh)(x), (__m512bh)(y)))
#define FP_TILE_ADD(x, y)                                                                          \
  _mm512_castps_si512(_mm512_add_ps(_mm512_castsi512_ps(x), _mm512_castsi512_ps(y)))
#include "tile_avx512.h"

void fp_tile_bf16_avx512(const fp_tile_args *args) { multiply(args); }

#pragma clang attribute pop
#endif
