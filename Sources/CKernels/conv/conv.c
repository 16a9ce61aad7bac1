// The loops round the tile kernels: bands of positions, panels of lanes, passes over k.
#include "conv_internal.h"

#include <string.h>

enum {
  task_positions = 256,  // positions of a band, about
  wanted_tasks = 64,     // below this the panels are shared out too
  pass_bytes = 64 << 10, // weights of a pass: they stay near the core
  depthwise_floats = 4096, // sums of one depthwise call
  folded_row = 64,         // bytes of a position's sums where columns are folded into lanes
};

/// The sizes of the largest phase of a run, in positions.
static void phase_size(const fp_conv *conv, const fp_conv_run *run, int64_t *rows,
                       int64_t *columns) {
  *rows = fp_divide_up(run->out[1], fp_conv_phases(conv, 1));
  *columns = fp_divide_up(run->out[2], fp_conv_phases(conv, 2));
}

/// Positions of k's offsets that one task can need.
static int64_t most_blocks(const fp_conv *conv) {
  return conv->kernel[0] * conv->kernel[1] * conv->kernel[2];
}

static int64_t padded_columns(const fp_conv_frame *frame) {
  return frame->left + frame->width + frame->right;
}

/// Whether tiles that run over the border's columns are fewer than tiles that end with each row.
static bool spanning_pays(const fp_conv *conv, const fp_conv_run *run, int64_t band_rows,
                          int64_t columns, int64_t tile_rows) {
  const bool unit_steps = conv->transposed || (conv->stride[1] == 1 && conv->stride[2] == 1);
  if (!unit_steps || band_rows <= 1)
    return false;
  const int64_t spanned = (band_rows - 1) * padded_columns(&run->frame) + columns;
  return fp_divide_up(spanned, tile_rows) < band_rows * fp_divide_up(columns, tile_rows);
}

/// Input positions that some output columns of a folded kernel meet.
static int64_t folded_positions(const fp_conv *conv, int64_t columns) {
  return (columns - 1) * conv->stride[2] + (conv->kernel[2] - 1) * conv->dilation[2] + 1;
}

fp_conv_plan fp_conv_plan_for(const fp_kernels *kernels, const fp_conv *conv,
                              const fp_conv_run *run) {
  const fp_conv_layout layout = fp_conv_layout_of(kernels, conv);
  const fp_tile_kernels *tile = &kernels->matmul.tile[conv->compute];
  fp_conv_plan plan = {0};
  int64_t rows, columns;
  phase_size(conv, run, &rows, &columns);
  if (rows == 0 || columns == 0 || run->out[0] == 0)
    return plan;
  plan.column_bands = fp_divide_up(columns, 2 * task_positions);
  plan.band_columns = fp_divide_up(columns, plan.column_bands);
  if (plan.column_bands > 1)
    plan.band_columns = fp_round_up(plan.band_columns, tile->rows);
  plan.column_bands = fp_divide_up(columns, plan.band_columns);
  plan.band_rows = fp_most(1, task_positions / plan.band_columns);
  plan.bands = fp_divide_up(rows, plan.band_rows);
  plan.band_rows = fp_divide_up(rows, plan.bands);
  plan.bands = fp_divide_up(rows, plan.band_rows);

  const int64_t phases = fp_conv_phases(conv, 1) * fp_conv_phases(conv, 2);
  const int64_t places = run->out[0] * phases * layout.planes * plan.bands * plan.column_bands;
  plan.panel_sets = fp_least(layout.panels, fp_divide_up(wanted_tasks, places));
  plan.panels_per_task = fp_divide_up(layout.panels, plan.panel_sets);
  plan.panel_sets = fp_divide_up(layout.panels, plan.panels_per_task);
  plan.tasks = places * plan.panel_sets;

  const size_t offsets = (size_t)fp_round_up(most_blocks(conv) * 8, FP_ALIGNMENT);
  if (layout.depthwise) {
    const int64_t sums = fp_most(depthwise_floats, layout.words);
    plan.scratch_bytes = offsets + (size_t)sums * 4;
    return plan;
  }
  if (layout.fold > 1) {
    const int64_t positions = fp_round_up(folded_positions(conv, plan.band_columns), tile->rows);
    plan.scratch_bytes = offsets + (size_t)((positions + plan.band_columns) * folded_row);
    return plan;
  }
  plan.spanning = plan.column_bands == 1 &&
                  spanning_pays(conv, run, plan.band_rows, columns, tile->rows);
  const int64_t line = plan.spanning ? (plan.band_rows - 1) * padded_columns(&run->frame) + columns
                                     : plan.band_columns;
  const int64_t tiles =
      fp_divide_up(line, tile->rows) * (plan.spanning ? 1 : plan.band_rows);
  plan.scratch_bytes = offsets + (size_t)(tiles * tile->rows * tile->lanes * 4);
  return plan;
}

