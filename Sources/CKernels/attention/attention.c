// The loops round the attention kernels: blocks of keys, blocks of query rows.
#include "fp_attention.h"
#include "fp_kernels.h"

#include <float.h>
#include <string.h>

static int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t round_up(int64_t a, int64_t b) { return divide_up(a, b) * b; }
static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

/// How a shape is cut at one level. Depends on the shape and the level alone.
typedef struct attention_layout {
  const fp_tile_kernels *tile;
  fp_attention_storage storage;
  int element;           // bytes of a stored element
  int64_t blocks;        // of keys, in each group
  int64_t block_keys;    // keys in a block, the last one may have fewer
  int64_t depth_groups;  // groups of k in a row of queries or keys
  int64_t depth_bytes;   // of such a row as operand A: whole chunks
  int64_t value_lanes;   // dim up to a multiple of 16
  size_t key_bytes, value_bytes; // of one packed block
} attention_layout;

static attention_layout lay_out(const fp_kernels *kernels, const fp_attention_shape *shape) {
  attention_layout layout;
  const fp_tile_kernels *tile = &kernels->matmul.tile[shape->compute];
  layout.tile = tile;
  layout.storage = shape->compute == FP_COMPUTE_F32 ? FP_ATTENTION_F32
                   : tile->storage == FP_BF16       ? FP_ATTENTION_BF16
                                                    : FP_ATTENTION_F32_ROUNDED;
  layout.element = 4 / tile->group;
  // Near-equal blocks of whole panels, so that the last is not a sliver.
  const int64_t aim = most(kernels->attention.block_keys / tile->lanes, 1) * tile->lanes;
  layout.blocks = divide_up(shape->keys, aim);
  const int64_t even = layout.blocks > 0 ? divide_up(shape->keys, layout.blocks) : 0;
  layout.block_keys = layout.blocks > 1 ? round_up(even, tile->lanes) : round_up(even, 16);
  layout.blocks = layout.blocks > 1 ? divide_up(shape->keys, layout.block_keys) : layout.blocks;
  layout.depth_groups = divide_up(shape->dim, tile->group);
  layout.depth_bytes = round_up(layout.depth_groups * 4, FP_ALIGNMENT);
  layout.value_lanes = round_up(shape->dim, 16);
  layout.key_bytes = (size_t)(layout.block_keys * layout.depth_groups * 4);
  layout.value_bytes =
      (size_t)(divide_up(layout.block_keys, tile->group) * layout.value_lanes * 4);
  return layout;
}

/// Keys in a block.
static int64_t keys_of_block(const attention_layout *layout, const fp_attention_shape *shape,
                             int64_t block) {
  return least(layout->block_keys, shape->keys - block * layout->block_keys);
}

/// Where a packed block stands: its keys, then its values.
static char *packed_block(const attention_layout *layout, const void *packed, int64_t head,
                          int64_t groups, int64_t group, int64_t block) {
  const size_t index = (size_t)((head * groups + group) * layout->blocks + block);
  return (char *)packed + index * (layout->key_bytes + layout->value_bytes);
}

/// Lanes of the panel that starts at `lane` of `count`, rounded up to vectors of 16.
static int panel_lanes(const fp_tile_kernels *tile, int64_t lane, int64_t count) {
  return (int)least(tile->lanes, round_up(count - lane, 16));
}

// MARK: Packing

size_t fp_attention_packed_bytes(const fp_kernels *kernels, const fp_attention_shape *shape) {
  const attention_layout layout = lay_out(kernels, shape);
  return (size_t)(shape->heads * shape->groups * layout.blocks) *
         (layout.key_bytes + layout.value_bytes);
}

int64_t fp_attention_pack_tasks(const fp_kernels *kernels, const fp_attention_shape *shape) {
  return shape->heads * shape->groups * lay_out(kernels, shape).blocks;
}

size_t fp_attention_pack_scratch_bytes(const fp_kernels *kernels,
                                       const fp_attention_shape *shape) {
  const attention_layout layout = lay_out(kernels, shape);
  return (size_t)(layout.block_keys * layout.depth_bytes);
}

