// Checks of the tile kernels and their packing, at the geometry of the level under test.
#include "checks.h"

#include <string.h>

/// Element i of an operand in a tile kernel's storage, as a number.
static double element(const fp_tile_kernels *tile, const void *base, size_t i, bool is_a) {
  switch (tile->storage) {
  case FP_F32: {
    float value;
    memcpy(&value, (const char *)base + 4 * i, 4);
    return (double)value;
  }
  case FP_BF16: {
    uint16_t bits;
    memcpy(&bits, (const char *)base + 2 * i, 2);
    return (double)fp_bf16_to_f32(bits);
  }
  default:
    return is_a ? ((const uint8_t *)base)[i] : ((const int8_t *)base)[i];
  }
}

/// Fills an operand with random elements of the storage type.
static void fill(fp_check_run *run, const fp_tile_kernels *tile, void *base, size_t bytes) {
  for (size_t i = 0; i < bytes / fp_dtype_size(tile->storage); i++) {
    const float value = fp_check_random_float(run);
    const uint16_t half = fp_f32_to_bf16(value);
    if (tile->storage == FP_F32)
      memcpy((char *)base + 4 * i, &value, 4);
    else if (tile->storage == FP_BF16)
      memcpy((char *)base + 2 * i, &half, 2);
    else
      ((uint8_t *)base)[i] = (uint8_t)fp_check_random(run);
  }
}

/// One tile call of random geometry: rows, lanes, groups, blocks, strides, with or without C.
typedef struct tile_case {
  const fp_tile_kernels *tile;
  fp_tile_args args;
  ptrdiff_t offsets[3];
} tile_case;

static tile_case random_tile(fp_check_run *run, fp_compute compute) {
  const fp_tile_kernels *tile = &run->kernels->matmul.tile[compute];
  tile_case result = {.tile = tile};
  fp_tile_args *args = &result.args;
  args->rows = 1 + fp_check_random_int(run, tile->rows);
  args->lanes = 16 * (1 + fp_check_random_int(run, tile->lanes / 16));
  args->groups = fp_check_random_int(run, 4) == 0 ? 16 * fp_check_random_int(run, 4)
                                                  : fp_check_random_int(run, 70);
  args->batch = fp_check_random_int(run, 4);
  args->accumulate = fp_check_random_int(run, 2);
  if (fp_check_random_int(run, 4) == 0) { // full tiles, the common case
    args->rows = tile->rows;
    args->lanes = tile->lanes;
  }
  const int chunks = (args->groups + FP_CHUNK_GROUPS - 1) / FP_CHUNK_GROUPS;
  const bool packed = fp_check_random_int(run, 2);
  // Packed panels, or rows in place with a gap of any number of words between them.
  args->a_row = packed ? FP_ALIGNMENT : args->groups * 4 + 4 * fp_check_random_int(run, 9);
  args->a_chunk = packed ? (ptrdiff_t)FP_ALIGNMENT * tile->rows : FP_ALIGNMENT;
  const size_t block =
      packed ? (size_t)(chunks * args->a_chunk)
             : (size_t)((args->rows - 1) * args->a_row + args->groups * 4);
  const bool overlapping = fp_check_random_int(run, 2); // as the taps of a convolution do
  const ptrdiff_t step = overlapping ? args->a_row : (ptrdiff_t)block;
  const size_t a_bytes = args->batch == 0 ? 0 : block + (size_t)((args->batch - 1) * step);
  for (int i = 0; i < args->batch; i++)
    result.offsets[i] = (args->batch - 1 - i) * step;
  void *a = fp_check_memory(run, a_bytes, 4, true);
  const size_t b_bytes = (size_t)args->batch * args->groups * args->lanes * 4;
  void *b = fp_check_memory(run, b_bytes, 0, fp_check_random_int(run, 2));
  fill(run, tile, a, a_bytes);
  fill(run, tile, b, b_bytes);
  args->a = a;
  args->b = b;
  args->c_row = (ptrdiff_t)args->lanes * 4 + 4 * fp_check_random_int(run, 5);
  args->c = fp_check_memory(run, (size_t)((args->rows - 1) * args->c_row + args->lanes * 4), 4,
                            fp_check_random_int(run, 2));
  return result;
}

