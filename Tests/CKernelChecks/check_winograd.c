// Checks of Winograd's convolutions: the transforms against the plain version, and whole
// convolutions against a plain sum in double.
#include "checks.h"
#include "conv_inputs.h"

#include <math.h>
#include <string.h>

static void check_input(fp_check_run *run) {
  for (int i = 0; i < 120 && !run->failed; i++) {
    const int64_t channels = fp_check_between(run, 1, 50), chunks = (channels + 15) / 16;
    const int64_t pixel = channels + fp_check_random_int(run, 3), row = 6 * pixel + 1;
    const bool whole = i % 3 == 0;
    fp_winograd_input_args args = {
        .row = row * 4,
        .pixel = pixel * 4,
        .row_begin = whole ? 0 : fp_check_random_int(run, 4),
        .row_end = whole ? 6 : fp_check_between(run, 4, 6),
        .column_begin = whole ? 0 : fp_check_random_int(run, 4),
        .column_end = whole ? 6 : fp_check_between(run, 4, 6),
        .channels = channels,
        .multiply = i % 2 ? fp_check_floats(run, channels, true) : NULL,
        .add = i % 5 > 1 ? fp_check_floats(run, channels, true) : NULL,
        .rectify = i % 7 > 2,
        .point = (chunks * 3 + 1) * 64,
        .chunk = 3 * 64,
    };
    const int64_t last = (args.row_end - 1) * row + (args.column_end - 1) * pixel + channels;
    const int64_t first = args.row_begin * row + args.column_begin * pixel;
    const float *read = fp_check_floats(run, last - first, i % 2 == 0);
    args.source = (const void *)((intptr_t)read - first * 4);
    char *got = fp_check_memory(run, (size_t)(36 * args.point), 0, false);
    char *want = fp_check_memory(run, (size_t)(36 * args.point), 0, false);
    args.target = got;
    run->kernels->winograd.input(&args);
    args.target = want;
    run->reference->winograd.input(&args);
    for (int point = 0; point < 36; point++)
      for (int64_t c = 0; c < channels; c += 16) {
        const size_t count = (size_t)(channels - c < 16 ? channels - c : 16);
        const int64_t place = point * args.point + c / 16 * args.chunk;
        fp_check_close(run, "points", (float *)(got + place), (float *)(want + place), count, 4e-6f,
                       1e-6f);
      }
  }
}

static void check_output(fp_check_run *run) {
  for (int i = 0; i < 40 && !run->failed; i++) {
    const int64_t lanes = 16 * fp_check_between(run, 1, 4);
    const int64_t point = lanes + fp_check_random_int(run, 5);
    const int64_t column = lanes + fp_check_random_int(run, 3), row = 4 * column + 2;
    fp_winograd_output_args args = {
        .sums = fp_check_floats(run, 35 * point + lanes, i % 2 == 0),
        .point = point * 4,
        .lanes = lanes,
        .row = row * 4,
        .column = column * 4,
    };
    const size_t count = (size_t)(3 * row + 3 * column + lanes);
    float *got = fp_check_memory(run, count * 4, 4, i % 2 == 1);
    float *want = fp_check_memory(run, count * 4, 4, false);
    args.target = got;
    run->kernels->winograd.output(&args);
    args.target = want;
    run->reference->winograd.output(&args);
    fp_check_close(run, "outputs", got, want, count, 2e-5f, 1e-6f);
  }
}

/// A convolution of some pictures.
typedef struct winograd_case {
  int64_t frames, height, width, in_channels, out_channels, pad[2], after[2];
} winograd_case;

static double plain_sum(const winograd_case *test, const float *picture, const float *weights,
                        int64_t row, int64_t column, int64_t out_channel) {
  double sum = 0;
  for (int64_t tap = 0; tap < 9; tap++) {
    const int64_t y = row - test->pad[0] + tap / 3, x = column - test->pad[1] + tap % 3;
    if (y < 0 || y >= test->height || x < 0 || x >= test->width)
      continue;
    const float *pixel = picture + (y * test->width + x) * test->in_channels;
    for (int64_t c = 0; c < test->in_channels; c++)
      sum += (double)pixel[c] * (double)weights[(out_channel * test->in_channels + c) * 9 + tap];
  }
  return sum;
}

