// The loops of a Winograd convolution: tiles of pixels to points, products, points to outputs.
#include "../conv/conv_internal.h"
#include "../matmul/matmul_internal.h"
#include "fp_winograd.h"
#include "winograd_constants.h"

#include <string.h>

bool fp_winograd_serves(const fp_conv *conv) {
  for (int axis = 0; axis < 3; axis++)
    if (conv->stride[axis] != 1 || conv->dilation[axis] != 1 ||
        conv->kernel[axis] != (axis == 0 ? 1 : 3))
      return false;
  return conv->compute == FP_COMPUTE_F32 && !conv->transposed && conv->upsample == 1 &&
         conv->groups == 1 && conv->in_channels >= 16 && conv->out_channels >= 16;
}

bool fp_winograd_pays(int64_t rows, int64_t columns) {
  const int64_t tiles =
      fp_divide_up(rows, FP_WINOGRAD_OUT) * fp_divide_up(columns, FP_WINOGRAD_OUT);
  // Few tiles do not make up for four times the weights, nor do tiles that reach far outside.
  return tiles >= 16 && 6 * tiles <= rows * columns;
}

// MARK: Weights

int64_t fp_winograd_pack_units(const fp_kernels *kernels, const fp_conv *conv) {
  return fp_conv_layout_of(kernels, conv).panels;
}

/// Floats in front of a panel's weights.
static int64_t panel_offset(const fp_conv *conv, const fp_conv_layout *layout, int64_t panel) {
  return 16 * fp_conv_panel_unit(layout, panel) * FP_WINOGRAD_POINTS * conv->in_channels;
}

size_t fp_winograd_packed_bytes(const fp_kernels *kernels, const fp_conv *conv) {
  const fp_conv_layout layout = fp_conv_layout_of(kernels, conv);
  return (size_t)panel_offset(conv, &layout, layout.panels) * 4;
}

/// One axis of the weights' transform: g[3], `step` apart, to w[6], `step` apart as well.
static void transform_weights(const double *g, int step, double *w) {
  const double a = FP_WINOGRAD_A, b = FP_WINOGRAD_B;
  const double even_a = g[0] + 0.5 * g[2 * step], odd_a = a * g[step];
  const double even_b = g[0] + 2 * g[2 * step], odd_b = b * g[step];
  w[0] = g[0];
  w[step] = (even_a + odd_a) / -1.5;
  w[2 * step] = (even_a - odd_a) / -1.5;
  w[3 * step] = (even_b + odd_b) / 6;
  w[4 * step] = (even_b - odd_b) / 6;
  w[5 * step] = g[2 * step];
}

void fp_winograd_pack(const fp_kernels *kernels, const fp_conv *conv, const void *weights,
                      fp_dtype type, int64_t unit, void *packed) {
  const fp_conv_layout layout = fp_conv_layout_of(kernels, conv);
  const int64_t first = 16 * fp_conv_panel_unit(&layout, unit);
  const int64_t lanes = 16 * fp_conv_panel_unit(&layout, unit + 1) - first;
  float *target = (float *)packed + panel_offset(conv, &layout, unit);
  for (int64_t channel = 0; channel < conv->in_channels; channel++)
    for (int64_t lane = 0; lane < lanes; lane++) {
      double g[9] = {0}, rows[18], points[FP_WINOGRAD_POINTS];
      const int64_t pair = (first + lane) * conv->in_channels + channel;
      for (int tap = 0; tap < 9 && first + lane < conv->out_channels; tap++)
        g[tap] = fp_element(weights, type, (size_t)(pair * 9 + tap));
      for (int column = 0; column < 3; column++)
        transform_weights(g + column, 3, rows + column);
      for (int row = 0; row < 6; row++) {
        const double *across = rows + 3 * row;
        double w[6];
        transform_weights(across, 1, w);
        memcpy(points + 6 * row, w, sizeof w);
      }
      for (int point = 0; point < FP_WINOGRAD_POINTS; point++)
        target[(point * conv->in_channels + channel) * lanes + lane] = (float)points[point];
    }
}

// MARK: Plan

enum {
  input_bytes = 1200 << 10, // of a task's points, about a core's second-level cache
  least_tiles = 16,         // of a task: the weights come past once for them
  most_tiles = 32,
  wanted_tasks = 32, // below that the panels of lanes are shared out too, each set's tasks
                     // transforming the same pixels
  stored_tiles = 8,  // outputs that are on their way at a time
};

static int64_t chunks_of(const fp_conv *conv) { return fp_divide_up(conv->in_channels, 16); }

