// swscale, whose context changed its type from version to version.
#ifndef CFFMPEG_SCALER_H
#define CFFMPEG_SCALER_H

#include <libavutil/frame.h>
#include <stdbool.h>

// A conversion of pictures from one size, format and colour matrix to another.
typedef struct CFFmpegScaler CFFmpegScaler;

typedef struct {
  int width, height, format;
  // An SWS_CS_ number.
  int matrix;
  bool is_full_range;
  // Place of the colour samples in 1/256 of a pixel from the first pixel; -513: between pixels.
  int chroma_x, chroma_y;
} CFFmpegPictures;

// Bicubic, accurate rounding, a colour for every pixel, no dithering: exact rather than fast. NULL
// where the pictures cannot be converted.
CFFmpegScaler *cffmpeg_scaler_create(const CFFmpegPictures *from, const CFFmpegPictures *to);

// Converts one picture into another that is allocated; a negative code on failure.
int cffmpeg_scaler_run(CFFmpegScaler *scaler, AVFrame *to, const AVFrame *from);

void cffmpeg_scaler_destroy(CFFmpegScaler *scaler);

#endif