// MARK: One task

/// What a task computes and from where: indices count positions within its phase.
typedef struct conv_site {
  fp_conv_layout layout;
  fp_conv_taps taps[3];
  fp_conv_walk walk[3];
  int64_t phase[3], group;
  int64_t row, rows, column, columns, panel, panels;
  // Input: blocks of k, with their offsets from `a`, which stands at the task's first position.
  const char *a;
  ptrdiff_t *offsets;
  int64_t batch, first_block; // blocks that meet a frame, and those of the weights before them
  fp_conv_blocks blocks;
  ptrdiff_t position_step, row_step; // bytes between neighbouring positions and rows
  // Output
  fp_epilogue epilogue; // at the task's first position
  int64_t row_positions; // positions of Y between neighbouring rows of the phase
} conv_site;

static ptrdiff_t shifted(const void *pointer, ptrdiff_t bytes) {
  return (ptrdiff_t)pointer + bytes;
}

/// Reads the task's number: frame, phase, group, band, columns, panels, the last fastest.
static int64_t read_task(const fp_conv *conv, const fp_conv_run *run, const fp_conv_plan *plan,
                         int64_t task, conv_site *site) {
  const int64_t panel_set = task % plan->panel_sets;
  task /= plan->panel_sets;
  const int64_t column_band = task % plan->column_bands;
  task /= plan->column_bands;
  const int64_t band = task % plan->bands;
  task /= plan->bands;
  site->group = task % site->layout.planes;
  task /= site->layout.planes;
  for (int axis = 2; axis >= 1; axis--) {
    site->phase[axis] = task % fp_conv_phases(conv, axis);
    task /= fp_conv_phases(conv, axis);
  }
  const int64_t frame = task;
  site->phase[0] = (frame + run->pad[0]) % fp_conv_phases(conv, 0);
  for (int axis = 0; axis < 3; axis++) {
    site->taps[axis] = fp_conv_depth_taps(conv, &site->layout, axis, site->phase[axis]);
    site->walk[axis] =
        fp_conv_walk_of(conv, axis, site->phase[axis], run->pad[axis], run->out[axis]);
  }
  site->row = band * plan->band_rows;
  site->rows = fp_least(plan->band_rows, site->walk[1].count - site->row);
  site->column = column_band * plan->band_columns;
  site->columns = fp_least(plan->band_columns, site->walk[2].count - site->column);
  site->panel = panel_set * plan->panels_per_task;
  site->panels = fp_least(plan->panels_per_task, site->layout.panels - site->panel);
  return frame;
}

