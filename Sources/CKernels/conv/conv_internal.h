/// Geometry that packing, filling and multiplying share.
#ifndef FP_CONV_INTERNAL_H
#define FP_CONV_INTERNAL_H

#include "../elementwise/fp_element.h"
#include "../matmul/fp_sizes.h"
#include "fp_conv.h"
#include "fp_kernels.h"

/// The taps of one axis that meet the outputs of one phase, in the order of their inputs: tap
/// first_tap + j * tap_step reads the input `delta + j * delta_step` after the position's own. The
/// `merged` taps from there on read the same one, as far as the kernel has them.
typedef struct fp_conv_taps {
  int64_t count, first_tap, tap_step, delta, delta_step, merged;
} fp_conv_taps;

/// How often each input position counts along an axis.
static inline int64_t fp_conv_repeats(const fp_conv *conv, int axis) {
  return axis == 0 ? 1 : conv->upsample;
}

/// Residues of the output position that an axis tells apart.
int64_t fp_conv_phases(const fp_conv *conv, int axis);
fp_conv_taps fp_conv_taps_of(const fp_conv *conv, int axis, int64_t phase);

/// The outputs of one phase along one axis: output `out + i * out_step`, whose own input position
/// is `in + i * in_step`, for i in 0 ..< count.
typedef struct fp_conv_walk {
  int64_t out, out_step, in, in_step, count;
} fp_conv_walk;

fp_conv_walk fp_conv_walk_of(const fp_conv *conv, int axis, int64_t phase, int64_t pad,
                             int64_t out);

/// How channels lie in frames and lanes in panels.
typedef struct fp_conv_layout {
  bool depthwise;
  fp_dtype storage;
  int64_t planes;   // of a frame
  int64_t channels; // of a plane
  int64_t pixel;    // bytes of a plane's pixel: channels filled up to whole words
  int64_t words;    // of a pixel
  int64_t lanes;    // output channels of a group
  int64_t fold;     // columns of the kernel that stand side by side as lanes; 1: none
  int64_t lane_units, panels; // lanes in sixteens, shared out evenly among the panels
} fp_conv_layout;

fp_conv_layout fp_conv_layout_of(const fp_kernels *kernels, const fp_conv *conv);

/// The taps of an axis that k runs over: those of folded columns are lanes instead.
fp_conv_taps fp_conv_depth_taps(const fp_conv *conv, const fp_conv_layout *layout, int axis,
                                int64_t phase);

/// First sixteen of a panel.
static inline int64_t fp_conv_panel_unit(const fp_conv_layout *layout, int64_t panel) {
  return panel * layout->lane_units / layout->panels;
}

/// Words of k in one block (the taps of a kernel row that lie side by side, or one tap), and the
/// blocks of a kernel row.
typedef struct fp_conv_blocks {
  int64_t words, per_row;
} fp_conv_blocks;

fp_conv_blocks fp_conv_blocks_of(const fp_conv_layout *layout, const fp_conv_taps *columns);

/// Byte offset of a group's weights in one phase; `phase` counts frames, rows, columns.
int64_t fp_conv_weights_offset(const fp_conv *conv, const fp_conv_layout *layout,
                               const int64_t phase[3], int64_t group);

/// Bytes of one row and one plane of a frame.
static inline int64_t fp_conv_row_bytes(const fp_conv_layout *layout, const fp_conv_frame *frame) {
  return (frame->left + frame->width + frame->right) * layout->pixel;
}
static inline int64_t fp_conv_plane_bytes(const fp_conv_layout *layout,
                                          const fp_conv_frame *frame) {
  return (frame->top + frame->height + frame->bottom) * fp_conv_row_bytes(layout, frame);
}

static inline int64_t fp_conv_padded_columns(const fp_conv_frame *frame) {
  return frame->left + frame->width + frame->right;
}

/// Stores an element of F32 or BF16; where `round`, an F32 one too has only bfloat16's digits.
static inline void fp_conv_set_element(void *base, fp_dtype type, bool round, int64_t index,
                                       float value) {
  fp_set_element(base, type, (size_t)index, round ? fp_bf16_to_f32(fp_f32_to_bf16(value)) : value);
}

// MARK: Tasks

enum {
  FP_CONV_DEPTHWISE_FLOATS = 4096, // sums of one depthwise call
  FP_CONV_FOLDED_ROW = 64, // bytes of a position's sums where columns are folded into lanes
};

/// Bytes at the front of a task's scratch memory: the offsets of its blocks.
static inline int64_t fp_conv_offset_bytes(const fp_conv *conv) {
  const int64_t blocks = conv->kernel[0] * conv->kernel[1] * conv->kernel[2];
  return fp_round_up(blocks * (int64_t)sizeof(ptrdiff_t), FP_ALIGNMENT);
}

/// Input positions that some output columns of a folded kernel meet.
static inline int64_t fp_conv_folded_positions(const fp_conv *conv, int64_t columns) {
  return (columns - 1) * conv->stride[2] + (conv->kernel[2] - 1) * conv->dilation[2] + 1;
}

/// What a task computes and from where: indices count positions within its phase.
typedef struct fp_conv_site {
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
} fp_conv_site;

/// Finds what a task computes; false where it has no positions. `a` is NULL where no frame is met.
bool fp_conv_find_site(const fp_kernels *kernels, const fp_conv *conv, const fp_conv_run *run,
                       const fp_conv_plan *plan, int64_t task, ptrdiff_t *offsets,
                       fp_conv_site *site);
/// The epilogue at a row and column of the task, whose rows are the phase's positions.
fp_epilogue fp_conv_epilogue_at(const fp_conv_site *site, int64_t row, int64_t column);

#endif
