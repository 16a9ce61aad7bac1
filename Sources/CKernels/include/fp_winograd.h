/// 3x3 convolutions of stride 1 in float32 by Winograd's F(4x4, 3x3): a quarter of the products.
///
/// Six by six pixels of a channel are transformed to 36 points; at each point a product over the
/// channels stands for the nine taps; the 36 sums are transformed back to four by four outputs
/// (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015). The transforms
/// interpolate at 0, plus and minus sqrt(1/2), plus and minus sqrt(2), and infinity: with these the
/// largest error of 256 channels is 2e-6 of the largest output, a fifth of what the whole numbers
/// 0, 1 and 2 give.
///
/// An infinite or NaN pixel makes all outputs of the tiles that read it NaN.
#ifndef FP_WINOGRAD_H
#define FP_WINOGRAD_H

#include "fp_conv.h"
#include "fp_matmul.h"

struct fp_kernels;

enum {
  FP_WINOGRAD_OUT = 4,     // outputs of a tile along an axis
  FP_WINOGRAD_IN = 6,      // inputs
  FP_WINOGRAD_POINTS = 36, // of a tile
};

/// Whether a convolution of that kind can be computed so, and has channels enough to gain by it.
bool fp_winograd_serves(const fp_conv *conv);
/// Whether it gains for that many rows and columns of output. Says the same for each frame of a
/// clip, however many there are.
bool fp_winograd_pays(int64_t rows, int64_t columns);

/// Bytes of transformed weights: [panel of lanes][point][input channel][lane].
size_t fp_winograd_packed_bytes(const struct fp_kernels *kernels, const fp_conv *conv);
/// Pieces that the packing can be shared out in.
int64_t fp_winograd_pack_units(const struct fp_kernels *kernels, const fp_conv *conv);
/// Transforms and packs one unit of weights: [out, in, 3, 3]; F32, BF16 or F16.
void fp_winograd_pack(const struct fp_kernels *kernels, const fp_conv *conv, const void *weights,
                      fp_dtype type, int64_t unit, void *packed);

/// One convolution of pictures of one size.
typedef struct fp_winograd_run {
  const void *const *frames; // [frame_count] pictures [height][width][channels], F32
  int64_t frame_count, height, width;
  ptrdiff_t row, pixel;        // bytes between rows and pixels of a picture
  const float *multiply, *add; // [in_channels] or NULL: what happens to pixels first
  bool rectify;                // then ReLU
  int64_t pad[2], out[2];      // rows, columns: zeros in front, and outputs
  const void *weights;         // packed
  fp_epilogue epilogue;        // of frame 0; its rows are the positions [rows][columns]
  ptrdiff_t y_frame, residual_frame; // bytes between frames
} fp_winograd_run;

/// How a run is cut into tasks: some tiles (counted through all frames, row by row), and some
/// panels of output channels. Depends on the sizes alone.
typedef struct fp_winograd_plan {
  int64_t tasks;
  size_t scratch_bytes; // for one task, aligned to 64 bytes
  int64_t tile_rows, tile_columns; // of a frame
  int64_t tiles, tiles_per_task;
  int64_t panels_per_task, panel_sets;
} fp_winograd_plan;

fp_winograd_plan fp_winograd_plan_for(const struct fp_kernels *kernels, const fp_conv *conv,
                                      const fp_winograd_run *run);
/// Computes one task. Tasks write different parts of the output and may run at the same time.
void fp_winograd_perform(const struct fp_kernels *kernels, const fp_conv *conv,
                         const fp_winograd_run *run, const fp_winograd_plan *plan, int64_t task,
                         void *scratch);

// MARK: Kernels

/// One tile of pixels: 6 rows of 6, those outside of the ranges zero.
typedef struct fp_winograd_input_args {
  const void *source;    // the tile's first pixel; outside of the picture it is not read
  ptrdiff_t row, pixel;  // bytes
  int row_begin, row_end, column_begin, column_end; // within 0 ... 6
  int64_t channels;
  const float *multiply, *add; // [channels] or NULL; zeros stay zeros
  bool rectify;
  void *target;           // [point][chunk of 16 channels]: 64 bytes, undefined after the channels
  ptrdiff_t point, chunk; // bytes
} fp_winograd_input_args;

/// The sums of one tile.
typedef struct fp_winograd_output_args {
  const void *sums;      // [point][lanes] floats
  ptrdiff_t point;       // bytes
  int64_t lanes;         // a multiple of 16
  void *target;          // [4 rows][4 columns][lanes] floats
  ptrdiff_t row, column; // bytes
} fp_winograd_output_args;

typedef struct fp_winograd_kernels {
  void (*input)(const fp_winograd_input_args *args);
  void (*output)(const fp_winograd_output_args *args);
} fp_winograd_kernels;

void fp_winograd_init_generic(fp_winograd_kernels *kernels);
void fp_winograd_init_avx2(fp_winograd_kernels *kernels);
void fp_winograd_init_avx512(fp_winograd_kernels *kernels);
void fp_winograd_init_neon(fp_winograd_kernels *kernels);

#endif
