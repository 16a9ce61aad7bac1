// The loops round the tile kernels: lines of positions, panels of lanes, passes over k.
#include "conv_internal.h"

#include <string.h>

/// Groups of k in a pass: their weights stay near the core. A tile of many rows spends less time on
/// each group, and so a larger share on reading and writing its sums: it takes longer passes.
static int64_t pass_groups(const fp_tile_kernels *tile, int64_t lanes) {
  const int64_t bytes = tile->rows > 16 ? 128 << 10 : 64 << 10;
  return fp_most(1, bytes / (lanes * 4 * FP_CHUNK_GROUPS)) * FP_CHUNK_GROUPS;
}

/// Stores the positions begin ..< begin + count of a line that starts at `row`; a spanning line
/// has `pitch` positions to a row, those past the output's columns being of no use.
static void store_line(const fp_kernels *kernels, const fp_conv_site *site, int64_t row,
                       int64_t pitch, int64_t begin, int64_t count, fp_store_args *store) {
  const char *sums = store->c;
  int64_t position = begin;
  while (position < begin + count) {
    const int64_t line_row = position / pitch, column = position % pitch;
    const int64_t end = fp_least(begin + count, (line_row + 1) * pitch);
    const int64_t valid = fp_least(end - position, site->columns - column);
    if (valid > 0) {
      const fp_epilogue epilogue = fp_conv_epilogue_at(site, row + line_row, column);
      store->c = sums + (position - begin) * store->c_row;
      store->rows = (int)valid;
      kernels->matmul.store(&epilogue, store);
    }
    position = end;
  }
  store->c = sums;
}

/// A part of k that is multiplied for all of a task's positions before the next.
typedef struct conv_pass {
  int64_t block, batch; // whole blocks, or
  int64_t group, groups; // a part of one
  bool first, last;
} conv_pass;

/// The pass that begins at a block and group: near-equal parts of at most `most` groups.
static conv_pass pass_at(const fp_conv_site *site, int64_t most, int64_t block, int64_t group) {
  const int64_t words = site->blocks.words;
  conv_pass pass = {.block = block, .group = group, .first = block == 0 && group == 0};
  if (site->batch == 0) {
    pass.last = true;
  } else if (words > most) {
    const int64_t parts = fp_divide_up(words, most);
    pass.batch = 1;
    pass.groups =
        fp_least(fp_round_up(fp_divide_up(words, parts), FP_CHUNK_GROUPS), words - group);
    pass.last = block + 1 >= site->batch && group + pass.groups == words;
  } else {
    const int64_t fitting = most / words;
    const int64_t passes = fp_divide_up(site->batch, fitting);
    pass.batch = fp_least(fp_divide_up(site->batch, passes), site->batch - block);
    pass.groups = words;
    pass.last = block + pass.batch >= site->batch;
  }
  return pass;
}

/// Positions that are stored together.
enum { stored_positions = 32 };

/// Multiplies one line of positions, and stores it after the last pass.
static void multiply_line(const fp_kernels *kernels, const fp_tile_kernels *tile,
                          const fp_conv_site *site, const conv_pass *pass, const char *weights,
                          int64_t row, int64_t positions, int64_t pitch, fp_store_args *store,
                          char *sums, bool keep) {
  const int64_t lanes = store->c_row / 4;
  const char *a = site->a + row * site->row_step + pass->group * 4;
  int64_t stored = 0;
  char *unstored = sums;
  for (int64_t position = 0; position < positions; position += tile->rows) {
    const int rows = (int)fp_least(tile->rows, positions - position);
    const fp_tile_args args = {
        .a = a + position * site->position_step,
        .a_offsets = site->offsets + pass->block,
        .a_row = site->position_step,
        .a_chunk = FP_ALIGNMENT,
        .b = weights,
        .c = sums,
        .c_row = store->c_row,
        .batch = (int)pass->batch,
        .groups = (int)pass->groups,
        .rows = rows,
        .lanes = (int)lanes,
        .accumulate = !pass->first,
    };
    tile->multiply(&args);
    sums += tile->rows * store->c_row;
    const int64_t end = position + rows;
    if (pass->last && (end - stored >= stored_positions || end == positions)) {
      store->c = unstored;
      store_line(kernels, site, row, pitch, stored, end - stored, store);
      stored = end;
      if (!keep) // sums of a single pass take the same place again
        sums = unstored;
      unstored = sums;
    }
  }
}

static void perform_panel(const fp_kernels *kernels, const fp_tile_kernels *tile,
                          const fp_conv_run *run, const fp_conv_plan *plan,
                          const fp_conv_site *site, const char *weights, int64_t panel,
                          char *sums) {
  const int64_t unit = fp_conv_panel_unit(&site->layout, panel);
  const int64_t lanes = 16 * (fp_conv_panel_unit(&site->layout, panel + 1) - unit);
  const int64_t block_bytes = site->blocks.words * 4;
  const int64_t all_blocks = site->taps[0].count * site->taps[1].count * site->blocks.per_row;
  weights += 16 * unit * all_blocks * block_bytes + lanes * site->first_block * block_bytes;
  fp_store_args store = {
      .c_row = lanes * 4,
      .lane = site->group * site->layout.lanes + 16 * unit,
      .lanes = (int)fp_least(lanes, site->layout.lanes - 16 * unit),
  };
  const int64_t most = pass_groups(tile, lanes);
  const int64_t pitch = plan->spanning ? fp_conv_padded_columns(&run->frame) : site->columns;
  const int64_t lines = plan->spanning ? 1 : site->rows;
  const int64_t positions =
      plan->spanning ? (site->rows - 1) * pitch + site->columns : site->columns;
  const int64_t line_bytes = fp_round_up(positions, tile->rows) * store.c_row;
  int64_t block = 0, group = 0;
  conv_pass pass;
  do {
    pass = pass_at(site, most, block, group);
    const bool keep = !(pass.first && pass.last);
    const char *part = weights + (block * site->blocks.words + group) * 4 * lanes;
    for (int64_t line = 0; line < lines; line++)
      multiply_line(kernels, tile, site, &pass, part, line, positions, pitch, &store,
                    sums + (keep ? line * line_bytes : 0), keep);
    group += pass.groups;
    if (group >= site->blocks.words) {
      group = 0;
      block += pass.batch;
    }
  } while (!pass.last);
}

