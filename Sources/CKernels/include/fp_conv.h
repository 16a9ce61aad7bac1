/// Convolutions over time, rows and columns, channels last, as implicit products: the rows of a
/// tile are neighbouring output positions, read in place from zero-padded frames; the lanes are
/// output channels. Nothing is gathered: taps that lie side by side in memory (all columns of a
/// kernel row, where the dilation is 1) form one run of k, and the tile kernel's batch goes over
/// the kernel's frames and rows.
///
/// Axes are numbered 0 frames, 1 rows, 2 columns. A 2-D convolution has one frame in its kernel, a
/// 1-D convolution also one row.
///
/// A transposed convolution is one plain convolution of stride 1 for each residue of the output
/// position modulo the stride ("phase"), with those taps that meet it. So is a convolution of a
/// picture whose pixels are repeated: taps that read the same pixel are added up beforehand, and
/// the larger picture is never made.
#ifndef FP_CONV_H
#define FP_CONV_H

#include "fp_convert.h"
#include "fp_matmul.h"
#include "fp_types.h"

struct fp_kernels;

/// What the weights are. All sizes are positive; `groups` divides both channel counts.
typedef struct fp_conv {
  fp_compute compute; // FP_COMPUTE_F32 or FP_COMPUTE_BF16
  int64_t in_channels, out_channels, groups;
  int64_t kernel[3], stride[3], dilation[3];
  bool transposed;
  int64_t upsample; // every pixel counts as this many rows and columns (nearest neighbour); more
                    // than 1 only where strides and dilations are 1, and not transposed
} fp_conv;

/// Whether every channel is convolved with itself alone: a kernel of its own, with float32 sums
/// and float32 storage (rounded to bfloat16 where the arithmetic is BF16).
bool fp_conv_is_depthwise(const fp_conv *conv);

// MARK: Weights

/// Bytes of packed weights: [phase][group][panel of lanes][kernel frame, row, column run][k][lane].
size_t fp_conv_packed_bytes(const struct fp_kernels *kernels, const fp_conv *conv);
/// Pieces that the packing can be shared out in, and scratch bytes for each.
int64_t fp_conv_pack_units(const struct fp_kernels *kernels, const fp_conv *conv);
size_t fp_conv_pack_scratch_bytes(const struct fp_kernels *kernels, const fp_conv *conv);
/// Packs one unit of weights: [out, in / groups, frames, rows, columns] of a plain convolution or
/// [in, out / groups, frames, rows, columns] of a transposed one; F32, BF16 or F16.
void fp_conv_pack(const struct fp_kernels *kernels, const fp_conv *conv, const void *weights,
                  fp_dtype type, int64_t unit, void *packed, void *scratch);

// MARK: Frames

/// A picture (not upsampled) and the zeros round it. In memory: a plane for each group of channels,
/// [top + height + bottom][left + width + right][channels of the group, filled up to whole words].
typedef struct fp_conv_frame {
  int64_t height, width;
  int64_t top, bottom, left, right;
} fp_conv_frame;

/// The border that a convolution reads: `pad` is the padding in front of each axis (0 is unused),
/// `out` the output's size.
fp_conv_frame fp_conv_frame_for(const fp_conv *conv, int64_t height, int64_t width,
                                const int64_t pad[3], const int64_t out[3]);
size_t fp_conv_frame_bytes(const struct fp_kernels *kernels, const fp_conv *conv,
                           const fp_conv_frame *frame);
/// Whether contiguous pixels of that type, without a border, are a frame as they are.
bool fp_conv_reads_in_place(const struct fp_kernels *kernels, const fp_conv *conv, fp_dtype type);

/// What happens to pixels on their way into a frame:
/// activation(x * norm_scale / max(||x||, 1e-12) * multiply + add), in float32, then rounding.
typedef struct fp_conv_fill {
  const void *source;   // [height, width, channels]; NULL: zeros
  fp_dtype source_type; // F32 or BF16
  ptrdiff_t source_row, source_pixel; // bytes
  int64_t channels;     // of the source
  int64_t channel;      // where they begin among the convolution's (sources follow one another)
  float norm_scale;     // 0: no norm; else the convolution has one group
  const float *multiply, *add; // [channels] or NULL
  fp_activation activation;    // NONE, SILU or RELU
} fp_conv_fill;

