// The loops round the tile kernels: cache blocks of k, panels of rows and lanes.
#include "fp_convert.h"
#include "fp_matmul.h"
#include "fp_sizes.h"

#include <string.h>

/// Groups of a packed row: whole chunks.
static int64_t padded_groups(const fp_tile_kernels *tile, int64_t k) {
  return fp_round_up(fp_divide_up(k, tile->group), FP_CHUNK_GROUPS);
}

/// Groups in one pass over k: near-equal passes, none longer than the kernel asks for.
static int64_t pass_groups(const fp_tile_kernels *tile, int64_t groups) {
  const int64_t passes = fp_divide_up(groups, tile->block_groups);
  return passes <= 1 ? groups : fp_round_up(fp_divide_up(groups, passes), FP_CHUNK_GROUPS);
}

int64_t fp_linear_panels(const fp_matmul_kernels *kernels, fp_compute compute, int64_t m) {
  return fp_divide_up(m, kernels->tile[compute].rows);
}

size_t fp_linear_packed_bytes(const fp_matmul_kernels *kernels, fp_compute compute, int64_t m,
                              int64_t k) {
  const fp_tile_kernels *tile = &kernels->tile[compute];
  return (size_t)(fp_round_up(m, tile->rows) * padded_groups(tile, k) * 4);
}

size_t fp_linear_pack_scratch_bytes(int64_t k) { return (size_t)k * sizeof(float) + FP_ALIGNMENT; }

void fp_linear_pack(const fp_matmul_kernels *kernels, const fp_linear *linear, int64_t begin,
                    int64_t end, void *packed, float *row_scales, void *scratch) {
  const fp_tile_kernels *tile = &kernels->tile[linear->compute];
  const int64_t chunks = padded_groups(tile, linear->k) / FP_CHUNK_GROUPS;
  const ptrdiff_t chunk_stride = (ptrdiff_t)tile->rows * FP_ALIGNMENT;
  for (int64_t row = begin * tile->rows; row < end * tile->rows; row++) {
    char *target = (char *)packed + (row / tile->rows) * chunks * chunk_stride +
                   (row % tile->rows) * FP_ALIGNMENT;
    if (row < linear->m)
      kernels->prepare_row(linear->compute, &linear->prologue, row, linear->k, target,
                           chunk_stride, chunks, scratch, row_scales ? row_scales + row : NULL);
    else
      for (int64_t chunk = 0; chunk < chunks; chunk++)
        memset(target + chunk * chunk_stride, 0, FP_ALIGNMENT);
  }
}

/// How a call cuts its work and its scratch memory.
typedef struct linear_layout {
  int64_t groups, pass, lane_panels;
  size_t weights, converted, sums, lane_sums; // bytes of each part of the scratch memory
} linear_layout;

static linear_layout lay_out(const fp_tile_kernels *tile, const fp_linear *linear, int64_t rows,
                             int64_t lanes) {
  linear_layout layout;
  layout.groups = padded_groups(tile, linear->k);
  layout.pass = pass_groups(tile, layout.groups);
  layout.lane_panels = fp_divide_up(lanes, tile->lanes);
  const size_t lane_count = (size_t)(layout.lane_panels * tile->lanes);
  layout.weights = lane_count * (size_t)layout.pass * 4;
  // One panel of weights in the storage type: [lanes][k of a pass], or [k of a pass][lanes].
  layout.converted = (size_t)tile->lanes * (size_t)layout.pass * 4;
  const int64_t kept_rows =
      layout.pass < layout.groups ? fp_round_up(rows, tile->rows) : tile->rows;
  layout.sums = lane_count * (size_t)kept_rows * 4;
  layout.lane_sums = lane_count * 4;
  return layout;
}

size_t fp_linear_scratch_bytes(const fp_matmul_kernels *kernels, const fp_linear *linear,
                               int64_t rows, int64_t lanes) {
  const linear_layout layout = lay_out(&kernels->tile[linear->compute], linear, rows, lanes);
  return layout.weights + layout.converted + layout.sums + layout.lane_sums + 4 * FP_ALIGNMENT;
}