/// Adds up the sums of a folded kernel's columns: those of column x stand x * dilation positions
/// on, beside each other as lanes.
static void add_columns(const fp_conv *conv, int64_t lanes, const char *sums, int64_t columns,
                        char *target) {
  for (int64_t column = 0; column < columns; column++) {
    const char *first = sums + column * conv->stride[2] * FP_CONV_FOLDED_ROW;
    float *total = (float *)(target + column * FP_CONV_FOLDED_ROW);
    memcpy(total, first, (size_t)lanes * 4);
    for (int64_t x = 1; x < conv->kernel[2]; x++) {
      const char *place = first + x * conv->dilation[2] * FP_CONV_FOLDED_ROW;
      const float *part = (const float *)place + x * lanes;
      for (int64_t lane = 0; lane < lanes; lane++)
        total[lane] += part[lane];
    }
  }
}

/// Few output channels: sums of every input position, then those of the columns added up.
static void perform_folded(const fp_kernels *kernels, const fp_tile_kernels *tile,
                           const fp_conv *conv, const fp_conv_site *site, const char *weights,
                           char *sums) {
  const int64_t lanes = site->layout.lanes;
  const int64_t positions = fp_conv_folded_positions(conv, site->columns);
  char *totals = sums + fp_round_up(positions, tile->rows) * FP_CONV_FOLDED_ROW;
  for (int64_t row = 0; row < site->rows; row++) {
    for (int64_t position = 0; position < positions; position += tile->rows) {
      const fp_tile_args args = {
          .a = site->a + row * site->row_step + position * site->layout.pixel,
          .a_offsets = site->offsets,
          .a_row = site->layout.pixel,
          .a_chunk = FP_ALIGNMENT,
          .b = weights + site->first_block * site->blocks.words * FP_CONV_FOLDED_ROW,
          .c = sums + position * FP_CONV_FOLDED_ROW,
          .c_row = FP_CONV_FOLDED_ROW,
          .batch = (int)site->batch,
          .groups = (int)site->blocks.words,
          .rows = (int)fp_least(tile->rows, positions - position),
          .lanes = 16,
      };
      tile->multiply(&args);
    }
    add_columns(conv, lanes, sums, site->columns, totals);
    const fp_epilogue epilogue = fp_conv_epilogue_at(site, row, 0);
    const fp_store_args store = {.c = totals,
                                 .c_row = FP_CONV_FOLDED_ROW,
                                 .lane = site->group * lanes,
                                 .rows = (int)site->columns,
                                 .lanes = (int)lanes};
    kernels->matmul.store(&epilogue, &store);
  }
}

/// Depthwise: positions by turns, all channels of each, then the epilogue.
static void perform_depthwise(const fp_kernels *kernels, const fp_conv_site *site,
                              const float *weights, float *sums) {
  const int64_t channels = site->layout.words;
  const int64_t turn = fp_most(1, FP_CONV_DEPTHWISE_FLOATS / channels);
  for (int64_t row = 0; row < site->rows; row++)
    for (int64_t column = 0; column < site->columns; column += turn) {
      const int64_t positions = fp_least(turn, site->columns - column);
      const fp_depthwise_args args = {
          .a = site->a + row * site->row_step + column * site->position_step,
          .offsets = site->offsets,
          .taps = site->batch,
          .a_step = site->position_step,
          .weights = weights + site->first_block * channels,
          .c = sums,
          .positions = positions,
          .channels = channels,
      };
      kernels->conv.depthwise(&args);
      const fp_epilogue epilogue = fp_conv_epilogue_at(site, row, column);
      const fp_store_args store = {.c = sums,
                                   .c_row = channels * 4,
                                   .rows = (int)positions,
                                   .lanes = (int)site->layout.lanes};
      kernels->matmul.store(&epilogue, &store);
    }
}

void fp_conv_perform(const fp_kernels *kernels, const fp_conv *conv, const fp_conv_run *run,
                     const fp_conv_plan *plan, int64_t task, void *scratch) {
  fp_conv_site site;
  char *sums = (char *)scratch + fp_conv_offset_bytes(conv);
  if (!fp_conv_find_site(kernels, conv, run, plan, task, scratch, &site))
    return;
  if (site.a == NULL) // nothing to add up; the kernels still want an address
    site.a = sums;
  if (site.layout.depthwise) {
    perform_depthwise(kernels, &site, run->weights, (float *)sums);
    return;
  }
  const fp_tile_kernels *tile = &kernels->matmul.tile[conv->compute];
  const char *weights = (const char *)run->weights +
                        fp_conv_weights_offset(conv, &site.layout, site.phase, site.group);
  if (site.layout.fold > 1)
    perform_folded(kernels, tile, conv, &site, weights, sums);
  else
    for (int64_t panel = site.panel; panel < site.panel + site.panels; panel++)
      perform_panel(kernels, tile, run, plan, &site, weights, panel, sums);
  tile->finish();
}
