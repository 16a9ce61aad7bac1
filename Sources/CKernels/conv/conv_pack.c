// Weights from a checkpoint's order to the order in which the tile kernels read them.
#include "conv_internal.h"

#include <string.h>

size_t fp_conv_packed_bytes(const fp_kernels *kernels, const fp_conv *conv) {
  const fp_conv_layout layout = fp_conv_layout_of(kernels, conv);
  return (size_t)fp_conv_weights_offset(conv, &layout, NULL, 0);
}

static int64_t phase_count(const fp_conv *conv) {
  return fp_conv_phases(conv, 0) * fp_conv_phases(conv, 1) * fp_conv_phases(conv, 2);
}

int64_t fp_conv_pack_units(const fp_kernels *kernels, const fp_conv *conv) {
  const fp_conv_layout layout = fp_conv_layout_of(kernels, conv);
  return layout.depthwise ? 1 : phase_count(conv) * layout.planes * layout.panels;
}

size_t fp_conv_pack_scratch_bytes(const fp_kernels *kernels, const fp_conv *conv) {
  const fp_conv_layout layout = fp_conv_layout_of(kernels, conv);
  const int64_t lanes = layout.depthwise ? 0 : kernels->matmul.tile[conv->compute].lanes;
  return (size_t)(lanes * conv->kernel[2] * layout.pixel + FP_ALIGNMENT);
}

static void pack_depthwise(const fp_conv *conv, const fp_conv_layout *layout, const void *weights,
                           fp_dtype type, float *packed) {
  const int64_t taps = conv->kernel[0] * conv->kernel[1] * conv->kernel[2];
  memset(packed, 0, (size_t)(taps * layout->pixel));
  for (int64_t channel = 0; channel < layout->channels; channel++)
    for (int64_t tap = 0; tap < taps; tap++)
      fp_conv_set_element(packed, FP_F32, conv->compute == FP_COMPUTE_BF16,
                          tap * layout->words + channel,
                          fp_element(weights, type, channel * taps + tap));
}

/// What one unit packs: a panel of lanes of one group in one phase.
typedef struct pack_unit {
  int64_t phase[3], group, lane, lanes, valid;
  fp_conv_taps taps[3];
} pack_unit;

static pack_unit unit_at(const fp_conv *conv, const fp_conv_layout *layout, int64_t index) {
  pack_unit unit;
  const int64_t panel = index % layout->panels;
  index /= layout->panels;
  unit.group = index % layout->planes;
  index /= layout->planes;
  for (int axis = 2; axis >= 0; axis--) {
    unit.phase[axis] = index % fp_conv_phases(conv, axis);
    index /= fp_conv_phases(conv, axis);
    unit.taps[axis] = fp_conv_depth_taps(conv, layout, axis, unit.phase[axis]);
  }
  unit.lane = 16 * fp_conv_panel_unit(layout, panel);
  unit.lanes = 16 * fp_conv_panel_unit(layout, panel + 1) - unit.lane;
  unit.valid = fp_least(unit.lanes, layout->lanes * layout->fold - unit.lane);
  return unit;
}

/// Taps of the kernel that are added up for one tap of a phase.
typedef struct tap_range {
  int64_t begin, end;
} tap_range;

static tap_range kernel_taps(const fp_conv *conv, const pack_unit *unit, int axis, int64_t index) {
  const fp_conv_taps *taps = &unit->taps[axis];
  const int64_t first = taps->first_tap + index * taps->tap_step;
  return (tap_range){fp_most(first, 0), fp_least(first + taps->merged, conv->kernel[axis])};
}

/// Gathers one block as rows of lanes: `columns` taps from `column` on, all channels of each.
static void gather_block(const fp_conv *conv, const fp_conv_layout *layout, const pack_unit *unit,
                         const void *weights, fp_dtype type, int64_t frame_tap, tap_range rows,
                         int64_t column, int64_t columns, char *target) {
  const int64_t taps = conv->kernel[0] * conv->kernel[1] * conv->kernel[2];
  const bool round = conv->compute == FP_COMPUTE_BF16;
  memset(target, 0, (size_t)(unit->valid * columns * layout->pixel));
  for (int64_t lane = 0; lane < unit->valid; lane++) {
    const int64_t out = (unit->lane + lane) % layout->lanes; // within the group
    for (int64_t j = 0; j < columns; j++) {
      const int64_t folded = (unit->lane + lane) / layout->lanes;
      const tap_range column_taps = layout->fold > 1
                                        ? (tap_range){folded, folded + 1}
                                        : kernel_taps(conv, unit, 2, column + j);
      char *place = target + (lane * columns + j) * layout->pixel;
      for (int64_t channel = 0; channel < layout->channels; channel++) {
        const int64_t pair =
            conv->transposed
                ? (unit->group * layout->channels + channel) * layout->lanes + out
                : (unit->group * layout->lanes + out) * layout->channels + channel;
        float sum = 0;
        for (int64_t y = rows.begin; y < rows.end; y++)
          for (int64_t x = column_taps.begin; x < column_taps.end; x++)
            sum += fp_element(weights, type,
                        pair * taps + (frame_tap * conv->kernel[1] + y) * conv->kernel[2] + x);
        fp_conv_set_element(place, layout->storage, round, channel, sum);
      }
    }
  }
}

void fp_conv_pack(const fp_kernels *kernels, const fp_conv *conv, const void *weights,
                  fp_dtype type, int64_t index, void *packed, void *scratch) {
  const fp_conv_layout layout = fp_conv_layout_of(kernels, conv);
  if (layout.depthwise) {
    pack_depthwise(conv, &layout, weights, type, packed);
    return;
  }
  const fp_tile_kernels *tile = &kernels->matmul.tile[conv->compute];
  const pack_unit unit = unit_at(conv, &layout, index);
  const fp_conv_blocks blocks = fp_conv_blocks_of(&layout, &unit.taps[2]);
  const int64_t columns = blocks.per_row == 1 ? unit.taps[2].count : 1;
  const int64_t total =
      unit.taps[0].count * unit.taps[1].count * blocks.per_row * blocks.words * 4;
  char *target = (char *)packed + fp_conv_weights_offset(conv, &layout, unit.phase, unit.group) +
                 unit.lane * total;
  if (total == 0)
    return;
  for (int64_t t = 0; t < unit.taps[0].count; t++)
    for (int64_t y = 0; y < unit.taps[1].count; y++)
      for (int64_t x = 0; x < blocks.per_row; x++) {
        gather_block(conv, &layout, &unit, weights, type,
                     unit.taps[0].first_tap + t * unit.taps[0].tap_step,
                     kernel_taps(conv, &unit, 1, y), x, columns, scratch);
        const int64_t row = columns * layout.pixel;
        tile->pack_lanes(target, scratch, row, unit.valid, row / (4 / tile->group), (int)unit.lanes,
                         blocks.words);
        target += blocks.words * 4 * unit.lanes;
      }
}