/// True where rows can be packed from where they lie.
static bool is_ready(const fp_attention_rows *rows, fp_attention_storage storage) {
  const bool same_type = (storage == FP_ATTENTION_BF16 && rows->type == FP_BF16) ||
                         (storage == FP_ATTENTION_F32 && rows->type == FP_F32);
  return same_type && !rows->row_scale && !rows->weight && !rows->cosine;
}

/// A block of rows of one head, ready for packing: in place, or prepared in `scratch`.
static const char *ready_rows(const fp_kernels *kernels, const attention_layout *layout,
                              const fp_attention_rows *rows, int dim, int head, int64_t first,
                              int64_t count, char *scratch, ptrdiff_t *stride) {
  if (is_ready(rows, layout->storage)) {
    *stride = rows->row;
    return (const char *)rows->x + first * rows->row + head * rows->head;
  }
  for (int64_t row = 0; row < count; row++)
    kernels->attention.prepare(rows, head, first + row, dim, dim, layout->storage,
                               scratch + row * layout->depth_bytes);
  *stride = layout->depth_bytes;
  return scratch;
}

void fp_attention_pack(const fp_kernels *kernels, const fp_attention_keys *keys, int64_t task,
                       void *packed, void *scratch) {
  const fp_attention_shape *shape = &keys->shape;
  const attention_layout layout = lay_out(kernels, shape);
  const fp_tile_kernels *tile = layout.tile;
  const int64_t block = task % layout.blocks;
  const int64_t group = task / layout.blocks % shape->groups;
  const int head = (int)(task / layout.blocks / shape->groups);
  const int64_t count = keys_of_block(&layout, shape, block);
  const int64_t first = group * keys->group_rows + block * layout.block_keys;
  char *target = packed_block(&layout, packed, head, shape->groups, group, block);
  ptrdiff_t stride;

  const char *source = ready_rows(kernels, &layout, &keys->k, shape->dim, head, first, count,
                                  scratch, &stride);
  for (int64_t key = 0; key < count;) {
    const int lanes = panel_lanes(tile, key, count);
    tile->pack_lanes(target + key * layout.depth_groups * 4, source + key * stride, stride,
                     least(lanes, count - key), shape->dim, lanes, layout.depth_groups);
    key += lanes;
  }

  source = ready_rows(kernels, &layout, &keys->v, shape->dim, head, first, count, scratch, &stride);
  const int64_t groups = divide_up(count, tile->group);
  target += layout.key_bytes;
  for (int64_t lane = 0; lane < shape->dim;) {
    const int lanes = panel_lanes(tile, lane, shape->dim);
    tile->pack_depth(target + lane * groups * 4, source + lane * layout.element, stride,
                     least(lanes, shape->dim - lane), count, lanes, groups);
    lane += lanes;
  }
}

// MARK: Attending

/// Query rows in a block: near-equal blocks of whole tiles.
static int64_t block_rows(const fp_kernels *kernels, const fp_tile_kernels *tile, int64_t rows) {
  const int64_t aim = most(kernels->attention.block_queries / tile->rows, 1) * tile->rows;
  const int64_t blocks = divide_up(rows, aim);
  return blocks > 1 ? round_up(divide_up(rows, blocks), tile->rows) : aim;
}

/// Scratch of one task: operand A of the queries, a block of scores, sums of values, and each
/// row's maximum and sum of weights.
typedef struct attention_scratch {
  char *queries, *scores;
  float *output, *maximum, *sums;
  ptrdiff_t score_row, output_row; // bytes
  size_t bytes;
} attention_scratch;

/// Sizes of the parts of the scratch memory; their addresses where `base` is given.
static attention_scratch place_scratch(const fp_kernels *kernels, const attention_layout *layout,
                                       char *base) {
  attention_scratch scratch = {0};
  const size_t rows = (size_t)most(kernels->attention.block_queries, layout->tile->rows);
  // A row more than a power of two apart from the next: rows would share a few cache sets.
  scratch.score_row = round_up(layout->block_keys * 4, FP_ALIGNMENT) + FP_ALIGNMENT;
  scratch.output_row = layout->value_lanes * 4;
  const size_t scores = rows * (size_t)layout->depth_bytes;
  const size_t output = scores + rows * (size_t)scratch.score_row;
  const size_t sums = output + rows * (size_t)scratch.output_row;
  const size_t maximum = sums + rows * 16 * sizeof(float);
  scratch.bytes = maximum + rows * sizeof(float);
  if (base) {
    scratch.queries = base;
    scratch.scores = base + scores;
    scratch.output = (float *)(base + output);
    scratch.sums = (float *)(base + sums);
    scratch.maximum = (float *)(base + maximum);
  }
  return scratch;
}

