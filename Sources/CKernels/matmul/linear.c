// The loops round the tile kernels: cache blocks of k, panels of rows and lanes.
#include "fp_convert.h"
#include "fp_matmul.h"

#include <string.h>

static int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t round_up(int64_t a, int64_t b) { return divide_up(a, b) * b; }
static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/// Groups of a packed row: whole chunks.
static int64_t padded_groups(const fp_tile_kernels *tile, int64_t k) {
  return round_up(divide_up(k, tile->group), FP_CHUNK_GROUPS);
}

/// Groups in one pass over k: near-equal passes, none longer than the kernel asks for.
static int64_t pass_groups(const fp_tile_kernels *tile, int64_t groups) {
  const int64_t passes = divide_up(groups, tile->block_groups);
  return passes <= 1 ? groups : round_up(divide_up(groups, passes), FP_CHUNK_GROUPS);
}

int64_t fp_linear_panels(const fp_matmul_kernels *kernels, fp_compute compute, int64_t m) {
  return divide_up(m, kernels->tile[compute].rows);
}

size_t fp_linear_packed_bytes(const fp_matmul_kernels *kernels, fp_compute compute, int64_t m,
                              int64_t k) {
  const fp_tile_kernels *tile = &kernels->tile[compute];
  return (size_t)(round_up(m, tile->rows) * padded_groups(tile, k) * 4);
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
  layout.lane_panels = divide_up(lanes, tile->lanes);
  const size_t lane_count = (size_t)(layout.lane_panels * tile->lanes);
  layout.weights = lane_count * (size_t)layout.pass * 4;
  // One panel of weights in the storage type: [lanes][k of a pass], or [k of a pass][lanes].
  layout.converted = (size_t)tile->lanes * (size_t)layout.pass * 4;
  const int64_t kept_rows = layout.pass < layout.groups ? round_up(rows, tile->rows) : tile->rows;
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

/// Adds up the bytes of each lane of packed weights, to undo the offset of 128 in A.
static void add_lane_sums(int32_t *sums, const int8_t *packed, int64_t groups, int lanes) {
  for (int64_t group = 0; group < groups; group++)
    for (int lane = 0; lane < lanes; lane++) {
      const int8_t *bytes = packed + (group * lanes + lane) * 4;
      sums[lane] += bytes[0] + bytes[1] + bytes[2] + bytes[3];
    }
}

static char *align(char *pointer) {
  return (char *)(((uintptr_t)pointer + FP_ALIGNMENT - 1) / FP_ALIGNMENT * FP_ALIGNMENT);
}

/// Asks for the next tile's sums, which will be written, while this one is computed.
static void prefetch_sums(const char *start, int64_t bytes) {
  for (int64_t offset = 0; offset < bytes; offset += FP_ALIGNMENT)
    __builtin_prefetch(start + offset, 1);
}

/// Asks for rows that all threads share: for reading, lest they be taken from the others' caches.
static void prefetch_rows(const char *start, int64_t bytes) {
  for (int64_t offset = 0; offset < bytes; offset += FP_ALIGNMENT)
    __builtin_prefetch(start + offset, 0, 2);
}

void fp_linear_multiply(const fp_matmul_kernels *kernels, const fp_linear *linear,
                        const void *packed, const float *row_scales, int64_t row_begin,
                        int64_t row_end, int64_t lane_begin, int64_t lane_end, void *scratch,
                        const fp_convert_kernels *convert) {
  const fp_tile_kernels *tile = &kernels->tile[linear->compute];
  const linear_layout layout =
      lay_out(tile, linear, row_end - row_begin, lane_end - lane_begin);
  char *weights = align(scratch);
  char *converted = align(weights + layout.weights);
  char *sums = align(converted + layout.converted);
  int32_t *lane_sums = (int32_t *)align(sums + layout.sums);
  memset(lane_sums, 0, layout.lane_sums);

  const int64_t chunk_bytes = (int64_t)tile->rows * FP_ALIGNMENT;
  const int64_t panel_bytes = layout.groups / FP_CHUNK_GROUPS * chunk_bytes;
  const int64_t sum_bytes = (int64_t)tile->rows * tile->lanes * 4;
  const int64_t weight_bytes = layout.pass * tile->lanes * 4;
  const bool one_pass = layout.pass == layout.groups;
  int64_t first = 0;
  do { // once even where k is 0: the epilogue of nothing is still due
    const int64_t groups = least(layout.pass, layout.groups - first);
    const int64_t k = first * tile->group, count = least(linear->k - k, groups * tile->group);
    const bool last = first + groups == layout.groups;
    for (int64_t panel = 0; panel < layout.lane_panels; panel++) {
      const int64_t lane = lane_begin + panel * tile->lanes;
      char *target = weights + panel * weight_bytes;
      pack_weights(linear, tile, convert, target, lane, least(tile->lanes, lane_end - lane), k,
                   count, groups, converted);
      if (linear->compute == FP_COMPUTE_I8)
        add_lane_sums(lane_sums + panel * tile->lanes, (const int8_t *)target, groups, tile->lanes);
    }
    for (int64_t row = row_begin; row < row_end; row += tile->rows) {
      const int64_t panel_index = row / tile->rows;
      const char *a = (const char *)packed + panel_index * panel_bytes +
                      first / FP_CHUNK_GROUPS * chunk_bytes;
      // The next panel of A comes in shares, one with each tile of this one.
      const int64_t a_share = round_up(
          divide_up(groups / FP_CHUNK_GROUPS * chunk_bytes, layout.lane_panels), FP_ALIGNMENT);
      char *row_sums =
          sums + (one_pass ? 0 : (row - row_begin) / tile->rows * layout.lane_panels * sum_bytes);
      for (int64_t panel = 0; panel < layout.lane_panels; panel++) {
        const int64_t lane = lane_begin + panel * tile->lanes;
        const int lanes = (int)least(tile->lanes, lane_end - lane);
        const fp_tile_args args = {
            .a = a,
            .a_row = FP_ALIGNMENT,
            .a_chunk = chunk_bytes,
            .b = weights + panel * weight_bytes,
            .c = row_sums + panel * sum_bytes,
            .c_row = tile->lanes * 4,
            .batch = 1,
            .groups = (int)groups,
            .rows = (int)least(tile->rows, row_end - row),
            .lanes = tile->lanes,
            .accumulate = first > 0,
        };
        if (args.accumulate && panel + 1 < layout.lane_panels)
          prefetch_sums((const char *)args.c + sum_bytes, sum_bytes);
        if (row + tile->rows < row_end)
          prefetch_rows(a + panel_bytes + panel * a_share, a_share);
        tile->multiply(&args);
        if (!last)
          continue;
        const fp_store_args store = {
            .c = args.c,
            .c_row = args.c_row,
            .row = row,
            .lane = lane,
            .rows = args.rows,
            .lanes = lanes,
            .lane_scale = linear->compute == FP_COMPUTE_I8 ? linear->weights.scale + lane : NULL,
            .lane_sum = lane_sums + panel * tile->lanes,
            .row_scale = row_scales,
        };
        kernels->store(&linear->epilogue, &store);
      }
    }
    first += groups;
  } while (first < layout.groups);
  tile->finish();
}
