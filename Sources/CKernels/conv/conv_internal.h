/// Geometry that packing, filling and multiplying share.
#ifndef FP_CONV_INTERNAL_H
#define FP_CONV_INTERNAL_H

#include "fp_conv.h"
#include "fp_kernels.h"

static inline int64_t fp_divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
static inline int64_t fp_round_up(int64_t a, int64_t b) { return fp_divide_up(a, b) * b; }
static inline int64_t fp_least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t fp_most(int64_t a, int64_t b) { return a > b ? a : b; }

/// The taps of one axis that meet the outputs of one phase, in the order of their inputs: tap
/// first_tap + j * tap_step reads the input `delta + j * delta_step` after the position's own. The
/// `merged` taps from there on read the same one, as far as the kernel has them.
typedef struct fp_conv_taps {
  int64_t count, first_tap, tap_step, delta, delta_step, merged;
} fp_conv_taps;

/// Residues of the output position that an axis tells apart, and pixels' repeats along it.
static inline int64_t fp_conv_repeats(const fp_conv *conv, int axis) {
  return axis == 0 ? 1 : conv->upsample;
}
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

#endif