static bool matches_storage(const fp_linear *linear, const fp_tile_kernels *tile) {
  return linear->weights.type == tile->storage &&
         !(linear->compute == FP_COMPUTE_BF16 && tile->storage == FP_F32);
}

/// Converts `count` weights to what the tile kernel stores; BF16 arithmetic rounds to bfloat16
/// even where the kernel stores float32.
static void convert_weights(const fp_linear *linear, const fp_tile_kernels *tile,
                            const fp_convert_kernels *convert, void *target, const void *source,
                            int64_t count) {
  const fp_dtype type = linear->weights.type;
  convert->convert(target, tile->storage, source, type, (size_t)count);
  if (linear->compute != FP_COMPUTE_BF16 || tile->storage != FP_F32 || type == FP_BF16 ||
      type == FP_F8_E4M3 || type == FP_F8_E5M2)
    return;
  float *values = target;
  for (int64_t i = 0; i < count; i++)
    values[i] = fp_bf16_to_f32(fp_f32_to_bf16(values[i]));
}

/// Packs one panel of weights: lanes lane ..< lane + n, elements k ..< k + count.
static void pack_weights(const fp_linear *linear, const fp_tile_kernels *tile,
                         const fp_convert_kernels *convert, void *target, int64_t lane, int64_t n,
                         int64_t k, int64_t count, int64_t groups, char *converted) {
  const fp_weights *weights = &linear->weights;
  const int64_t size = (int64_t)fp_dtype_size(weights->type);
  const int64_t outer = weights->depth_major ? k : lane, inner = weights->depth_major ? lane : k;
  const char *source = (const char *)weights->w + outer * weights->row + inner * size;
  ptrdiff_t source_row = weights->row;
  if (!matches_storage(linear, tile)) {
    const int64_t rows = weights->depth_major ? count : n;
    const int64_t columns = weights->depth_major ? n : count;
    const ptrdiff_t converted_row = columns * (ptrdiff_t)fp_dtype_size(tile->storage);
    for (int64_t row = 0; row < rows; row++)
      convert_weights(linear, tile, convert, converted + row * converted_row,
                      source + row * weights->row, columns);
    source = converted;
    source_row = converted_row;
  }
  (weights->depth_major ? tile->pack_depth : tile->pack_lanes)(target, source, source_row, n, count,
                                                               tile->lanes, groups);
}

/// Adds up the bytes of each lane of packed weights, to undo the offset of 128 in A: a product with
/// a row of ones.
static void add_lane_sums(const fp_tile_kernels *tile, int32_t *sums, const void *packed,
                          int64_t groups) {
  static const uint32_t ones[FP_CHUNK_GROUPS] = {
      0x01010101, 0x01010101, 0x01010101, 0x01010101, 0x01010101, 0x01010101,
      0x01010101, 0x01010101, 0x01010101, 0x01010101, 0x01010101, 0x01010101,
      0x01010101, 0x01010101, 0x01010101, 0x01010101,
  };
  const fp_tile_args args = {
      .a = ones,
      .a_row = FP_ALIGNMENT,
      .a_chunk = 0, // every chunk is the same
      .b = packed,
      .c = sums,
      .c_row = tile->lanes * 4,
      .batch = 1,
      .groups = (int)groups,
      .rows = 1,
      .lanes = tile->lanes,
      .accumulate = true,
  };
  tile->multiply(&args);
}

static char *align(char *pointer) {
  return (char *)(((uintptr_t)pointer + FP_ALIGNMENT - 1) / FP_ALIGNMENT * FP_ALIGNMENT);
}

/// Asks for the next tile's sums, which will be written, while this one is computed.
static void prefetch_sums(const char *start, int64_t bytes) {
  for (int64_t offset = 0; offset < bytes; offset += FP_ALIGNMENT)
    __builtin_prefetch(start + offset, 1);
}