/// The sum that C[row][lane] must hold, and the sum of the magnitudes of its terms.
static double expected_sum(const tile_case *test, int row, int lane, double *magnitude) {
  const fp_tile_args *args = &test->args;
  const int per_group = test->tile->group;
  double sum = 0;
  *magnitude = 0;
  for (int block = 0; block < args->batch; block++) {
    const char *a = (const char *)args->a + test->offsets[block] + row * args->a_row;
    for (int group = 0; group < args->groups; group++) {
      const char *x =
          a + (group / FP_CHUNK_GROUPS) * args->a_chunk + (group % FP_CHUNK_GROUPS) * 4;
      const char *y = (const char *)args->b +
                      (((size_t)block * args->groups + group) * args->lanes + lane) * 4;
      for (int i = 0; i < per_group; i++) {
        const double product = element(test->tile, x, (size_t)i, true) *
                               element(test->tile, y, (size_t)i, false);
        sum += product;
        *magnitude += product < 0 ? -product : product;
      }
    }
  }
  return sum;
}

static void check_tile(fp_check_run *run, fp_compute compute) {
  for (int repeat = 0; repeat < 60 && !run->failed; repeat++) {
    tile_case test = random_tile(run, compute);
    fp_tile_args *args = &test.args;
    args->a_offsets = test.offsets;
    const bool bytes = compute == FP_COMPUTE_I8;
    for (int row = 0; row < args->rows; row++)
      for (int lane = 0; lane < args->lanes; lane++) {
        const float start = 3.0f;
        const int32_t whole = 3;
        memcpy((char *)args->c + row * args->c_row + lane * 4,
               bytes ? (const void *)&whole : (const void *)&start, 4);
      }
    test.tile->multiply(args);
    test.tile->finish();
    for (int row = 0; row < args->rows; row++)
      for (int lane = 0; lane < args->lanes; lane++) {
        const char *place = (const char *)args->c + row * args->c_row + lane * 4;
        double magnitude;
        const double want =
            expected_sum(&test, row, lane, &magnitude) + (args->accumulate ? 3.0 : 0.0);
        float got_float;
        int32_t got_whole;
        memcpy(&got_float, place, 4);
        memcpy(&got_whole, place, 4);
        const double got = bytes ? (double)got_whole : (double)got_float;
        // A float32 sum of n terms in any order: n roundings of at most 2^-24 of the magnitudes.
        const double bound = bytes ? 0 : (magnitude + 3) * 0x1p-24 * (4 + args->groups);
        if (!(got - want <= bound && want - got <= bound))
          fp_check_fail(run,
                        "C[%d][%d] is %.9g, expected %.9g (rows %d, lanes %d, groups %d, batch %d, "
                        "a_row %td, accumulate %d)",
                        row, lane, got, want, args->rows, args->lanes, args->groups, args->batch,
                        args->a_row, args->accumulate);
      }
  }
}

static void check_tile_f32(fp_check_run *run) { check_tile(run, FP_COMPUTE_F32); }
static void check_tile_bf16(fp_check_run *run) { check_tile(run, FP_COMPUTE_BF16); }
static void check_tile_i8(fp_check_run *run) { check_tile(run, FP_COMPUTE_I8); }