/// Fills the rows row_begin ..< row_end of a frame (counted with its border). The source that
/// begins at channel 0 writes the border.
void fp_conv_fill_rows(const struct fp_kernels *kernels, const fp_conv *conv,
                       const fp_conv_frame *frame, const fp_conv_fill *fill, int64_t row_begin,
                       int64_t row_end, void *target);

// MARK: Product

/// One convolution: out frames, each from its input frames.
typedef struct fp_conv_run {
  fp_conv_frame frame;       // shape of all input frames
  const void *const *frames; // input frames in order of time; frames outside of them are zero
  int64_t frame_count;
  int64_t pad[3];            // in front of each axis
  int64_t out[3];
  const void *weights;       // packed
  fp_epilogue epilogue;      // of output frame 0; its rows are the positions [rows][columns]
  ptrdiff_t y_frame, factor_frame, residual_frame; // bytes between output frames
} fp_conv_run;

/// How a run is cut into tasks: a band of positions of one output frame, and some panels of output
/// channels. Depends on the sizes alone.
typedef struct fp_conv_plan {
  int64_t tasks;
  size_t scratch_bytes; // for one task, aligned to 64 bytes
  int64_t band_rows, bands, band_columns, column_bands; // counted within a phase
  int64_t panels_per_task, panel_sets;
  bool spanning; // tiles run on from row to row, over the border's columns
} fp_conv_plan;

fp_conv_plan fp_conv_plan_for(const struct fp_kernels *kernels, const fp_conv *conv,
                              const fp_conv_run *run);
/// Computes one task. Tasks write different parts of the output and may run at the same time.
void fp_conv_perform(const struct fp_kernels *kernels, const fp_conv *conv, const fp_conv_run *run,
                     const fp_conv_plan *plan, int64_t task, void *scratch);

// MARK: Kernels

/// A run of pixels on its way into a frame.
typedef struct fp_pixel_args {
  const void *source;
  fp_dtype source_type; // F32 or BF16
  ptrdiff_t source_pixel;
  void *target;
  fp_dtype target_type; // F32 or BF16
  bool round;           // F32 targets: round the values to bfloat16
  ptrdiff_t target_pixel;
  int64_t pixels;
  int64_t channels; // values
  int64_t padding;  // zeros after them
  float norm_scale;
  const float *multiply, *add;
  fp_activation activation;
} fp_pixel_args;

/// c[position][channel] = sum over taps of a[position + tap][channel] * weights[tap][channel].
typedef struct fp_depthwise_args {
  const void *a;
  const ptrdiff_t *offsets; // [taps] bytes
  int64_t taps;
  ptrdiff_t a_step; // bytes between positions
  const float *weights; // [taps][channels]
  float *c;             // [positions][channels]
  int64_t positions, channels; // channels a multiple of 16
} fp_depthwise_args;

typedef struct fp_conv_kernels {
  void (*pixels)(const fp_pixel_args *args);
  void (*depthwise)(const fp_depthwise_args *args);
  /// target[column][row] = source[row][column], F32 or BF16, rounded to nearest even. Rows are
  /// `source_row` and `target_row` bytes apart. Channels first to channels last and back.
  void (*transpose)(void *target, fp_dtype target_type, ptrdiff_t target_row, const void *source,
                    fp_dtype source_type, ptrdiff_t source_row, int64_t rows, int64_t columns);
} fp_conv_kernels;

void fp_conv_init_generic(fp_conv_kernels *kernels);
void fp_conv_init_avx2(fp_conv_kernels *kernels);
void fp_conv_init_avx512(fp_conv_kernels *kernels);
void fp_conv_init_neon(fp_conv_kernels *kernels);

#endif