/// Finds the task's blocks of k: frames outside of the run are zero and left out.
static void find_input(const fp_conv_run *run, int64_t frame, conv_site *site) {
  const fp_conv_taps *taps = site->taps;
  const fp_conv_walk *walk = site->walk;
  const ptrdiff_t pixel = site->layout.pixel;
  const ptrdiff_t row = fp_conv_row_bytes(&site->layout, &run->frame);
  site->position_step = walk[2].in_step * pixel;
  site->row_step = walk[1].in_step * row;
  site->blocks = fp_conv_blocks_of(&site->layout, &taps[2]);
  site->a = NULL;
  site->batch = 0;
  site->first_block = 0;
  const int64_t index = (frame - walk[0].out) / walk[0].out_step;
  const int64_t first_frame = walk[0].in + index * walk[0].in_step + taps[0].delta;
  const int64_t row_blocks = taps[1].count * site->blocks.per_row;
  if (row_blocks == 0 || taps[2].count == 0)
    return;
  for (int64_t t = 0; t < taps[0].count; t++) {
    const int64_t source = first_frame + t * taps[0].delta_step;
    if (source < 0 || source >= run->frame_count)
      continue;
    const char *plane = (const char *)run->frames[source] +
                        site->group * fp_conv_plane_bytes(&site->layout, &run->frame);
    if (site->a == NULL) {
      site->a = plane;
      site->first_block = t * row_blocks;
    }
    for (int64_t y = 0; y < taps[1].count; y++)
      for (int64_t x = 0; x < site->blocks.per_row; x++)
        site->offsets[site->batch++] = shifted(plane, 0) - shifted(site->a, 0) +
                                       y * taps[1].delta_step * row +
                                       x * taps[2].delta_step * pixel;
  }
  if (site->a != NULL) {
    const int64_t y = run->frame.top + walk[1].in + site->row * walk[1].in_step + taps[1].delta;
    const int64_t x =
        run->frame.left + walk[2].in + site->column * walk[2].in_step + taps[2].delta;
    site->a += y * row + x * pixel;
  }
}

/// Moves an epilogue on by some positions of Y.
static fp_epilogue moved(const fp_epilogue *epilogue, int64_t positions) {
  fp_epilogue result = *epilogue;
  result.y = (char *)epilogue->y + positions * epilogue->y_row;
  if (epilogue->factor)
    result.factor = (const char *)epilogue->factor + positions * epilogue->factor_row;
  if (epilogue->residual)
    result.residual = (const char *)epilogue->residual + positions * epilogue->residual_row;
  return result;
}

static void find_output(const fp_conv_run *run, int64_t frame, conv_site *site) {
  fp_epilogue epilogue = run->epilogue;
  epilogue.y = (char *)epilogue.y + frame * run->y_frame;
  if (epilogue.factor)
    epilogue.factor = (const char *)epilogue.factor + frame * run->factor_frame;
  if (epilogue.residual)
    epilogue.residual = (const char *)epilogue.residual + frame * run->residual_frame;
  const fp_conv_walk *rows = &site->walk[1], *columns = &site->walk[2];
  const int64_t y = rows->out + site->row * rows->out_step;
  const int64_t x = columns->out + site->column * columns->out_step;
  site->epilogue = moved(&epilogue, y * run->out[2] + x);
  site->row_positions = rows->out_step * run->out[2];
}

/// The epilogue at a row and column of the task, whose rows are the phase's positions.
static fp_epilogue epilogue_at(const conv_site *site, int64_t row, int64_t column) {
  const int64_t step = site->walk[2].out_step;
  fp_epilogue result = moved(&site->epilogue, row * site->row_positions + column * step);
  result.y_row *= step;
  result.factor_row *= step;
  result.residual_row *= step;
  return result;
}

