// Checks of the matrix products: tile kernels, packing, prologue, epilogue, the loops round them.
#include "checks.h"

#include <string.h>

static void check_pack_lanes(fp_check_run *run) {
  const fp_tile_kernels *tile = &run->kernels->matmul.tile[FP_COMPUTE_F32];
  enum { n = 5, k = 7, groups = 16 };
  float *source = fp_check_memory(run, n * k * 4, 4, false);
  for (int i = 0; i < n * k; i++)
    source[i] = fp_check_random_float(run);
  const size_t bytes = (size_t)groups * tile->lanes * 4;
  float *got = fp_check_memory(run, bytes, 0, false);
  float *want = fp_check_memory(run, bytes, 0, false);
  memset(want, 0, bytes);
  for (int lane = 0; lane < n; lane++)
    for (int i = 0; i < k; i++)
      want[i * tile->lanes + lane] = source[lane * k + i];
  tile->pack_lanes(got, source, k * 4, n, k, tile->lanes, groups);
  fp_check_same(run, "packed lanes", got, want, bytes);
}

static const fp_check checks[] = {
    {"matmul.pack_lanes", check_pack_lanes},
};

const fp_check_topic fp_matmul_checks = {checks, sizeof checks / sizeof *checks};
