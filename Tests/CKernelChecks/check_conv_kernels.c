// Checks of the kernels under convolutions: pixels into frames, depthwise sums, transposition.
#include "checks.h"
#include "conv_inputs.h"

#include <math.h>
#include <string.h>

static void check_pixels(fp_check_run *run) {
  const fp_activation activations[] = {FP_ACTIVATION_NONE, FP_ACTIVATION_SILU, FP_ACTIVATION_RELU};
  for (int i = 0; i < 200 && !run->failed; i++) {
    const int64_t channels = fp_check_between(run, 1, 70), padding = fp_check_random_int(run, 4);
    const fp_dtype source_type = i % 2 ? FP_BF16 : FP_F32;
    const fp_dtype target_type = i / 2 % 2 ? FP_BF16 : FP_F32;
    const int64_t source_size = i % 2 ? 2 : 4, target_size = i / 2 % 2 ? 2 : 4;
    fp_pixel_args args = {
        .source_type = source_type,
        .source_pixel = (channels + fp_check_random_int(run, 3)) * source_size,
        .target_type = target_type,
        .round = fp_check_random_int(run, 2),
        .target_pixel = (channels + padding + fp_check_random_int(run, 3)) * target_size,
        .pixels = fp_check_random_int(run, 6),
        .channels = channels,
        .padding = padding,
        .norm_scale = i % 3 == 0 ? sqrtf((float)channels) : 0,
        .activation = activations[fp_check_random_int(run, 3)],
    };
    float *values = fp_check_floats(run, args.pixels * channels + 1, false);
    for (int64_t j = 0; j < args.pixels * channels; j++) // a whole pixel of zeros, extremes
      values[j] = j < channels       ? 0
                  : j % 34 == 3      ? values[j] * 1e4f
                  : j % 17 == 3      ? values[j] * 200
                  : j % 29 == 7      ? NAN
                  : i % 4 == 1 && j % 31 == 5 ? (j % 2 ? INFINITY : -INFINITY)
                                     : values[j];
    char *source = fp_check_memory(run, (size_t)(args.pixels * args.source_pixel), 2, i % 5 == 0);
    for (int64_t pixel = 0; pixel < args.pixels; pixel++)
      run->reference->convert.convert(source + pixel * args.source_pixel, source_type,
                                      values + pixel * channels, FP_F32, (size_t)channels);
    const uint32_t late_nan = 0x7f800001; // all of its payload is what bfloat16 cuts off
    if (source_type == FP_F32 && args.source_pixel > 0 && args.pixels > 1)
      memcpy(source + args.source_pixel, &late_nan, 4);
    if (i % 7 > 2)
      args.multiply = fp_check_floats(run, channels, true);
    if (i % 11 > 4)
      args.add = fp_check_floats(run, channels, true);
    args.source = source;
    const size_t bytes = (size_t)(args.pixels * args.target_pixel);
    void *got = fp_check_memory(run, bytes, 2, i % 5 == 1);
    void *want = fp_check_memory(run, bytes, 2, false);
    args.target = got;
    run->kernels->conv.pixels(&args);
    args.target = want;
    run->reference->conv.pixels(&args);
    const size_t count = bytes / (size_t)target_size;
    float *got_floats = fp_check_memory(run, count * 4, 0, false);
    float *want_floats = fp_check_memory(run, count * 4, 0, false);
    run->reference->convert.convert(got_floats, FP_F32, got, target_type, count);
    run->reference->convert.convert(want_floats, FP_F32, want, target_type, count);
    // A bfloat16 may round to its other neighbour; the exponential is good to a few ulp.
    const bool coarse = target_type == FP_BF16 || args.round;
    fp_check_close(run, "pixels", got_floats, want_floats, count, 1e-30f, coarse ? 0.008f : 2e-6f);
  }
}

static void check_depthwise_kernel(fp_check_run *run) {
  for (int i = 0; i < 30 && !run->failed; i++) {
    const int64_t channels = 16 * fp_check_between(run, 1, 5);
    const int64_t positions = fp_check_random_int(run, 11);
    const int64_t taps = fp_check_random_int(run, 6);
    const int64_t step = channels * 4 * fp_check_between(run, 1, 2);
    const int64_t reach = positions * step + taps * 4 + channels * 4;
    const float *a = fp_check_floats(run, reach / 4 + 1, false);
    ptrdiff_t *offsets = fp_check_memory(run, (size_t)taps * sizeof *offsets, 0, false);
    for (int64_t tap = 0; tap < taps; tap++)
      offsets[tap] = (taps - tap) * 4;
    const float *weights = fp_check_floats(run, taps * channels, true);
    float *got = fp_check_memory(run, (size_t)(positions * channels) * 4, 4, true);
    float *want = fp_check_memory(run, (size_t)(positions * channels) * 4, 4, false);
    fp_depthwise_args args = {a, offsets, taps, step, weights, got, positions, channels};
    run->kernels->conv.depthwise(&args);
    args.c = want;
    run->reference->conv.depthwise(&args);
    fp_check_close(run, "depthwise", got, want, (size_t)(positions * channels), 1e-6f, 1e-6f);
  }
}

static void check_transpose(fp_check_run *run) {
  const fp_dtype types[] = {FP_F32, FP_BF16};
  for (int i = 0; i < 40 && !run->failed; i++) {
    const int64_t rows = fp_check_random_int(run, 70), columns = fp_check_random_int(run, 70);
    const fp_dtype from = types[i % 2], to = types[i / 2 % 2];
    const int64_t from_size = i % 2 ? 2 : 4, to_size = i / 2 % 2 ? 2 : 4;
    const int64_t from_row = (columns + 3) * from_size, to_row = (rows + 1) * to_size;
    float *values = fp_check_floats(run, rows * (columns + 3) + 1, false);
    values[0] = NAN;
    char *source = fp_check_memory(run, (size_t)(rows * from_row), 2, i % 3 == 0);
    run->reference->convert.convert(source, from, values, FP_F32, (size_t)(rows * (columns + 3)));
    char *got = fp_check_memory(run, (size_t)(columns * to_row), 2, i % 3 == 1);
    char *want = fp_check_memory(run, (size_t)(columns * to_row), 2, false);
    for (int64_t column = 0; column < columns; column++)
      for (int64_t row = 0; row < rows; row++)
        run->reference->convert.convert(want + column * to_row + row * to_size, to,
                                        source + row * from_row + column * from_size, from, 1);
    run->kernels->conv.transpose(got, to, to_row, source, from, from_row, rows, columns);
    fp_check_same(run, "transposed", got, want, (size_t)(columns * to_row));
  }
}

static const fp_check checks[] = {
    {"conv.pixels", check_pixels},
    {"conv.depthwise", check_depthwise_kernel},
    {"conv.transpose", check_transpose},
};

const fp_check_topic fp_conv_kernel_checks = {checks, sizeof checks / sizeof *checks};