/// Asks for what all threads share: for reading, lest it be taken from the others' caches.
static void prefetch_shared(const char *start, int64_t bytes) {
  for (int64_t offset = 0; offset < bytes; offset += FP_ALIGNMENT)
    __builtin_prefetch(start + offset, 0, 2);
}

/// What the loops of one call share.
typedef struct linear_run {
  const fp_matmul_kernels *kernels;
  const fp_convert_kernels *convert;
  const fp_linear *linear;
  const fp_tile_kernels *tile;
  linear_layout layout;
  const char *packed; // A
  const float *row_scales;
  int64_t row_begin, row_end, lane_begin, lane_end;
  char *weights, *converted, *sums;
  int32_t *lane_sums;
  int64_t chunk_bytes, panel_bytes, sum_bytes, weight_bytes; // of a chunk and a panel of A, a tile
                                                             // of C, a panel of B in a pass
} linear_run;

/// One pass over k: groups first ..< first + groups.
typedef struct linear_pass {
  int64_t first, groups;
  bool last;
} linear_pass;

/// Packs the weights of a pass.
static void pack_pass(const linear_run *run, linear_pass pass) {
  const fp_linear *linear = run->linear;
  const fp_tile_kernels *tile = run->tile;
  const int64_t k = pass.first * tile->group;
  const int64_t count = fp_least(linear->k - k, pass.groups * tile->group);
  for (int64_t panel = 0; panel < run->layout.lane_panels; panel++) {
    const int64_t lane = run->lane_begin + panel * tile->lanes;
    char *target = run->weights + panel * run->weight_bytes;
    pack_weights(linear, tile, run->convert, target, lane,
                 fp_least(tile->lanes, run->lane_end - lane), k, count, pass.groups,
                 run->converted);
    if (linear->compute == FP_COMPUTE_I8)
      add_lane_sums(tile, run->lane_sums + panel * tile->lanes, target, pass.groups);
  }
}

/// Asks for the weights of the next pass, a share with each panel of rows of this one: they lie far
/// apart in memory, and waiting for them is most of the cost of packing them.
static void prefetch_weights(const linear_run *run, linear_pass pass, int64_t row) {
  const fp_weights *weights = &run->linear->weights;
  if (pass.last || weights->depth_major)
    return;
  const int64_t size = (int64_t)fp_dtype_size(weights->type), k = pass.first + pass.groups;
  const int64_t bytes =
      fp_least(pass.groups * run->tile->group, run->linear->k - k * run->tile->group) * size;
  const int64_t panels = fp_divide_up(run->row_end - run->row_begin, run->tile->rows);
  const int64_t share = fp_divide_up(run->lane_end - run->lane_begin, panels);
  const int64_t begin = run->lane_begin + (row - run->row_begin) / run->tile->rows * share;
  const int64_t end = fp_least(begin + share, run->lane_end);
  for (int64_t lane = begin; lane < end; lane++)
    prefetch_shared((const char *)weights->w + lane * weights->row + k * run->tile->group * size,
                    bytes);
}

/// The epilogue of one tile, which `args` has summed.
static void store_tile(const linear_run *run, const fp_tile_args *args, int64_t row,
                       int64_t panel) {
  const int64_t lane = run->lane_begin + panel * run->tile->lanes;
  const bool bytes = run->linear->compute == FP_COMPUTE_I8;
  const fp_store_args store = {
      .c = args->c,
      .c_row = args->c_row,
      .row = row,
      .lane = lane,
      .rows = args->rows,
      .lanes = (int)fp_least(run->tile->lanes, run->lane_end - lane),
      .lane_scale = bytes ? run->linear->weights.scale + lane : NULL,
      .lane_sum = run->lane_sums + panel * run->tile->lanes,
      .row_scale = run->row_scales,
  };
  run->kernels->store(&run->linear->epilogue, &store);
}

