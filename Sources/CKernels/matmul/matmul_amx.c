// Tiles of 32 rows by 32 lanes with AMX: two tiles of A by two of B, so that each load serves two
// products.
//
// Tile registers: 0 ... 3 are sums (row half * 2 + lane half), 4 and 5 the halves of A, 6 and 7
// those of B.
#include "matmul_avx512.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#pragma clang attribute push(                                                                      \
    __attribute__((target("amx-tile,amx-bf16,amx-int8," FP_AVX512_TARGET))), apply_to = function)

/// Layout of the operand of LDTILECFG.
typedef struct tile_config {
  uint8_t palette, start_row, reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} tile_config;

/// The configuration that the calling thread has loaded: rows, lanes and groups of a step; 0: none.
/// Loading one costs as much as dozens of products, so it is kept from call to call.
static _Thread_local uint32_t loaded_configuration;

/// Sets the tiles' sizes for `rows` x `lanes` sums and steps of `groups` groups.
static void configure(int rows, int lanes, int groups) {
  const uint32_t wanted = (uint32_t)rows | (uint32_t)lanes << 8 | (uint32_t)groups << 16;
  if (wanted == loaded_configuration)
    return;
  tile_config config;
  memset(&config, 0, sizeof config);
  config.palette = 1;
  for (int half = 0; half < 2; half++) {
    const int half_rows = half == 0 ? (rows < 16 ? rows : 16) : rows - 16;
    const int half_lanes = half == 0 ? (lanes < 16 ? lanes : 16) : lanes - 16;
    if (half_rows > 0) {
      config.rows[4 + half] = (uint8_t)half_rows;
      config.row_bytes[4 + half] = (uint16_t)(groups * 4);
    }
    if (half_lanes > 0) {
      config.rows[6 + half] = (uint8_t)groups;
      config.row_bytes[6 + half] = (uint16_t)(half_lanes * 4);
    }
    for (int other = 0; other < 2; other++) { // row half `half`, lane half `other`
      const int other_lanes = other == 0 ? (lanes < 16 ? lanes : 16) : lanes - 16;
      if (half_rows > 0 && other_lanes > 0) {
        config.rows[2 * half + other] = (uint8_t)half_rows;
        config.row_bytes[2 * half + other] = (uint16_t)(other_lanes * 4);
      }
    }
  }
  _tile_loadconfig(&config);
  loaded_configuration = wanted;
}

static void finish(void) {
  if (loaded_configuration != 0)
    _tile_release();
  loaded_configuration = 0;
}

/// Which halves of a tile there are.
typedef struct halves {
  bool rows, lanes; // whether rows 16 ... and lanes 16 ... exist
} halves;

static inline __attribute__((always_inline)) void load_sums(const fp_tile_args *args, halves both,
                                                            bool accumulate) {
  char *c = args->c;
  char *lower = c + 16 * args->c_row;
  if (!accumulate) {
    _tile_zero(0);
    if (both.lanes)
      _tile_zero(1);
    if (both.rows)
      _tile_zero(2);
    if (both.rows && both.lanes)
      _tile_zero(3);
    return;
  }
  _tile_loadd(0, c, args->c_row);
  if (both.lanes)
    _tile_loadd(1, c + 64, args->c_row);
  if (both.rows)
    _tile_loadd(2, lower, args->c_row);
  if (both.rows && both.lanes)
    _tile_loadd(3, lower + 64, args->c_row);
}

static inline __attribute__((always_inline)) void store_sums(const fp_tile_args *args,
                                                             halves both) {
  char *c = args->c;
  char *lower = c + 16 * args->c_row;
  _tile_stored(0, c, args->c_row);
  if (both.lanes)
    _tile_stored(1, c + 64, args->c_row);
  if (both.rows)
    _tile_stored(2, lower, args->c_row);
  if (both.rows && both.lanes)
    _tile_stored(3, lower + 64, args->c_row);
}

