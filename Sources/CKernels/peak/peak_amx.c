// Rate of tile products: four independent sums of 16 x 16, operands in the other four tiles.
#include "fp_peak.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target("amx-tile,amx-bf16,amx-int8"))),                \
                             apply_to = function)

/// All eight tiles at full size: 16 rows of 64 bytes.
static void configure(void) {
  struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
  } config;
  memset(&config, 0, sizeof config);
  config.palette = 1;
  for (int tile = 0; tile < 8; tile++) {
    config.row_bytes[tile] = 64;
    config.rows[tile] = 16;
  }
  _tile_loadconfig(&config);
}

static double run_tiles(bool bytes, int64_t rounds, float *sink) {
  static const uint8_t operand[1024];
  int32_t sums[256];
  configure();
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_loadd(4, operand, 64);
  _tile_loadd(5, operand, 64);
  _tile_loadd(6, operand, 64);
  _tile_loadd(7, operand, 64);
  if (bytes)
    for (int64_t round = 0; round < rounds; round++) {
      _tile_dpbusd(0, 4, 6);
      _tile_dpbusd(1, 4, 7);
      _tile_dpbusd(2, 5, 6);
      _tile_dpbusd(3, 5, 7);
    }
  else
    for (int64_t round = 0; round < rounds; round++) {
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 4, 7);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
  _tile_stored(0, sums, 64);
  _tile_release();
  *sink += (float)sums[0];
  return (double)rounds * 4 * 16 * 16 * (bytes ? 128 : 64);
}

static double (*run_vectors)(fp_compute compute, int64_t rounds, float *sink);

static double run(fp_compute compute, int64_t rounds, float *sink) {
  return compute == FP_COMPUTE_F32 ? run_vectors(compute, rounds, sink)
                                   : run_tiles(compute == FP_COMPUTE_I8, rounds, sink);
}

#pragma clang attribute pop
#endif

void fp_peak_init_amx(fp_peak_kernels *kernels) {
#if defined(__x86_64__)
  run_vectors = kernels->run; // float32 stays with the level below
  kernels->run = run;
#else
  (void)kernels;
#endif
}