/// Compares all outputs; the error is measured against the largest of them.
static void compare(fp_check_run *run, const winograd_case *test, const fp_winograd_run *product,
                    const float *x, const float *weights) {
  const int64_t rows = product->out[0], columns = product->out[1], lanes = test->out_channels;
  const int64_t count = test->frames * rows * columns * lanes;
  double largest = 0;
  float *want = fp_check_memory(run, (size_t)count * 4, 0, false);
  for (int64_t i = 0; i < count; i++) {
    const int64_t position = i / lanes, frame = position / (rows * columns);
    const double sum =
        plain_sum(test, x + frame * test->height * test->width * test->in_channels, weights,
                  position / columns % rows, position % columns, i % lanes);
    largest = fmax(largest, fabs(sum));
    const float *residual = product->epilogue.residual;
    const double total = sum + product->epilogue.bias[i % lanes] + (residual ? residual[i] : 0);
    want[i] = (float)(total < 0 ? 0 : total);
  }
  fp_check_close(run, "outputs", product->epilogue.y, want, (size_t)count,
                 (float)(1e-5 * (largest + 1)), 0);
}

static void perform_case(fp_check_run *run, const winograd_case *test, bool with_residual) {
  const fp_conv conv = {.compute = FP_COMPUTE_F32,
                        .in_channels = test->in_channels,
                        .out_channels = test->out_channels,
                        .groups = 1,
                        .kernel = {1, 3, 3},
                        .stride = {1, 1, 1},
                        .dilation = {1, 1, 1},
                        .upsample = 1};
  if (!fp_winograd_serves(&conv))
    fp_check_fail(run, "a case that is not served");
  const int64_t rows = test->height + test->pad[0] + test->after[0] - 2;
  const int64_t columns = test->width + test->pad[1] + test->after[1] - 2;
  const int64_t pixels = test->height * test->width * test->in_channels;
  const int64_t outputs = rows * columns * test->out_channels;
  const float *x = fp_check_floats(run, test->frames * pixels, true);
  const float *weights = fp_check_floats(run, conv.in_channels * conv.out_channels * 9, true);
  void *packed = fp_check_memory(run, fp_winograd_packed_bytes(run->kernels, &conv), 0, true);
  for (int64_t unit = 0; unit < fp_winograd_pack_units(run->kernels, &conv); unit++)
    fp_winograd_pack(run->kernels, &conv, weights, FP_F32, unit, packed);
  const void *frames[8];
  for (int64_t frame = 0; frame < test->frames; frame++)
    frames[frame] = x + frame * pixels;
  fp_winograd_run product = {
      .frames = frames,
      .frame_count = test->frames,
      .height = test->height,
      .width = test->width,
      .row = test->width * test->in_channels * 4,
      .pixel = test->in_channels * 4,
      .pad = {test->pad[0], test->pad[1]},
      .out = {rows, columns},
      .weights = packed,
      .epilogue = {.bias = fp_check_floats(run, test->out_channels, true),
                   .last = FP_ACTIVATION_RELU,
                   .y = fp_check_memory(run, (size_t)(test->frames * outputs) * 4, 4, true),
                   .y_type = FP_F32,
                   .y_row = test->out_channels * 4},
      .y_frame = outputs * 4,
  };
  if (with_residual) {
    product.epilogue.residual = fp_check_floats(run, test->frames * outputs, true);
    product.epilogue.residual_type = FP_F32;
    product.epilogue.residual_row = test->out_channels * 4;
    product.residual_frame = outputs * 4;
  }
  const fp_winograd_plan plan = fp_winograd_plan_for(run->kernels, &conv, &product);
  void *scratch = fp_check_memory(run, plan.scratch_bytes, 0, false);
  for (int64_t task = plan.tasks - 1; task >= 0; task--)
    fp_winograd_perform(run->kernels, &conv, &product, &plan, task, scratch);
  compare(run, test, &product, x, weights);
}

static void check_convolutions(fp_check_run *run) {
  for (int i = 0; i < 24 && !run->failed; i++) {
    const winograd_case test = {
        .frames = fp_check_between(run, 1, 3),
        .height = fp_check_between(run, 3, 22),
        .width = fp_check_between(run, 3, 22),
        .in_channels = fp_check_between(run, 16, 70),
        .out_channels = fp_check_between(run, 16, 120),
        .pad = {fp_check_random_int(run, 4), fp_check_random_int(run, 4)},
        .after = {fp_check_random_int(run, 4), fp_check_random_int(run, 4)},
    };
    perform_case(run, &test, i % 2);
  }
}

/// Many channels: several panels and tasks, and sums of a network's length.
static void check_large(fp_check_run *run) {
  const winograd_case test = {1, 28, 28, 256, 128, {1, 1}, {1, 1}};
  perform_case(run, &test, true);
}

static const fp_check checks[] = {
    {"winograd.input", check_input},
    {"winograd.output", check_output},
    {"winograd.convolution", check_convolutions},
    {"winograd.large", check_large},
};

const fp_check_topic fp_winograd_checks = {checks, sizeof checks / sizeof *checks};
