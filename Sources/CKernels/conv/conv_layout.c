// Which taps meet which outputs, and how channels, lanes and weights lie in memory.
#include "conv_internal.h"

bool fp_conv_is_depthwise(const fp_conv *conv) {
  return !conv->transposed && conv->upsample == 1 && conv->groups > 1 &&
         conv->groups == conv->in_channels && conv->groups == conv->out_channels;
}

int64_t fp_conv_phases(const fp_conv *conv, int axis) {
  return conv->transposed ? conv->stride[axis] : fp_conv_repeats(conv, axis);
}

static int64_t greatest_common_divisor(int64_t a, int64_t b) {
  while (b != 0) {
    const int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

fp_conv_taps fp_conv_taps_of(const fp_conv *conv, int axis, int64_t phase) {
  const int64_t kernel = conv->kernel[axis], stride = conv->stride[axis],
                dilation = conv->dilation[axis];
  const int64_t repeats = fp_conv_repeats(conv, axis);
  if (!conv->transposed && repeats > 1) // tap k reads pixel q + (phase + k) / repeats
    return (fp_conv_taps){(phase + kernel - 1) / repeats + 1, -phase, repeats, 0, 1, repeats};
  if (!conv->transposed)
    return (fp_conv_taps){kernel, 0, 1, 0, dilation, 1};
  // Output o meets input i through tap k where o + pad = i * stride + k * dilation: with
  // o + pad = q * stride + phase, i = q + (phase - k * dilation) / stride, a whole number.
  const int64_t step = stride / greatest_common_divisor(stride, dilation);
  int64_t first = 0;
  while (first < step && first < kernel && (first * dilation) % stride != phase)
    first++;
  if (first >= step || first >= kernel)
    return (fp_conv_taps){0, 0, 1, 0, 1, 1};
  const int64_t count = fp_divide_up(kernel - first, step);
  const int64_t last = first + (count - 1) * step; // the tap that reads the earliest input
  return (fp_conv_taps){count, last, -step, (phase - last * dilation) / stride,
                        step * dilation / stride, 1};
}

fp_conv_walk fp_conv_walk_of(const fp_conv *conv, int axis, int64_t phase, int64_t pad,
                             int64_t out) {
  const int64_t phases = fp_conv_phases(conv, axis);
  if (phases == 1 && !conv->transposed)
    return (fp_conv_walk){0, 1, -pad, conv->stride[axis], out};
  // Output o stands at o + pad (transposed) or o - pad = q * phases + phase, its input at q.
  const int64_t shift = conv->transposed ? pad : -pad;
  const int64_t first = ((phase - shift) % phases + phases) % phases;
  const int64_t count = first < out ? fp_divide_up(out - first, phases) : 0;
  return (fp_conv_walk){first, phases, (first + shift - phase) / phases, 1, count};
}

/// A few output channels would leave most of sixteen lanes idle. The columns of the kernel then
/// stand beside each other as lanes, each input position is multiplied once for all of them, and
/// the sums of a row are added up shifted: less work as long as a stride skips fewer positions.
static int64_t folded_columns(const fp_conv *conv) {
  const int64_t columns = conv->kernel[2];
  const bool fits = columns <= 16 && conv->out_channels / conv->groups * columns <= 16;
  const bool plain = !conv->transposed && conv->upsample == 1;
  return plain && fits && conv->stride[2] < columns ? columns : 1;
}

fp_conv_taps fp_conv_depth_taps(const fp_conv *conv, const fp_conv_layout *layout, int axis,
                                int64_t phase) {
  if (axis == 2 && layout->fold > 1)
    return (fp_conv_taps){1, 0, 1, 0, 1, 1};
  return fp_conv_taps_of(conv, axis, phase);
}

fp_conv_layout fp_conv_layout_of(const fp_kernels *kernels, const fp_conv *conv) {
  fp_conv_layout layout = {.depthwise = fp_conv_is_depthwise(conv), .fold = 1};
  if (layout.depthwise) {
    layout.storage = FP_F32;
    layout.planes = 1;
    layout.channels = conv->in_channels;
    layout.words = fp_round_up(layout.channels, 16);
    layout.lanes = conv->out_channels;
    layout.panels = 1;
  } else {
    const fp_tile_kernels *tile = &kernels->matmul.tile[conv->compute];
    layout.storage = tile->storage;
    layout.planes = conv->groups;
    layout.channels = conv->in_channels / conv->groups;
    layout.words = fp_divide_up(layout.channels, tile->group);
    layout.lanes = conv->out_channels / conv->groups;
    layout.fold = folded_columns(conv);
    layout.panels = fp_divide_up(layout.lanes, tile->lanes);
  }
  layout.lane_units = fp_divide_up(layout.lanes * layout.fold, 16);
  layout.pixel = layout.words * 4;
  return layout;
}

fp_conv_blocks fp_conv_blocks_of(const fp_conv_layout *layout, const fp_conv_taps *columns) {
  if (!layout->depthwise && (columns->delta_step == 1 || columns->count <= 1))
    return (fp_conv_blocks){columns->count * layout->words, 1};
  return (fp_conv_blocks){layout->words, columns->count};
}

/// Bytes of one group's weights in one phase.
static int64_t group_bytes(const fp_conv *conv, const fp_conv_layout *layout,
                           const int64_t phase[3]) {
  int64_t taps = 1;
  for (int axis = 0; axis < 3; axis++)
    taps *= fp_conv_depth_taps(conv, layout, axis, phase[axis]).count;
  const int64_t lanes = layout->depthwise ? 1 : layout->lane_units * 16;
  return taps * layout->words * 4 * lanes;
}

int64_t fp_conv_weights_offset(const fp_conv *conv, const fp_conv_layout *layout,
                               const int64_t phase[3], int64_t group) {
  int64_t offset = 0, place[3];
  for (place[0] = 0; place[0] < fp_conv_phases(conv, 0); place[0]++)
    for (place[1] = 0; place[1] < fp_conv_phases(conv, 1); place[1]++)
      for (place[2] = 0; place[2] < fp_conv_phases(conv, 2); place[2]++) {
        const int64_t bytes = group_bytes(conv, layout, place);
        if (phase != NULL && place[0] == phase[0] && place[1] == phase[1] && place[2] == phase[2])
          return offset + group * bytes;
        offset += layout->planes * bytes;
      }
  return offset;
}

fp_conv_frame fp_conv_frame_for(const fp_conv *conv, int64_t height, int64_t width,
                                const int64_t pad[3], const int64_t out[3]) {
  const int64_t size[3] = {0, height, width};
  int64_t before[3] = {0, 0, 0}, after[3] = {0, 0, 0};
  for (int axis = 1; axis < 3; axis++)
    for (int64_t phase = 0; phase < fp_conv_phases(conv, axis); phase++) {
      const fp_conv_taps taps = fp_conv_taps_of(conv, axis, phase);
      const fp_conv_walk walk = fp_conv_walk_of(conv, axis, phase, pad[axis], out[axis]);
      if (taps.count == 0 || walk.count == 0)
        continue;
      const int64_t first = walk.in + taps.delta;
      const int64_t last =
          first + (walk.count - 1) * walk.in_step + (taps.count - 1) * taps.delta_step;
      before[axis] = fp_most(before[axis], -first);
      after[axis] = fp_most(after[axis], last - (size[axis] - 1));
    }
  return (fp_conv_frame){height, width, before[1], after[1], before[2], after[2]};
}

size_t fp_conv_frame_bytes(const fp_kernels *kernels, const fp_conv *conv,
                           const fp_conv_frame *frame) {
  const fp_conv_layout layout = fp_conv_layout_of(kernels, conv);
  return (size_t)(layout.planes * fp_conv_plane_bytes(&layout, frame));
}

bool fp_conv_reads_in_place(const fp_kernels *kernels, const fp_conv *conv, fp_dtype type) {
  const fp_conv_layout layout = fp_conv_layout_of(kernels, conv);
  const bool rounds = conv->compute == FP_COMPUTE_BF16 && layout.storage == FP_F32;
  return layout.planes == 1 && layout.storage == type && !rounds &&
         layout.channels * (int64_t)fp_dtype_size(type) == layout.pixel;
}