/// Stores the positions begin ..< begin + count of a line that starts at `row`; a spanning line
/// has `pitch` positions to a row, those past the output's columns being of no use.
static void store_line(const fp_kernels *kernels, const conv_site *site, int64_t row,
                       int64_t pitch, int64_t begin, int64_t count, fp_store_args *store) {
  const char *sums = store->c;
  int64_t position = begin;
  while (position < begin + count) {
    const int64_t line_row = position / pitch, column = position % pitch;
    const int64_t end = fp_least(begin + count, (line_row + 1) * pitch);
    const int64_t valid = fp_least(end - position, site->columns - column);
    if (valid > 0) {
      const fp_epilogue epilogue = epilogue_at(site, row + line_row, column);
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
static conv_pass pass_at(const conv_site *site, int64_t most, int64_t block, int64_t group) {
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

/// Multiplies one line of positions, and stores it after the last pass.
static void multiply_line(const fp_kernels *kernels, const fp_tile_kernels *tile,
                          const conv_site *site, const conv_pass *pass, const char *weights,
                          int64_t row, int64_t positions, int64_t pitch, fp_store_args *store,
                          char *sums, bool keep) {
  const int64_t lanes = store->c_row / 4;
  const char *a = site->a + row * site->row_step + pass->group * 4;
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
    if (pass->last) {
      store->c = sums;
      store_line(kernels, site, row, pitch, position, rows, store);
    }
    if (keep)
      sums += tile->rows * store->c_row;
  }
}

static void perform_panel(const fp_kernels *kernels, const fp_tile_kernels *tile,
                          const fp_conv_run *run, const fp_conv_plan *plan, const conv_site *site,
                          const char *weights, int64_t panel, char *sums) {
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
  const int64_t most =
      fp_most(FP_CHUNK_GROUPS, pass_bytes / (lanes * 4) / FP_CHUNK_GROUPS * FP_CHUNK_GROUPS);
  const int64_t pitch = plan->spanning ? padded_columns(&run->frame) : site->columns;
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
    const char *first = sums + column * conv->stride[2] * folded_row;
    float *total = (float *)(target + column * folded_row);
    memcpy(total, first, (size_t)lanes * 4);
    for (int64_t x = 1; x < conv->kernel[2]; x++) {
      const float *part = (const float *)(first + x * conv->dilation[2] * folded_row) + x * lanes;
      for (int64_t lane = 0; lane < lanes; lane++)
        total[lane] += part[lane];
    }
  }
}

/// Few output channels: sums of every input position, then those of the columns added up.
static void perform_folded(const fp_kernels *kernels, const fp_tile_kernels *tile,
                           const fp_conv *conv, const conv_site *site, const char *weights,
                           char *sums) {
  const int64_t lanes = site->layout.lanes;
  const int64_t positions = folded_positions(conv, site->columns);
  char *totals = sums + fp_round_up(positions, tile->rows) * folded_row;
  for (int64_t row = 0; row < site->rows; row++) {
    for (int64_t position = 0; position < positions; position += tile->rows) {
      const fp_tile_args args = {
          .a = site->a + row * site->row_step + position * site->layout.pixel,
          .a_offsets = site->offsets,
          .a_row = site->layout.pixel,
          .a_chunk = FP_ALIGNMENT,
          .b = weights + site->first_block * site->blocks.words * folded_row,
          .c = sums + position * folded_row,
          .c_row = folded_row,
          .batch = (int)site->batch,
          .groups = (int)site->blocks.words,
          .rows = (int)fp_least(tile->rows, positions - position),
          .lanes = 16,
      };
      tile->multiply(&args);
    }
    add_columns(conv, lanes, sums, site->columns, totals);
    const fp_epilogue epilogue = epilogue_at(site, row, 0);
    const fp_store_args store = {.c = totals,
                                 .c_row = folded_row,
                                 .lane = site->group * lanes,
                                 .rows = (int)site->columns,
                                 .lanes = (int)lanes};
    kernels->matmul.store(&epilogue, &store);
  }
}

/// Depthwise: positions by turns, all channels of each, then the epilogue.
static void perform_depthwise(const fp_kernels *kernels, const conv_site *site,
                              const float *weights, float *sums) {
  const int64_t channels = site->layout.words;
  const int64_t turn = fp_most(1, depthwise_floats / channels);
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
      const fp_epilogue epilogue = epilogue_at(site, row, column);
      const fp_store_args store = {.c = sums,
                                   .c_row = channels * 4,
                                   .rows = (int)positions,
                                   .lanes = (int)site->layout.lanes};
      kernels->matmul.store(&epilogue, &store);
    }
}

void fp_conv_perform(const fp_kernels *kernels, const fp_conv *conv, const fp_conv_run *run,
                     const fp_conv_plan *plan, int64_t task, void *scratch) {
  conv_site site = {.layout = fp_conv_layout_of(kernels, conv), .offsets = scratch};
  char *sums =
      (char *)scratch + fp_round_up(most_blocks(conv) * (int64_t)sizeof(ptrdiff_t), FP_ALIGNMENT);
  const int64_t frame = read_task(conv, run, plan, task, &site);
  if (site.rows <= 0 || site.columns <= 0)
    return;
  find_input(run, frame, &site);
  find_output(run, frame, &site);
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