size_t fp_attention_scratch_bytes(const fp_kernels *kernels, const fp_attention_shape *shape) {
  const attention_layout layout = lay_out(kernels, shape);
  return place_scratch(kernels, &layout, NULL).bytes;
}

/// How the query rows of a call are cut: blocks of each group, then blocks of the rows past the
/// last group.
typedef struct query_blocks {
  int64_t rows;      // in a block
  int64_t per_group; // blocks
  int64_t rest;      // blocks past the last group
} query_blocks;

static query_blocks cut_queries(const fp_kernels *kernels, const fp_attention_queries *queries) {
  const fp_attention_shape *shape = &queries->shape;
  query_blocks blocks;
  blocks.rows = block_rows(kernels, &kernels->matmul.tile[shape->compute], queries->group_queries);
  blocks.per_group = divide_up(queries->group_queries, blocks.rows);
  const int64_t rest = queries->queries - shape->groups * queries->group_queries;
  blocks.rest = rest > 0 ? divide_up(rest, blocks.rows) : 0;
  return blocks;
}

int64_t fp_attention_tasks(const fp_kernels *kernels, const fp_attention_queries *queries) {
  const query_blocks blocks = cut_queries(kernels, queries);
  return queries->shape.heads * (queries->shape.groups * blocks.per_group + blocks.rest);
}

/// The rows that a task computes.
typedef struct attention_task {
  int head;
  int64_t group; // shape.groups: no keys
  int64_t first, count;
} attention_task;

static attention_task find_task(const fp_kernels *kernels, const fp_attention_queries *queries,
                                int64_t index) {
  const int64_t groups = queries->shape.groups;
  const query_blocks blocks = cut_queries(kernels, queries);
  const int64_t per_head = groups * blocks.per_group + blocks.rest;
  attention_task task = {.head = (int)(index / per_head)};
  const int64_t block = index % per_head;
  task.group = block < groups * blocks.per_group ? block / blocks.per_group : groups;
  const int64_t begin = task.group * queries->group_queries;
  const int64_t end = task.group < groups ? begin + queries->group_queries : queries->queries;
  task.first = begin + (block - task.group * blocks.per_group) * blocks.rows;
  task.count = least(blocks.rows, end - task.first);
  return task;
}

/// Scores of a tile of rows against one block of keys.
static void multiply_keys(const attention_layout *layout, const attention_scratch *scratch,
                          const char *keys, int64_t count, int64_t row, int rows) {
  for (int64_t key = 0; key < count;) {
    const fp_tile_args args = {.a = scratch->queries + row * layout->depth_bytes,
                               .a_row = layout->depth_bytes,
                               .a_chunk = FP_ALIGNMENT,
                               .b = keys + key * layout->depth_groups * 4,
                               .c = scratch->scores + row * scratch->score_row + key * 4,
                               .c_row = scratch->score_row,
                               .batch = 1,
                               .groups = (int)layout->depth_groups,
                               .rows = rows,
                               .lanes = panel_lanes(layout->tile, key, count)};
    layout->tile->multiply(&args);
    key += args.lanes;
  }
}

/// Adds the values of one block of keys, weighted, to a tile of rows.
static void multiply_values(const attention_layout *layout, const attention_scratch *scratch,
                            const char *values, int64_t count, int64_t row, int rows, int64_t lane,
                            bool accumulate) {
  const int64_t groups = divide_up(count, layout->tile->group);
  const fp_tile_args args = {.a = scratch->scores + row * scratch->score_row,
                             .a_row = scratch->score_row,
                             .a_chunk = FP_ALIGNMENT,
                             .b = values + lane * groups * 4,
                             .c = (char *)scratch->output + row * scratch->output_row + lane * 4,
                             .c_row = scratch->output_row,
                             .batch = 1,
                             .groups = (int)groups,
                             .rows = rows,
                             .lanes = panel_lanes(layout->tile, lane, layout->value_lanes),
                             .accumulate = accumulate};
  layout->tile->multiply(&args);
}