/// Sums of one panel of rows over a pass, and their epilogue after the last.
static void multiply_panel(const linear_run *run, linear_pass pass, int64_t row) {
  const fp_tile_kernels *tile = run->tile;
  const int64_t lane_panels = run->layout.lane_panels;
  const char *a = run->packed + row / tile->rows * run->panel_bytes +
                  pass.first / FP_CHUNK_GROUPS * run->chunk_bytes;
  // The next panel of A comes in shares, one with each tile of this one.
  const int64_t a_bytes = pass.groups / FP_CHUNK_GROUPS * run->chunk_bytes;
  const int64_t a_share = fp_round_up(fp_divide_up(a_bytes, lane_panels), FP_ALIGNMENT);
  const bool one_pass = run->layout.pass == run->layout.groups;
  const int64_t kept_panel = one_pass ? 0 : (row - run->row_begin) / tile->rows;
  char *sums = run->sums + kept_panel * lane_panels * run->sum_bytes;
  for (int64_t panel = 0; panel < lane_panels; panel++) {
    const fp_tile_args args = {
        .a = a,
        .a_row = FP_ALIGNMENT,
        .a_chunk = run->chunk_bytes,
        .b = run->weights + panel * run->weight_bytes,
        .c = sums + panel * run->sum_bytes,
        .c_row = tile->lanes * 4,
        .batch = 1,
        .groups = (int)pass.groups,
        .rows = (int)fp_least(tile->rows, run->row_end - row),
        .lanes = tile->lanes,
        .accumulate = pass.first > 0,
    };
    if (args.accumulate && panel + 1 < lane_panels)
      prefetch_sums((const char *)args.c + run->sum_bytes, run->sum_bytes);
    if (row + tile->rows < run->row_end)
      prefetch_shared(a + run->panel_bytes + panel * a_share, a_share);
    tile->multiply(&args);
    if (pass.last)
      store_tile(run, &args, row, panel);
  }
}

void fp_linear_multiply(const fp_matmul_kernels *kernels, const fp_linear *linear,
                        const void *packed, const float *row_scales, int64_t row_begin,
                        int64_t row_end, int64_t lane_begin, int64_t lane_end, void *scratch,
                        const fp_convert_kernels *convert) {
  const fp_tile_kernels *tile = &kernels->tile[linear->compute];
  linear_run run = {
      .kernels = kernels,
      .convert = convert,
      .linear = linear,
      .tile = tile,
      .layout = lay_out(tile, linear, row_end - row_begin, lane_end - lane_begin),
      .packed = packed,
      .row_scales = row_scales,
      .row_begin = row_begin,
      .row_end = row_end,
      .lane_begin = lane_begin,
      .lane_end = lane_end,
      .chunk_bytes = (int64_t)tile->rows * FP_ALIGNMENT,
      .sum_bytes = (int64_t)tile->rows * tile->lanes * 4,
  };
  run.panel_bytes = run.layout.groups / FP_CHUNK_GROUPS * run.chunk_bytes;
  run.weight_bytes = run.layout.pass * tile->lanes * 4;
  run.weights = align(scratch);
  run.converted = align(run.weights + run.layout.weights);
  run.sums = align(run.converted + run.layout.converted);
  run.lane_sums = (int32_t *)align(run.sums + run.layout.sums);
  memset(run.lane_sums, 0, run.layout.lane_sums);

  linear_pass pass = {0};
  do { // once even where k is 0: the epilogue of nothing is still due
    pass.groups = fp_least(run.layout.pass, run.layout.groups - pass.first);
    pass.last = pass.first + pass.groups == run.layout.groups;
    pack_pass(&run, pass);
    for (int64_t row = row_begin; row < row_end; row += tile->rows) {
      prefetch_weights(&run, pass, row);
      multiply_panel(&run, pass, row);
    }
    pass.first += pass.groups;
  } while (!pass.last);
  tile->finish();
}
