// Byte tiles with VPDPBUSD, four products a lane: A unsigned, B signed.
#include "matmul_avx512.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target(FP_AVX512_TARGET ",avx512vnni"))),              \
                             apply_to = function)

#define FP_TILE_OPERATION(sum, x, y) _mm512_dpbusd_epi32(sum, x, y)
#define FP_TILE_ADD(x, y) _mm512_add_epi32(x, y)
#include "tile_avx512.h"

void fp_tile_i8_avx512(const fp_tile_args *args) { multiply(args); }

#pragma clang attribute pop
#endif