/// Bytes between the points of a task's pixels and of its sums: a line more than they take, lest
/// the 36 lines of a vector fall into few sets of the cache.
static int64_t input_point(const fp_conv *conv, const fp_winograd_plan *plan) {
  return (plan->tiles_per_task * chunks_of(conv) + 1) * FP_ALIGNMENT;
}
static int64_t sum_point(const fp_tile_kernels *tile, const fp_winograd_plan *plan) {
  return plan->tiles_per_task * tile->lanes * 4 + FP_ALIGNMENT;
}

fp_winograd_plan fp_winograd_plan_for(const fp_kernels *kernels, const fp_conv *conv,
                                      const fp_winograd_run *run) {
  const fp_conv_layout layout = fp_conv_layout_of(kernels, conv);
  const fp_tile_kernels *tile = &kernels->matmul.tile[FP_COMPUTE_F32];
  fp_winograd_plan plan = {
      .tile_rows = fp_divide_up(run->out[0], FP_WINOGRAD_OUT),
      .tile_columns = fp_divide_up(run->out[1], FP_WINOGRAD_OUT),
  };
  plan.tiles = run->frame_count * plan.tile_rows * plan.tile_columns;
  if (plan.tiles == 0)
    return plan;
  const int64_t tile_bytes = FP_WINOGRAD_POINTS * chunks_of(conv) * FP_ALIGNMENT;
  const int64_t fitting =
      fp_least(most_tiles, fp_most(least_tiles, input_bytes / tile_bytes));
  const int64_t blocks = fp_divide_up(plan.tiles, fitting);
  plan.tiles_per_task = fp_round_up(fp_divide_up(plan.tiles, blocks), tile->rows);
  const int64_t places = fp_divide_up(plan.tiles, plan.tiles_per_task);
  plan.panel_sets = fp_least(layout.panels, fp_divide_up(wanted_tasks, places));
  plan.panels_per_task = fp_divide_up(layout.panels, plan.panel_sets);
  plan.panel_sets = fp_divide_up(layout.panels, plan.panels_per_task);
  plan.tasks = places * plan.panel_sets;
  plan.scratch_bytes =
      (size_t)(FP_WINOGRAD_POINTS * (input_point(conv, &plan) + sum_point(tile, &plan)) +
               16 * stored_tiles * tile->lanes * 4);
  return plan;
}

// MARK: Tasks

/// A tile's place: its frame, and its first output's row and column.
typedef struct tile_place {
  int64_t frame, row, column;
} tile_place;

static tile_place place_of(const fp_winograd_plan *plan, int64_t tile) {
  const int64_t in_frame = tile % (plan->tile_rows * plan->tile_columns);
  return (tile_place){tile / (plan->tile_rows * plan->tile_columns),
                      in_frame / plan->tile_columns * FP_WINOGRAD_OUT,
                      in_frame % plan->tile_columns * FP_WINOGRAD_OUT};
}

/// The part of a tile's six inputs from `first` on that lies in 0 ..< size.
static void clip(int64_t first, int64_t size, int *begin, int *end) {
  *begin = (int)fp_least(FP_WINOGRAD_IN, fp_most(0, -first));
  *end = (int)fp_most(*begin, fp_least(FP_WINOGRAD_IN, size - first));
}

/// Transforms the pixels of the tiles begin ..< begin + count to
/// [point][group of the product's rows][chunk of channels][row].
static void transform_pixels(const fp_kernels *kernels, const fp_conv *conv,
                             const fp_winograd_run *run, const fp_winograd_plan *plan,
                             int64_t begin, int64_t count, char *target) {
  const int64_t rows = kernels->matmul.tile[FP_COMPUTE_F32].rows;
  fp_winograd_input_args args = {
      .row = run->row,
      .pixel = run->pixel,
      .channels = conv->in_channels,
      .multiply = run->multiply,
      .add = run->add,
      .rectify = run->rectify,
      .point = input_point(conv, plan),
      .chunk = rows * FP_ALIGNMENT,
  };
  for (int64_t i = 0; i < count; i++) {
    const tile_place place = place_of(plan, begin + i);
    const int64_t row = place.row - run->pad[0], column = place.column - run->pad[1];
    clip(row, run->height, &args.row_begin, &args.row_end);
    clip(column, run->width, &args.column_begin, &args.column_end);
    args.source = (const void *)((intptr_t)run->frames[place.frame] + row * run->row +
                                 column * run->pixel);
    args.target =
        target + i / rows * chunks_of(conv) * args.chunk + i % rows * FP_ALIGNMENT;
    kernels->winograd.input(&args);
  }
}

