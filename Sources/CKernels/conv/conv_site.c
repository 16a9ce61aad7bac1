// What one task computes: its output positions, and where its input and output lie.
#include "conv_internal.h"

/// Reads the task's number: frame, phase, group, band, columns, panels, the last fastest.
static int64_t read_task(const fp_conv *conv, const fp_conv_run *run, const fp_conv_plan *plan,
                         int64_t task, fp_conv_site *site) {
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
static void find_input(const fp_conv_run *run, int64_t frame, fp_conv_site *site) {
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
        site->offsets[site->batch++] = (intptr_t)plane - (intptr_t)site->a +
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

static void find_output(const fp_conv_run *run, int64_t frame, fp_conv_site *site) {
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

fp_epilogue fp_conv_epilogue_at(const fp_conv_site *site, int64_t row, int64_t column) {
  const int64_t step = site->walk[2].out_step;
  fp_epilogue result = moved(&site->epilogue, row * site->row_positions + column * step);
  result.y_row *= step;
  result.factor_row *= step;
  result.residual_row *= step;
  return result;
}

bool fp_conv_find_site(const fp_kernels *kernels, const fp_conv *conv, const fp_conv_run *run,
                       const fp_conv_plan *plan, int64_t task, ptrdiff_t *offsets,
                       fp_conv_site *site) {
  site->layout = fp_conv_layout_of(kernels, conv);
  site->offsets = offsets;
  const int64_t frame = read_task(conv, run, plan, task, site);
  if (site->rows <= 0 || site->columns <= 0)
    return false;
  find_input(run, frame, site);
  find_output(run, frame, site);
  return true;
}
