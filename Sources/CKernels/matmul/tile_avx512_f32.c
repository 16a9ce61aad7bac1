// Float32 tiles with AVX-512.
#include "matmul_avx512.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target(FP_AVX512_TARGET))), apply_to = function)

#define FP_TILE_OPERATION(sum, x, y)                                                               \
  _mm512_castps_si512(                                                                             \
      _mm512_fmadd_ps(_mm512_castsi512_ps(x), _mm512_castsi512_ps(y), _mm512_castsi512_ps(sum)))
#define FP_TILE_ADD(x, y)                                                                          \
  _mm512_castps_si512(_mm512_add_ps(_mm512_castsi512_ps(x), _mm512_castsi512_ps(y)))
#include "tile_avx512.h"

void fp_tile_f32_avx512(const fp_tile_args *args) { multiply(args); }

#pragma clang attribute pop
#endif
