// Filling padded frames: borders, norm and activation on the way in, several sources.
#include "conv_internal.h"

#include <string.h>

/// Zeroes the border's share of one row in every plane: all of it above and below the picture.
static void clear_border(const fp_conv_layout *layout, const fp_conv_frame *frame, int64_t row,
                         char *target) {
  const int64_t row_bytes = fp_conv_row_bytes(layout, frame);
  const bool inside = row >= frame->top && row < frame->top + frame->height;
  for (int64_t plane = 0; plane < layout->planes; plane++) {
    char *start = target + plane * fp_conv_plane_bytes(layout, frame) + row * row_bytes;
    if (inside) {
      memset(start, 0, (size_t)(frame->left * layout->pixel));
      memset(start + (frame->left + frame->width) * layout->pixel, 0,
             (size_t)(frame->right * layout->pixel));
    } else {
      memset(start, 0, (size_t)row_bytes);
    }
  }
}

static void fill_zeros(const fp_pixel_args *pixels) {
  const size_t bytes =
      (size_t)(pixels->channels + pixels->padding) * fp_dtype_size(pixels->target_type);
  for (int64_t i = 0; i < pixels->pixels; i++)
    memset((char *)pixels->target + i * pixels->target_pixel, 0, bytes);
}

/// Whether pixels lie in the source as they shall lie in the frame.
static bool is_copy(const fp_pixel_args *pixels) {
  const bool same = pixels->source_type == pixels->target_type &&
                    (pixels->source_type == FP_BF16 || !pixels->round);
  return same && pixels->norm_scale == 0 && !pixels->multiply && !pixels->add &&
         pixels->activation == FP_ACTIVATION_NONE && pixels->padding == 0 &&
         pixels->source_pixel == pixels->target_pixel &&
         pixels->target_pixel == pixels->channels * (int64_t)fp_dtype_size(pixels->target_type);
}

/// Writes one row of the picture: the source's channels, plane by plane.
static void fill_row(const fp_kernels *kernels, const fp_conv *conv, const fp_conv_layout *layout,
                     const fp_conv_frame *frame, const fp_conv_fill *fill, int64_t row,
                     char *target) {
  const int64_t size = (int64_t)fp_dtype_size(layout->storage);
  int64_t done = 0;
  while (done < fill->channels) {
    const int64_t channel = fill->channel + done;
    const int64_t plane = channel / layout->channels, inside = channel % layout->channels;
    const int64_t count = fp_least(fill->channels - done, layout->channels - inside);
    const bool ends = inside + count == layout->channels;
    fp_pixel_args pixels = {
        .source_type = fill->source_type,
        .source_pixel = fill->source_pixel,
        .target = target + plane * fp_conv_plane_bytes(layout, frame) +
                  row * fp_conv_row_bytes(layout, frame) + frame->left * layout->pixel +
                  inside * size,
        .target_type = layout->storage,
        .round = conv->compute == FP_COMPUTE_BF16,
        .target_pixel = layout->pixel,
        .pixels = frame->width,
        .channels = count,
        .padding = ends ? layout->pixel / size - layout->channels : 0,
        .norm_scale = fill->norm_scale,
        .multiply = fill->multiply ? fill->multiply + done : NULL,
        .add = fill->add ? fill->add + done : NULL,
        .activation = fill->activation,
    };
    if (fill->source) {
      pixels.source = (const char *)fill->source + (row - frame->top) * fill->source_row +
                      done * (int64_t)fp_dtype_size(fill->source_type);
      if (is_copy(&pixels))
        memcpy(pixels.target, pixels.source, (size_t)(pixels.pixels * pixels.target_pixel));
      else
        kernels->conv.pixels(&pixels);
    } else {
      fill_zeros(&pixels);
    }
    done += count;
  }
}

void fp_conv_fill_rows(const fp_kernels *kernels, const fp_conv *conv, const fp_conv_frame *frame,
                       const fp_conv_fill *fill, int64_t row_begin, int64_t row_end,
                       void *target) {
  const fp_conv_layout layout = fp_conv_layout_of(kernels, conv);
  for (int64_t row = row_begin; row < row_end; row++) {
    if (fill->channel == 0)
      clear_border(&layout, frame, row, target);
    if (row >= frame->top && row < frame->top + frame->height)
      fill_row(kernels, conv, &layout, frame, fill, row, target);
  }
}