/// One step: up to 16 groups of k.
static inline __attribute__((always_inline)) void
multiply_step(const char *a, ptrdiff_t a_row, const char *b, ptrdiff_t b_row, halves both,
              bool bytes) {
  _tile_loadd(6, b, b_row);
  _tile_loadd(4, a, a_row);
  if (bytes)
    _tile_dpbusd(0, 4, 6);
  else
    _tile_dpbf16ps(0, 4, 6);
  if (both.lanes) {
    _tile_loadd(7, b + 64, b_row);
    if (bytes)
      _tile_dpbusd(1, 4, 7);
    else
      _tile_dpbf16ps(1, 4, 7);
  }
  if (both.rows) {
    _tile_loadd(5, a + 16 * a_row, a_row);
    if (bytes)
      _tile_dpbusd(2, 5, 6);
    else
      _tile_dpbf16ps(2, 5, 6);
  }
  if (both.rows && both.lanes) {
    if (bytes)
      _tile_dpbusd(3, 5, 7);
    else
      _tile_dpbf16ps(3, 5, 7);
  }
}

/// Sums whole steps of 16 groups, or (`tail`) what is left of each block after them.
static inline __attribute__((always_inline)) void
multiply_part(const fp_tile_args *args, bool accumulate, bool tail, halves both, bool bytes) {
  const int whole = args->groups / FP_CHUNK_GROUPS, rest = args->groups % FP_CHUNK_GROUPS;
  const ptrdiff_t b_row = (ptrdiff_t)args->lanes * 4, b_step = b_row * FP_CHUNK_GROUPS;
  configure(args->rows, args->lanes, tail ? rest : FP_CHUNK_GROUPS);
  load_sums(args, both, accumulate);
  for (int block = 0; block < args->batch; block++) {
    const char *a = (const char *)args->a + (args->a_offsets ? args->a_offsets[block] : 0);
    const char *b = (const char *)args->b + (ptrdiff_t)block * args->groups * b_row;
    if (tail)
      multiply_step(a + whole * args->a_chunk, args->a_row, b + whole * b_step, b_row, both, bytes);
    else
      for (int step = 0; step < whole; step++)
        multiply_step(a + step * args->a_chunk, args->a_row, b + step * b_step, b_row, both, bytes);
  }
  store_sums(args, both);
}

static inline __attribute__((always_inline)) void multiply_halves(const fp_tile_args *args,
                                                                  halves both, bool bytes) {
  const bool has_tail = args->groups % FP_CHUNK_GROUPS != 0 && args->batch > 0;
  const bool has_steps = args->groups >= FP_CHUNK_GROUPS || !has_tail;
  if (has_steps)
    multiply_part(args, args->accumulate, false, both, bytes);
  if (has_tail)
    multiply_part(args, has_steps || args->accumulate, true, both, bytes);
}

static inline __attribute__((always_inline)) void multiply(const fp_tile_args *args, bool bytes) {
  const halves both = {args->rows > 16, args->lanes > 16};
  if (both.rows && both.lanes) // the common case, without a branch inside
    multiply_halves(args, (halves){true, true}, bytes);
  else
    multiply_halves(args, both, bytes);
}

static void multiply_bf16(const fp_tile_args *args) { multiply(args, false); }
static void multiply_i8(const fp_tile_args *args) { multiply(args, true); }

#pragma clang attribute pop
#endif

void fp_matmul_init_amx(fp_matmul_kernels *kernels) {
#if defined(__x86_64__)
  const fp_compute types[] = {FP_COMPUTE_BF16, FP_COMPUTE_I8};
  for (int i = 0; i < 2; i++) { // packing is AVX-512's
    fp_tile_kernels *tile = &kernels->tile[types[i]];
    tile->rows = 32;
    tile->lanes = 32;
    tile->block_groups = 512;
    tile->block_lanes = 512;
    tile->finish = finish;
  }
  kernels->tile[FP_COMPUTE_BF16].multiply = multiply_bf16;
  kernels->tile[FP_COMPUTE_I8].multiply = multiply_i8;
#else
  (void)kernels;
#endif
}
