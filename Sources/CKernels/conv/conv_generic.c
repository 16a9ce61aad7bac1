// Pixels into frames, depthwise sums and transposition in plain C: the reference.
#include "conv_internal.h"

#include "../matmul/matmul_internal.h"

#include <math.h>

static void pixels(const fp_pixel_args *args) {
  for (int64_t i = 0; i < args->pixels; i++) {
    const char *source = (const char *)args->source + i * args->source_pixel;
    char *target = (char *)args->target + i * args->target_pixel;
    float scale = 1;
    if (args->norm_scale != 0) {
      double squares = 0;
      for (int64_t c = 0; c < args->channels; c++) {
        const double x = fp_element(source, args->source_type, c);
        squares += x * x;
      }
      const float length = (float)sqrt(squares);
      scale = args->norm_scale / (length < 1e-12f ? 1e-12f : length);
    }
    for (int64_t c = 0; c < args->channels + args->padding; c++) {
      float x = 0;
      if (c < args->channels) {
        x = fp_element(source, args->source_type, c) * scale;
        if (args->multiply)
          x *= args->multiply[c];
        if (args->add)
          x += args->add[c];
        x = fp_activate(x, args->activation, NULL);
      }
      fp_conv_set_element(target, args->target_type, args->round, c, x);
    }
  }
}

static void depthwise(const fp_depthwise_args *args) {
  for (int64_t i = 0; i < args->positions; i++)
    for (int64_t c = 0; c < args->channels; c++) {
      float sum = 0;
      for (int64_t tap = 0; tap < args->taps; tap++)
        sum += args->weights[tap * args->channels + c] *
               fp_element((const char *)args->a + i * args->a_step + args->offsets[tap], FP_F32, c);
      args->c[i * args->channels + c] = sum;
    }
}

/// In squares, so that the lines of both sides stay in the cache.
static void transpose(void *target, fp_dtype target_type, ptrdiff_t target_row,
                      const void *source, fp_dtype source_type, ptrdiff_t source_row,
                      int64_t rows, int64_t columns) {
  enum { square = 32 };
  for (int64_t top = 0; top < rows; top += square)
    for (int64_t left = 0; left < columns; left += square) {
      const int64_t bottom = fp_least(top + square, rows);
      const int64_t right = fp_least(left + square, columns);
      for (int64_t column = left; column < right; column++)
        for (int64_t row = top; row < bottom; row++)
          fp_set_element((char *)target + column * target_row, target_type, row,
                         fp_element((const char *)source + row * source_row, source_type, column));
    }
}

void fp_conv_init_generic(fp_conv_kernels *kernels) {
  kernels->pixels = pixels;
  kernels->depthwise = depthwise;
  kernels->transpose = transpose;
}