static void weigh_scores(const fp_kernels *kernels, const attention_layout *layout,
                         const fp_attention_queries *queries, const attention_scratch *scratch,
                         const attention_task *task, int64_t block, int64_t row, int rows) {
  static const float log2_e = 1.44269504088896340736f;
  const char *bias = (const char *)queries->bias;
  if (bias)
    bias += task->head * queries->bias_head + (task->first + row) * queries->bias_row +
            block * layout->block_keys * (ptrdiff_t)sizeof(float);
  const fp_softmax_args args = {
      .scores = scratch->scores + row * scratch->score_row,
      .score_row = scratch->score_row,
      .rows = rows,
      .keys = (int)keys_of_block(layout, &queries->shape, block),
      .scale = queries->scale * log2_e,
      .bias = (const float *)bias,
      .bias_row = queries->bias_row,
      .maximum = scratch->maximum + row,
      .sums = scratch->sums + row * 16,
      .output =
          block > 0 ? (float *)((char *)scratch->output + row * scratch->output_row) : NULL,
      .output_row = scratch->output_row,
      .output_lanes = (int)layout->value_lanes,
  };
  kernels->attention.softmax[layout->storage](&args);
}

static void attend_block(const fp_kernels *kernels, const attention_layout *layout,
                         const fp_attention_queries *queries, const attention_scratch *scratch,
                         const attention_task *task, const char *packed, int64_t block) {
  const int64_t count = keys_of_block(layout, &queries->shape, block);
  const int tile_rows = layout->tile->rows;
  for (int64_t row = 0; row < task->count; row += tile_rows) {
    const int rows = (int)least(tile_rows, task->count - row);
    multiply_keys(layout, scratch, packed, count, row, rows);
    weigh_scores(kernels, layout, queries, scratch, task, block, row, rows);
  }
  for (int64_t lane = 0; lane < layout->value_lanes; lane += layout->tile->lanes)
    for (int64_t row = 0; row < task->count; row += tile_rows)
      multiply_values(layout, scratch, packed + layout->key_bytes, count, row,
                      (int)least(tile_rows, task->count - row), lane, block > 0);
}

/// Divides by the sums of weights; a row without any weight is zero.
static void finish_rows(const fp_kernels *kernels, const fp_attention_queries *queries,
                        const attention_scratch *scratch, const attention_task *task) {
  for (int64_t row = 0; row < task->count; row++) {
    float sum = 0;
    for (int lane = 0; lane < 16; lane++)
      sum += scratch->sums[row * 16 + lane];
    float *output = (float *)((char *)scratch->output + row * scratch->output_row);
    if (sum == 0)
      memset(output, 0, (size_t)scratch->output_row);
    char *y = (char *)queries->y + (task->first + row) * queries->y_row +
              task->head * queries->y_head;
    kernels->attention.finish(y, queries->y_type, output, sum == 0 ? 0 : 1 / sum,
                              queries->shape.dim, queries->add);
  }
}

void fp_attention_attend(const fp_kernels *kernels, const fp_attention_queries *queries,
                         const void *packed, int64_t index, void *base) {
  const fp_attention_shape *shape = &queries->shape;
  const attention_layout layout = lay_out(kernels, shape);
  const attention_scratch scratch = place_scratch(kernels, &layout, base);
  const attention_task task = find_task(kernels, queries, index);
  for (int64_t row = 0; row < task.count; row++) {
    scratch.maximum[row] = -FLT_MAX;
    memset(scratch.sums + row * 16, 0, 16 * sizeof(float));
  }
  if (task.group < shape->groups && layout.blocks > 0) {
    for (int64_t row = 0; row < task.count; row++)
      kernels->attention.prepare(&queries->q, task.head, task.first + row, shape->dim,
                                 (int)(layout.depth_bytes / layout.element), layout.storage,
                                 scratch.queries + row * layout.depth_bytes);
    for (int64_t block = 0; block < layout.blocks; block++)
      attend_block(kernels, &layout, queries, &scratch, &task,
                   packed_block(&layout, packed, task.head, shape->groups, task.group, block),
                   block);
    layout.tile->finish();
  }
  finish_rows(kernels, queries, &scratch, &task);
}