/// The sums of `count` tiles at all points, for one panel: [point][tile][lanes].
static void multiply_points(const fp_tile_kernels *tile, const fp_conv *conv,
                            const fp_winograd_plan *plan, const char *points, const char *weights,
                            int64_t lanes, int64_t count, char *sums) {
  const int64_t chunk = tile->rows * FP_ALIGNMENT;
  for (int point = 0; point < FP_WINOGRAD_POINTS; point++)
    for (int64_t first = 0; first < count; first += tile->rows) {
      const fp_tile_args args = {
          .a = points + point * input_point(conv, plan) +
               first / tile->rows * chunks_of(conv) * chunk,
          .a_row = FP_ALIGNMENT,
          .a_chunk = chunk,
          .b = weights + point * conv->in_channels * lanes * 4,
          .c = sums + point * sum_point(tile, plan) + first * lanes * 4,
          .c_row = lanes * 4,
          .batch = 1,
          .groups = (int)conv->in_channels,
          .rows = (int)fp_least(tile->rows, count - first),
          .lanes = (int)lanes,
      };
      tile->multiply(&args);
    }
}

/// Stores the outputs of `count` tiles side by side, which begin at a place.
static void store_outputs(const fp_kernels *kernels, const fp_winograd_run *run, tile_place place,
                          int64_t count, const char *outputs, int64_t output_row,
                          fp_store_args *store) {
  const int64_t columns =
      fp_least(count * FP_WINOGRAD_OUT, run->out[1] - place.column);
  const int64_t rows = fp_least(FP_WINOGRAD_OUT, run->out[0] - place.row);
  for (int64_t row = 0; row < rows; row++) {
    const int64_t position = (place.row + row) * run->out[1] + place.column;
    fp_epilogue epilogue = run->epilogue;
    epilogue.y = (char *)epilogue.y + place.frame * run->y_frame + position * epilogue.y_row;
    if (epilogue.residual)
      epilogue.residual = (const char *)epilogue.residual + place.frame * run->residual_frame +
                          position * epilogue.residual_row;
    store->c = outputs + row * output_row;
    store->rows = (int)columns;
    kernels->matmul.store(&epilogue, store);
  }
}

/// Transforms the sums of the tiles begin ..< begin + count back and stores them.
static void transform_sums(const fp_kernels *kernels, const fp_winograd_run *run,
                           const fp_winograd_plan *plan, int64_t begin, int64_t count,
                           const char *sums, int64_t point, char *outputs, fp_store_args *store) {
  fp_winograd_output_args args = {
      .point = point,
      .lanes = store->c_row / 4,
      .row = stored_tiles * FP_WINOGRAD_OUT * store->c_row,
      .column = store->c_row,
  };
  int64_t tile = begin;
  while (tile < begin + count) {
    const tile_place place = place_of(plan, tile);
    const int64_t left = plan->tile_columns - place.column / FP_WINOGRAD_OUT;
    const int64_t together =
        fp_least(stored_tiles, fp_least(left, begin + count - tile));
    for (int64_t i = 0; i < together; i++) {
      args.sums = sums + (tile - begin + i) * store->c_row;
      args.target = outputs + i * FP_WINOGRAD_OUT * store->c_row;
      kernels->winograd.output(&args);
    }
    store_outputs(kernels, run, place, together, outputs, args.row, store);
    tile += together;
  }
}

void fp_winograd_perform(const fp_kernels *kernels, const fp_conv *conv,
                         const fp_winograd_run *run, const fp_winograd_plan *plan, int64_t task,
                         void *scratch) {
  const fp_conv_layout layout = fp_conv_layout_of(kernels, conv);
  const fp_tile_kernels *tile = &kernels->matmul.tile[FP_COMPUTE_F32];
  const int64_t begin = task / plan->panel_sets * plan->tiles_per_task;
  const int64_t count = fp_least(plan->tiles_per_task, plan->tiles - begin);
  const int64_t first_panel = task % plan->panel_sets * plan->panels_per_task;
  const int64_t end_panel = fp_least(first_panel + plan->panels_per_task, layout.panels);
  char *sums = (char *)scratch + FP_WINOGRAD_POINTS * input_point(conv, plan);
  char *outputs = sums + FP_WINOGRAD_POINTS * sum_point(tile, plan);
  transform_pixels(kernels, conv, run, plan, begin, count, scratch);
  for (int64_t panel = first_panel; panel < end_panel; panel++) {
    const int64_t lane = 16 * fp_conv_panel_unit(&layout, panel);
    const int64_t lanes = 16 * fp_conv_panel_unit(&layout, panel + 1) - lane;
    const float *weights = (const float *)run->weights + panel_offset(conv, &layout, panel);
    multiply_points(tile, conv, plan, scratch, (const char *)weights, lanes, count, sums);
    fp_store_args store = {
        .c_row = lanes * 4,
        .lane = lane,
        .lanes = (int)fp_least(lanes, layout.lanes - lane),
    };
    transform_sums(kernels, run, plan, begin, count, sums, sum_point(tile, plan), outputs, &store);
  }
  tile->finish();
}
