// How a convolution is cut into tasks, by its sizes alone.
#include "conv_internal.h"

/// Tasks below which the panels of lanes are shared out too.
enum { wanted_tasks = 128 };

/// Positions of a band, about: all weights come past for each band, at the pace of the tiles.
static int64_t band_positions(const fp_tile_kernels *tile) {
  return fp_most(256, 16 * tile->rows);
}

/// The sizes of the largest phase of a run, in positions.
static void phase_size(const fp_conv *conv, const fp_conv_run *run, int64_t *rows,
                       int64_t *columns) {
  *rows = fp_divide_up(run->out[1], fp_conv_phases(conv, 1));
  *columns = fp_divide_up(run->out[2], fp_conv_phases(conv, 2));
}

/// Whether tiles that run over the border's columns are fewer than tiles that end with each row.
static bool spanning_pays(const fp_conv *conv, const fp_conv_run *run, int64_t band_rows,
                          int64_t columns, int64_t tile_rows) {
  const bool unit_steps = conv->transposed || (conv->stride[1] == 1 && conv->stride[2] == 1);
  if (!unit_steps || band_rows <= 1)
    return false;
  const int64_t spanned = (band_rows - 1) * fp_conv_padded_columns(&run->frame) + columns;
  return fp_divide_up(spanned, tile_rows) < band_rows * fp_divide_up(columns, tile_rows);
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
  const int64_t positions = band_positions(tile);
  plan.column_bands = fp_divide_up(columns, fp_most(positions, 512));
  plan.band_columns = fp_divide_up(columns, plan.column_bands);
  if (plan.column_bands > 1)
    plan.band_columns = fp_round_up(plan.band_columns, tile->rows);
  plan.column_bands = fp_divide_up(columns, plan.band_columns);
  plan.band_rows = fp_most(1, positions / plan.band_columns);
  plan.bands = fp_divide_up(rows, plan.band_rows);
  plan.band_rows = fp_divide_up(rows, plan.bands);
  plan.bands = fp_divide_up(rows, plan.band_rows);

  const int64_t phases = fp_conv_phases(conv, 1) * fp_conv_phases(conv, 2);
  const int64_t places = run->out[0] * phases * layout.planes * plan.bands * plan.column_bands;
  plan.panel_sets = fp_least(layout.panels, fp_divide_up(wanted_tasks, places));
  plan.panels_per_task = fp_divide_up(layout.panels, plan.panel_sets);
  plan.panel_sets = fp_divide_up(layout.panels, plan.panels_per_task);
  plan.tasks = places * plan.panel_sets;

  const size_t offsets = (size_t)fp_conv_offset_bytes(conv);
  if (layout.depthwise) {
    const int64_t sums = fp_most(FP_CONV_DEPTHWISE_FLOATS, layout.words);
    plan.scratch_bytes = offsets + (size_t)sums * 4;
    return plan;
  }
  if (layout.fold > 1) {
    const int64_t sums =
        fp_round_up(fp_conv_folded_positions(conv, plan.band_columns), tile->rows);
    plan.scratch_bytes = offsets + (size_t)((sums + plan.band_columns) * FP_CONV_FOLDED_ROW);
    return plan;
  }
  plan.spanning = plan.column_bands == 1 &&
                  spanning_pays(conv, run, plan.band_rows, columns, tile->rows);
  const int64_t pitch = fp_conv_padded_columns(&run->frame);
  const int64_t line =
      plan.spanning ? (plan.band_rows - 1) * pitch + columns : plan.band_columns;
  const int64_t tiles =
      fp_divide_up(line, tile->rows) * (plan.spanning ? 1 : plan.band_rows);
  plan.scratch_bytes = offsets + (size_t)(tiles * tile->rows * tile->lanes * 4);
  return plan;
}
