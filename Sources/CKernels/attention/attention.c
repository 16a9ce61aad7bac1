// The loops round the attention kernels: blocks of query rows, blocks of keys.
#include "attention_layout.h"

#include <float.h>
#include <string.h>

/// Query rows in a block: near-equal blocks of whole tiles.
static int64_t block_rows(const fp_kernels *kernels, const fp_tile_kernels *tile, int64_t rows) {
  const int64_t aim = fp_most(kernels->attention.block_queries / tile->rows, 1) * tile->rows;
  const int64_t blocks = fp_divide_up(rows, aim);
  return blocks > 1 ? fp_round_up(fp_divide_up(rows, blocks), tile->rows) : aim;
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
static attention_scratch place_scratch(const fp_kernels *kernels, const fp_attention_layout *layout,
                                       char *base) {
  attention_scratch scratch = {0};
  const size_t rows = (size_t)fp_most(kernels->attention.block_queries, layout->tile->rows);
  // A row more than a power of two apart from the next: rows would share a few cache sets.
  scratch.score_row = fp_round_up(layout->block_keys * 4, FP_ALIGNMENT) + FP_ALIGNMENT;
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
  const fp_attention_layout layout = fp_attention_lay_out(kernels, shape);
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
  blocks.per_group = fp_divide_up(queries->group_queries, blocks.rows);
  const int64_t rest = queries->queries - shape->groups * queries->group_queries;
  blocks.rest = rest > 0 ? fp_divide_up(rest, blocks.rows) : 0;
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
  task.count = fp_least(blocks.rows, end - task.first);
  return task;
}

/// What the loops of a task share.
typedef struct attention_run {
  const fp_kernels *kernels;
  const fp_attention_queries *queries;
  const fp_attention_layout *layout;
  const attention_scratch *scratch;
  attention_task task;
  const char *packed; // the first block of keys
} attention_run;

/// A tile of rows against a block of keys.
typedef struct attention_unit {
  int64_t block, keys, row;
  int rows;
  const char *packed; // the block
} attention_unit;

static attention_unit make_unit(const attention_run *run, int64_t block, int64_t row) {
  const fp_attention_layout *layout = run->layout;
  return (attention_unit){
      .block = block,
      .keys = fp_attention_block_keys(layout, &run->queries->shape, block),
      .row = row,
      .rows = (int)fp_least(layout->tile->rows, run->task.count - row),
      .packed = run->packed + (size_t)block * (layout->key_bytes + layout->value_bytes),
  };
}

/// Scores of a unit against the panel of keys that starts at `key`; returns where the next starts.
static int64_t multiply_keys(const attention_run *run, const attention_unit *unit, int64_t key) {
  const fp_attention_layout *layout = run->layout;
  const attention_scratch *scratch = run->scratch;
  const fp_tile_args args = {
      .a = scratch->queries + unit->row * layout->depth_bytes,
      .a_row = layout->depth_bytes,
      .a_chunk = FP_ALIGNMENT,
      .b = unit->packed + key * layout->depth_groups * 4,
      .c = scratch->scores + unit->row * scratch->score_row + key * 4,
      .c_row = scratch->score_row,
      .batch = 1,
      .groups = (int)layout->depth_groups,
      .rows = unit->rows,
      .lanes = fp_attention_panel_lanes(layout->tile, key, unit->keys),
  };
  layout->tile->multiply(&args);
  return key + args.lanes;
}

/// Adds the weighted values of a unit's keys to the panel of sums that starts at `lane`; returns
/// where the next starts.
static int64_t multiply_values(const attention_run *run, const attention_unit *unit, int64_t lane) {
  const fp_attention_layout *layout = run->layout;
  const attention_scratch *scratch = run->scratch;
  const int64_t groups = fp_attention_value_groups(layout, unit->keys);
  const fp_tile_args args = {
      .a = scratch->scores + unit->row * scratch->score_row,
      .a_row = scratch->score_row,
      .a_chunk = FP_ALIGNMENT,
      .b = unit->packed + layout->key_bytes + lane * groups * 4,
      .c = (char *)scratch->output + unit->row * scratch->output_row + lane * 4,
      .c_row = scratch->output_row,
      .batch = 1,
      .groups = (int)groups,
      .rows = unit->rows,
      .lanes = fp_attention_panel_lanes(layout->tile, lane, layout->value_lanes),
      .accumulate = unit->block > 0,
  };
  layout->tile->multiply(&args);
  return lane + args.lanes;
}

/// Softmax of rows begin ..< end of a unit.
static void weigh_scores(const attention_run *run, const attention_unit *unit, int begin,
                         int end) {
  static const float log2_e = 1.44269504088896340736f;
  const fp_attention_layout *layout = run->layout;
  const attention_scratch *scratch = run->scratch;
  const fp_attention_queries *queries = run->queries;
  const int64_t row = unit->row + begin;
  const char *bias = (const char *)queries->bias;
  if (bias)
    bias += run->task.head * queries->bias_head + (run->task.first + row) * queries->bias_row +
            unit->block * layout->block_keys * (ptrdiff_t)sizeof(float);
  char *output = (char *)scratch->output + row * scratch->output_row;
  const fp_attention_softmax_args args = {
      .scores = scratch->scores + row * scratch->score_row,
      .score_row = scratch->score_row,
      .rows = end - begin,
      .keys = (int)unit->keys,
      .padded = (int)fp_round_up(unit->keys, fp_most(16, layout->key_unit)),
      .scale = queries->scale * log2_e,
      .bias = (const float *)bias,
      .bias_row = queries->bias_row,
      .maximum = scratch->maximum + row,
      .sums = scratch->sums + row * 16,
      .output = unit->block > 0 ? (float *)output : NULL,
      .output_row = scratch->output_row,
      .output_lanes = (int)layout->value_lanes,
  };
  run->kernels->attention.softmax[layout->storage](&args);
}

/// All units, block by block of keys: scores and softmax of a tile of rows, then the values panel
/// by panel, which stays in the first-level cache.
static void attend_in_order(const attention_run *run) {
  const fp_attention_layout *layout = run->layout;
  const fp_tile_kernels *tile = layout->tile;
  for (int64_t block = 0; block < layout->blocks; block++) {
    for (int64_t row = 0; row < run->task.count; row += tile->rows) {
      const attention_unit unit = make_unit(run, block, row);
      for (int64_t key = 0; key < unit.keys;)
        key = multiply_keys(run, &unit, key);
      weigh_scores(run, &unit, 0, unit.rows);
    }
    for (int64_t lane = 0, next = 0; lane < layout->value_lanes; lane = next)
      for (int64_t row = 0; row < run->task.count; row += tile->rows) {
        const attention_unit unit = make_unit(run, block, row);
        next = multiply_values(run, &unit, lane);
      }
  }
}

/// The same sums in an order that gives the tile unit and the vector units work at the same time:
/// a slice of one unit's softmax follows each product of the units after and before it. These three
/// are different tiles of rows, so none waits for another.
static void attend_interleaved(const attention_run *run) {
  const fp_attention_layout *layout = run->layout;
  const fp_tile_kernels *tile = layout->tile;
  const int64_t tiles = fp_divide_up(run->task.count, tile->rows);
  const int64_t units = layout->blocks * tiles;
  for (int64_t step = -1; step <= units; step++) {
    attention_unit after = {0}, unit = {0}, before = {0};
    if (step + 1 < units)
      after = make_unit(run, (step + 1) / tiles, (step + 1) % tiles * tile->rows);
    if (step >= 0 && step < units)
      unit = make_unit(run, step / tiles, step % tiles * tile->rows);
    if (step >= 1)
      before = make_unit(run, (step - 1) / tiles, (step - 1) % tiles * tile->rows);
    const int64_t scores = fp_divide_up(after.keys, tile->lanes);
    const int64_t values = before.keys > 0 ? fp_divide_up(layout->value_lanes, tile->lanes) : 0;
    const int64_t calls = scores + values;
    for (int64_t call = 0, key = 0, lane = 0; call < calls; call++) {
      if (call < scores)
        key = multiply_keys(run, &after, key);
      else
        lane = multiply_values(run, &before, lane);
      const int begin = (int)(unit.rows * call / calls);
      const int end = (int)(unit.rows * (call + 1) / calls);
      if (end > begin)
        weigh_scores(run, &unit, begin, end);
    }
  }
}

/// Divides by the sums of weights; a row without any weight is zero.
static void finish_rows(const attention_run *run) {
  const attention_scratch *scratch = run->scratch;
  const attention_task *task = &run->task;
  const fp_attention_queries *queries = run->queries;
  for (int64_t row = 0; row < task->count; row++) {
    float sum = 0;
    for (int lane = 0; lane < 16; lane++)
      sum += scratch->sums[row * 16 + lane];
    float *output = (float *)((char *)scratch->output + row * scratch->output_row);
    if (sum == 0)
      memset(output, 0, (size_t)scratch->output_row);
    char *y = (char *)queries->y + (task->first + row) * queries->y_row +
              task->head * queries->y_head;
    run->kernels->attention.finish(y, queries->y_type, output, sum == 0 ? 0 : 1 / sum,
                              queries->shape.dim, queries->add);
  }
}

void fp_attention_attend(const fp_kernels *kernels, const fp_attention_queries *queries,
                         const void *packed, int64_t index, void *base) {
  const fp_attention_shape *shape = &queries->shape;
  const fp_attention_layout layout = fp_attention_lay_out(kernels, shape);
  const attention_scratch scratch = place_scratch(kernels, &layout, base);
  attention_run run = {.kernels = kernels,
                       .queries = queries,
                       .layout = &layout,
                       .scratch = &scratch,
                       .task = find_task(kernels, queries, index)};
  const attention_task *task = &run.task;
  for (int64_t row = 0; row < task->count; row++) {
    scratch.maximum[row] = -FLT_MAX;
    memset(scratch.sums + row * 16, 0, 16 * sizeof(float));
  }
  if (task->group < shape->groups && layout.blocks > 0) {
    run.packed =
        fp_attention_packed_block(&layout, packed, task->head, shape->groups, task->group, 0);
    for (int64_t row = 0; row < task->count; row++)
      kernels->attention.prepare(&queries->q, task->head, task->first + row, shape->dim,
                                 (int)(layout.depth_bytes / layout.element), layout.storage,
                                 scratch.queries + row * layout.depth_bytes);
    // With fewer than three tiles of rows, units next to each other would share one.
    if (kernels->attention.interleaved && task->count > 2 * layout.tile->rows)
      attend_interleaved(&run);
    else
      attend_in_order(&run);
    layout.tile->finish();
  }
  finish_rows(&run);
}