/// A NaN or an infinity in one row of A must reach that row of C and no other.
static void check_tile_locality(fp_check_run *run) {
  const float poisons[] = {__builtin_nanf(""), __builtin_inff()};
  for (int compute = FP_COMPUTE_F32; compute <= FP_COMPUTE_BF16; compute++)
    for (int p = 0; p < 2; p++) {
      const fp_tile_kernels *tile = &run->kernels->matmul.tile[compute];
      const int groups = 32;
      const size_t a_bytes = (size_t)tile->rows * groups * 4;
      char *a = fp_check_memory(run, a_bytes, 0, false);
      char *b = fp_check_memory(run, (size_t)tile->lanes * groups * 4, 0, false);
      fill(run, tile, a, a_bytes);
      fill(run, tile, b, (size_t)tile->lanes * groups * 4);
      const int row = fp_check_random_int(run, tile->rows);
      const uint16_t half = fp_f32_to_bf16(poisons[p]);
      if (tile->storage == FP_F32)
        memcpy(a + (size_t)row * FP_ALIGNMENT, &poisons[p], 4);
      else
        memcpy(a + (size_t)row * FP_ALIGNMENT, &half, 2);
      float *c = fp_check_memory(run, (size_t)tile->rows * tile->lanes * 4, 0, false);
      const fp_tile_args args = {.a = a,
                                 .a_row = FP_ALIGNMENT,
                                 .a_chunk = (ptrdiff_t)FP_ALIGNMENT * tile->rows,
                                 .b = b,
                                 .c = c,
                                 .c_row = tile->lanes * 4,
                                 .batch = 1,
                                 .groups = groups,
                                 .rows = tile->rows,
                                 .lanes = tile->lanes};
      tile->multiply(&args);
      tile->finish();
      for (int i = 0; i < tile->rows; i++)
        for (int lane = 0; lane < tile->lanes; lane++) {
          const float value = c[i * tile->lanes + lane];
          const bool finite = value - value == 0;
          if (finite == (i == row))
            fp_check_fail(run, "C[%d][%d] is %g where row %d of A holds %g", i, lane,
                          (double)value, row, (double)poisons[p]);
        }
    }
}

static void check_packing(fp_check_run *run, fp_compute compute, bool depth_major) {
  const fp_tile_kernels *tile = &run->kernels->matmul.tile[compute];
  const size_t size = fp_dtype_size(tile->storage);
  for (int repeat = 0; repeat < 60 && !run->failed; repeat++) {
    const int lanes = 16 * (1 + fp_check_random_int(run, tile->lanes / 16));
    const int64_t n = fp_check_random_int(run, lanes + 1), k = fp_check_random_int(run, 150);
    const int64_t groups = (k + tile->group - 1) / tile->group + fp_check_random_int(run, 20);
    const int64_t rows = depth_major ? k : n, columns = depth_major ? n : k;
    const ptrdiff_t row_bytes = (ptrdiff_t)(columns * size) + fp_check_random_int(run, 7);
    const size_t source_bytes = rows == 0 ? 0 : (size_t)((rows - 1) * row_bytes + columns * size);
    char *source = fp_check_memory(run, source_bytes, 1, true);
    for (size_t i = 0; i < source_bytes; i++)
      source[i] = (char)fp_check_random(run);
    const size_t bytes = (size_t)groups * lanes * 4;
    char *got = fp_check_memory(run, bytes, 0, fp_check_random_int(run, 2));
    char *want = fp_check_memory(run, bytes, 0, false);
    memset(want, 0, bytes);
    for (int64_t lane = 0; lane < n; lane++)
      for (int64_t i = 0; i < k; i++)
        memcpy(want + ((i / tile->group) * lanes + lane) * 4 + (i % tile->group) * size,
               source + (depth_major ? i : lane) * row_bytes + (depth_major ? lane : i) * size,
               size);
    (depth_major ? tile->pack_depth : tile->pack_lanes)(got, source, row_bytes, n, k, lanes,
                                                        groups);
    fp_check_same(run, depth_major ? "packed depth" : "packed lanes", got, want, bytes);
  }
}

static void check_pack(fp_check_run *run) {
  for (int compute = 0; compute < FP_COMPUTE_COUNT; compute++) {
    check_packing(run, (fp_compute)compute, false);
    check_packing(run, (fp_compute)compute, true);
  }
}

static const fp_check checks[] = {
    {"matmul.tile.f32", check_tile_f32},
    {"matmul.tile.bf16", check_tile_bf16},
    {"matmul.tile.i8", check_tile_i8},
    {"matmul.tile.locality", check_tile_locality},
    {"matmul.pack", check_pack},
};

const fp_check_topic fp_matmul_checks = {checks, sizeof checks / sizeof *checks};
