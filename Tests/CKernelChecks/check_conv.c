// Checks of convolutions: packing, filling and tasks against a plain sum in double.
#include "checks.h"
#include "conv_inputs.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/// One convolution with its padding and sizes; tensors are [frames][rows][columns][channels].
typedef struct conv_case {
  fp_conv conv;
  int64_t in[3], out[3], pad[3];
  const float *multiply, *add; // [in_channels] or NULL: what happens to pixels first
  fp_activation last;          // NONE or RELU: what happens to the sum and its residual
} conv_case;

static float rounded(const fp_conv *conv, float value) {
  return conv->compute == FP_COMPUTE_BF16 ? fp_bf16_to_f32(fp_f32_to_bf16(value)) : value;
}

/// A pixel's value on its way into the sum.
static float prepared(const conv_case *test, int64_t channel, float value) {
  if (test->multiply)
    value *= test->multiply[channel];
  if (test->add)
    value += test->add[channel];
  return rounded(&test->conv, value);
}

static int64_t volume(const int64_t size[3]) { return size[0] * size[1] * size[2]; }

/// The output's sizes for padding `after` behind each axis (plain) or `after` more (transposed).
static bool set_output(conv_case *test, const int64_t after[3]) {
  for (int axis = 0; axis < 3; axis++) {
    const int64_t span = test->conv.dilation[axis] * (test->conv.kernel[axis] - 1) + 1;
    if (test->conv.transposed) {
      test->out[axis] =
          (test->in[axis] - 1) * test->conv.stride[axis] - 2 * test->pad[axis] + span + after[axis];
    } else {
      const int64_t in = test->in[axis] * (axis == 0 ? 1 : test->conv.upsample);
      const int64_t room = in + test->pad[axis] + after[axis] - span;
      test->out[axis] = room < 0 ? 0 : room / test->conv.stride[axis] + 1;
    }
    if (test->out[axis] < 1)
      return false;
  }
  return true;
}

/// The input position that tap `k` of output `o` reads, or -1.
static int64_t input_of(const conv_case *test, int axis, int64_t o, int64_t k) {
  const int64_t stride = test->conv.stride[axis], offset = k * test->conv.dilation[axis];
  const int64_t repeats = axis == 0 ? 1 : test->conv.upsample;
  int64_t i = o * stride - test->pad[axis] + offset;
  if (test->conv.transposed) {
    const int64_t place = o + test->pad[axis] - offset;
    i = place >= 0 && place % stride == 0 ? place / stride : -1;
  }
  return i >= 0 && i < test->in[axis] * repeats ? i / repeats : -1;
}

/// The sum of one output channel at one position, and the sum of magnitudes that bounds its error.
static double plain_sum(const conv_case *test, const float *x, const float *weights,
                        const int64_t place[3], int64_t out_channel, double *magnitude) {
  const fp_conv *conv = &test->conv;
  const int64_t in_group = conv->in_channels / conv->groups;
  const int64_t out_group = conv->out_channels / conv->groups, group = out_channel / out_group;
  const int64_t taps = volume(conv->kernel);
  double sum = 0;
  *magnitude = 0;
  for (int64_t tap = 0; tap < taps; tap++) {
    const int64_t k[3] = {tap / (conv->kernel[1] * conv->kernel[2]),
                          tap / conv->kernel[2] % conv->kernel[1], tap % conv->kernel[2]};
    int64_t i[3];
    for (int axis = 0; axis < 3; axis++)
      i[axis] = input_of(test, axis, place[axis], k[axis]);
    if (i[0] < 0 || i[1] < 0 || i[2] < 0)
      continue;
    const float *pixel =
        x + ((i[0] * test->in[1] + i[1]) * test->in[2] + i[2]) * conv->in_channels;
    for (int64_t c = 0; c < in_group; c++) {
      const int64_t channel = group * in_group + c;
      const int64_t pair = conv->transposed
                               ? (group * in_group + c) * out_group + out_channel % out_group
                               : out_channel * in_group + c;
      const double product = (double)prepared(test, channel, pixel[channel]) *
                             (double)rounded(conv, weights[pair * taps + tap]);
      sum += product;
      *magnitude += fabs(product);
    }
  }
  return sum;
}

/// Packs weights of one type or another, which `weights` are rounded to.
static void *packed_weights(fp_check_run *run, const fp_conv *conv, float *weights) {
  static const fp_dtype types[] = {FP_F32, FP_BF16, FP_F16};
  const fp_dtype type = types[fp_check_random_int(run, 3)];
  const size_t count = (size_t)(conv->in_channels * conv->out_channels / conv->groups *
                                volume(conv->kernel));
  void *source = fp_check_memory(run, count * fp_dtype_size(type), 0, true);
  run->reference->convert.convert(source, type, weights, FP_F32, count);
  run->reference->convert.convert(weights, FP_F32, source, type, count);
  void *packed = fp_check_memory(run, fp_conv_packed_bytes(run->kernels, conv), 0, false);
  void *scratch = fp_check_memory(run, fp_conv_pack_scratch_bytes(run->kernels, conv), 0, false);
  for (int64_t unit = 0; unit < fp_conv_pack_units(run->kernels, conv); unit++)
    fp_conv_pack(run->kernels, conv, source, type, unit, packed, scratch);
  return packed;
}

/// Fills a frame for each input frame, some of it from two sources.
static const void **filled_frames(fp_check_run *run, const conv_case *test,
                                  const fp_conv_frame *frame, const float *x) {
  const fp_conv *conv = &test->conv;
  const size_t bytes = fp_conv_frame_bytes(run->kernels, conv, frame);
  const void **frames = fp_check_memory(run, (size_t)test->in[0] * sizeof *frames, 0, false);
  const int64_t rows = frame->top + frame->height + frame->bottom;
  for (int64_t t = 0; t < test->in[0]; t++) {
    char *target = fp_check_memory(run, bytes, 0, true);
    const int64_t split = fp_check_random_int(run, (int)conv->in_channels);
    for (int part = 0; part < 2; part++) {
      const int64_t first = part == 0 ? 0 : split;
      const int64_t end = part == 0 && split > 0 ? split : conv->in_channels;
      const fp_conv_fill fill = {
          .source = x + t * test->in[1] * test->in[2] * conv->in_channels + first,
          .source_type = FP_F32,
          .source_row = test->in[2] * conv->in_channels * 4,
          .source_pixel = conv->in_channels * 4,
          .channels = end - first,
          .channel = first,
          .multiply = test->multiply ? test->multiply + first : NULL,
          .add = test->add ? test->add + first : NULL,
      };
      const int64_t middle = fp_check_random_int(run, (int)rows + 1);
      fp_conv_fill_rows(run->kernels, conv, frame, &fill, 0, middle, target);
      fp_conv_fill_rows(run->kernels, conv, frame, &fill, middle, rows, target);
    }
    frames[t] = target;
  }
  return frames;
}

/// Compares the sums, with bias and residual, to the plain ones.
static void compare(fp_check_run *run, const conv_case *test, const float *x, const float *weights,
                    const float *bias, const float *residual, const float *y, int64_t y_row) {
  const fp_conv *conv = &test->conv;
  for (int64_t i = 0; i < volume(test->out); i++) {
    const int64_t place[3] = {i / (test->out[1] * test->out[2]), i / test->out[2] % test->out[1],
                              i % test->out[2]};
    for (int64_t channel = 0; channel < conv->out_channels; channel++) {
      double magnitude;
      const double sum = plain_sum(test, x, weights, place, channel, &magnitude);
      const double total =
          sum + bias[channel] + (double)residual[i * conv->out_channels + channel];
      // Not fmax, which hides a NaN.
      const float want = (float)(test->last == FP_ACTIVATION_RELU && total < 0 ? 0 : total);
      // Rounding of each addition: far under 64 ulp of the magnitudes for these lengths.
      // Upsampling adds weights up before they are rounded.
      const double rounding = conv->upsample > 1 && conv->compute == FP_COMPUTE_BF16 ? 0x1p-7 : 0;
      const float allowed =
          isfinite(magnitude) ? (float)((64 * 0x1p-24 + rounding) * (magnitude + 2)) : 0;
      char what[160];
      snprintf(what, sizeof what,
               "%sconv %lldx%lldx%lld stride %lld,%lld dilation %lld groups %lld channels %lld to "
               "%lld, at %lld,%lld,%lld channel %lld",
               conv->transposed ? "transposed " : "", (long long)conv->kernel[0],
               (long long)conv->kernel[1], (long long)conv->kernel[2], (long long)conv->stride[1],
               (long long)conv->stride[2], (long long)conv->dilation[2], (long long)conv->groups,
               (long long)conv->in_channels, (long long)conv->out_channels, (long long)place[0],
               (long long)place[1], (long long)place[2], (long long)channel);
      fp_check_close(run, what, y + i * y_row + channel, &want, 1, allowed, 0);
      if (run->failed)
        return;
    }
    for (int64_t channel = conv->out_channels; channel < y_row; channel++)
      fp_check_same(run, "between positions", y + i * y_row + channel, "\\\\\\\\", 4);
  }
}

static void perform_case(fp_check_run *run, conv_case *test, bool special) {
  const fp_conv *conv = &test->conv;
  test->multiply = fp_check_random_int(run, 3) == 0 ? fp_check_floats(run, conv->in_channels, true)
                                                    : NULL;
  test->add = fp_check_random_int(run, 3) == 0 ? fp_check_floats(run, conv->in_channels, true)
                                               : NULL;
  test->last = fp_check_random_int(run, 2) ? FP_ACTIVATION_RELU : FP_ACTIVATION_NONE;
  const int64_t outputs = volume(test->out);
  const int64_t pairs = conv->in_channels * conv->out_channels / conv->groups;
  float *x = fp_check_floats(run, volume(test->in) * conv->in_channels, true);
  float *weights = fp_check_floats(run, pairs * volume(conv->kernel), true);
  float *bias = fp_check_floats(run, conv->out_channels, true);
  float *residual = fp_check_floats(run, outputs * conv->out_channels, true);
  if (special && volume(test->in) > 0) {
    const int64_t count = volume(test->in) * conv->in_channels;
    x[fp_check_random(run) % (uint64_t)count] = NAN;
    if (conv->upsample == 1) { // weights of both signs make a NaN of it, their sum may not
      x[fp_check_random(run) % (uint64_t)count] = INFINITY;
      x[fp_check_random(run) % (uint64_t)count] = -INFINITY;
    }
  }
  const fp_conv_frame frame =
      fp_conv_frame_for(conv, test->in[1], test->in[2], test->pad, test->out);
  const int64_t y_row = conv->out_channels + fp_check_random_int(run, 3);
  float *y = fp_check_memory(run, (size_t)(outputs * y_row) * 4, 4, false);
  const int64_t picture = test->out[1] * test->out[2];
  const fp_conv_run conv_run = {
      .frame = frame,
      .frames = filled_frames(run, test, &frame, x),
      .frame_count = test->in[0],
      .pad = {test->pad[0], test->pad[1], test->pad[2]},
      .out = {test->out[0], test->out[1], test->out[2]},
      .weights = packed_weights(run, conv, weights),
      .epilogue = {.bias = bias,
                   .residual = residual,
                   .residual_type = FP_F32,
                   .residual_row = conv->out_channels * 4,
                   .last = test->last,
                   .y = y,
                   .y_type = FP_F32,
                   .y_row = y_row * 4},
      .y_frame = picture * y_row * 4,
      .residual_frame = picture * conv->out_channels * 4,
  };
  const fp_conv_plan plan = fp_conv_plan_for(run->kernels, conv, &conv_run);
  void *scratch = fp_check_memory(run, plan.scratch_bytes, 0, false);
  for (int64_t task = plan.tasks - 1; task >= 0; task--)
    fp_conv_perform(run->kernels, conv, &conv_run, &plan, task, scratch);
  compare(run, test, x, weights, bias, residual, y, y_row);
}

static void draw(fp_check_run *run, conv_case *test, int axis, int in, int kernel, int stride,
                 int dilation) {
  test->in[axis] = fp_check_between(run, 1, in);
  test->conv.kernel[axis] = fp_check_between(run, 1, kernel);
  test->conv.stride[axis] = fp_check_between(run, 1, stride);
  test->conv.dilation[axis] = fp_check_between(run, 1, dilation);
  test->pad[axis] = fp_check_random_int(run, (int)test->conv.kernel[axis] + 1);
}

static void check_random(fp_check_run *run, bool transposed, bool grouped, int repeats) {
  for (int i = 0; i < repeats && !run->failed; i++) {
    conv_case test = {.conv = {.compute = i % 2 ? FP_COMPUTE_BF16 : FP_COMPUTE_F32,
                               .transposed = transposed,
                               .upsample = 1}};
    draw(run, &test, 0, 4, 3, 2, 2);
    draw(run, &test, 1, 9, 4, 3, 3);
    draw(run, &test, 2, 12, 5, 3, 3);
    const int groups = grouped ? fp_check_between(run, 2, 5) : 1;
    test.conv.groups = groups;
    test.conv.in_channels = groups * fp_check_between(run, 1, grouped ? 9 : 40);
    test.conv.out_channels = groups * fp_check_between(run, 1, grouped ? 20 : 70);
    int64_t after[3];
    for (int axis = 0; axis < 3; axis++)
      after[axis] = fp_check_random_int(run, transposed ? (int)test.conv.stride[axis] + 1
                                                        : (int)test.conv.kernel[axis] + 1);
    if (set_output(&test, after))
      perform_case(run, &test, i % 5 == 0);
  }
}

/// Few output channels: the columns of the kernel are folded into the lanes.
static void check_folded(fp_check_run *run) {
  for (int i = 0; i < 60 && !run->failed; i++) {
    conv_case test = {.conv = {.compute = i % 2 ? FP_COMPUTE_BF16 : FP_COMPUTE_F32,
                               .upsample = 1}};
    draw(run, &test, 0, 3, 3, 2, 1);
    draw(run, &test, 1, 8, 4, 2, 2);
    draw(run, &test, 2, 60, 5, 3, 3);
    test.conv.groups = i % 7 == 0 ? 3 : 1;
    test.conv.in_channels = test.conv.groups * fp_check_between(run, 1, 40);
    test.conv.out_channels = test.conv.groups * fp_check_between(run, 1, 5);
    const int64_t after[3] = {test.pad[0], test.pad[1], test.pad[2]};
    if (set_output(&test, after))
      perform_case(run, &test, i % 5 == 0);
  }
}

static void check_upsampled(fp_check_run *run) {
  for (int i = 0; i < 40 && !run->failed; i++) {
    conv_case test = {.conv = {.compute = i % 2 ? FP_COMPUTE_BF16 : FP_COMPUTE_F32,
                               .upsample = fp_check_between(run, 2, 3)}};
    draw(run, &test, 0, 2, 2, 1, 1);
    draw(run, &test, 1, 6, 5, 1, 1);
    draw(run, &test, 2, 9, 5, 1, 1);
    test.conv.groups = i % 7 == 0 ? 3 : 1;
    test.conv.in_channels = test.conv.groups * fp_check_between(run, 1, 20);
    test.conv.out_channels = i % 14 == 0 ? test.conv.in_channels
                                         : test.conv.groups * fp_check_between(run, 1, 40);
    const int64_t after[3] = {0, fp_check_random_int(run, 3), fp_check_random_int(run, 3)};
    if (set_output(&test, after))
      perform_case(run, &test, i % 5 == 0);
  }
}

static void check_plain(fp_check_run *run) { check_random(run, false, false, 60); }
static void check_grouped(fp_check_run *run) { check_random(run, false, true, 40); }
static void check_transposed(fp_check_run *run) { check_random(run, true, false, 60); }
static void check_transposed_grouped(fp_check_run *run) { check_random(run, true, true, 40); }

/// Convolutions of the networks: many passes over k, spanning tiles, bands, several panels.
static void check_networks(fp_check_run *run) {
  const struct {
    int64_t in, out, groups, kernel[3], stride[3], size[3], pad[3], after[3];
    fp_compute compute;
  } cases[] = {
      {192, 100, 1, {3, 3, 3}, {1, 1, 1}, {2, 6, 10}, {2, 1, 1}, {0, 1, 1}, FP_COMPUTE_BF16},
      {384, 16, 1, {3, 3, 3}, {1, 1, 1}, {1, 4, 4}, {2, 1, 1}, {0, 1, 1}, FP_COMPUTE_BF16},
      {96, 96, 1, {1, 3, 3}, {1, 2, 2}, {1, 8, 12}, {0, 0, 0}, {0, 1, 1}, FP_COMPUTE_BF16},
      {3, 64, 1, {1, 7, 7}, {1, 2, 2}, {1, 20, 20}, {0, 3, 3}, {0, 3, 3}, FP_COMPUTE_F32},
      {3, 20, 1, {3, 3, 3}, {1, 1, 1}, {3, 6, 40}, {2, 1, 1}, {0, 1, 1}, FP_COMPUTE_BF16},
      {8, 200, 1, {1, 1, 1}, {1, 1, 1}, {1, 3, 5}, {0, 0, 0}, {0, 0, 0}, FP_COMPUTE_F32},
      {4, 3, 1, {1, 1, 5}, {1, 1, 1}, {1, 1, 1200}, {0, 0, 2}, {0, 0, 2}, FP_COMPUTE_F32},
      {96, 3, 1, {3, 3, 3}, {1, 1, 1}, {2, 4, 600}, {2, 1, 1}, {0, 1, 1}, FP_COMPUTE_BF16},
      {6, 8, 1, {3, 1, 1}, {2, 1, 1}, {7, 40, 9}, {0, 0, 0}, {0, 0, 0}, FP_COMPUTE_BF16},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases && !run->failed; i++) {
    conv_case test = {.conv = {.compute = cases[i].compute,
                               .in_channels = cases[i].in,
                               .out_channels = cases[i].out,
                               .groups = cases[i].groups,
                               .dilation = {1, 1, 1},
                               .upsample = 1}};
    memcpy(test.conv.kernel, cases[i].kernel, sizeof test.conv.kernel);
    memcpy(test.conv.stride, cases[i].stride, sizeof test.conv.stride);
    memcpy(test.in, cases[i].size, sizeof test.in);
    memcpy(test.pad, cases[i].pad, sizeof test.pad);
    if (set_output(&test, cases[i].after))
      perform_case(run, &test, false);
  }
}

static void check_depthwise_runs(fp_check_run *run) {
  for (int i = 0; i < 30 && !run->failed; i++) {
    conv_case test = {.conv = {.compute = i % 2 ? FP_COMPUTE_BF16 : FP_COMPUTE_F32, .upsample = 1}};
    draw(run, &test, 0, 2, 2, 2, 1);
    draw(run, &test, 1, 9, 5, 2, 2);
    draw(run, &test, 2, 14, 5, 3, 2);
    test.conv.groups = fp_check_between(run, 2, 40);
    test.conv.in_channels = test.conv.out_channels = test.conv.groups;
    const int64_t after[3] = {test.pad[0], test.pad[1], test.pad[2]};
    if (set_output(&test, after))
      perform_case(run, &test, i % 5 == 0);
  }
}

/// No frames, no outputs, outputs that no tap meets: the epilogue of nothing.
static void check_nothing(fp_check_run *run) {
  conv_case test = {.conv = {.in_channels = 5,
                             .out_channels = 7,
                             .groups = 1,
                             .kernel = {1, 1, 1},
                             .stride = {1, 3, 3},
                             .dilation = {1, 1, 1},
                             .transposed = true,
                             .upsample = 1},
                    .in = {1, 2, 3}};
  const int64_t none[3] = {0, 0, 0};
  if (set_output(&test, none))
    perform_case(run, &test, false);
  test.conv.transposed = false;
  test.conv.kernel[0] = 3;
  test.pad[0] = 9;
  memcpy(test.out, ((const int64_t[3]){4, 1, 1}), sizeof test.out); // frames before the first
  perform_case(run, &test, false);
  test.in[0] = 0;
  perform_case(run, &test, false);
  test.out[2] = 0;
  perform_case(run, &test, false);
}

static const fp_check checks[] = {
    {"conv.run.plain", check_plain},
    {"conv.run.grouped", check_grouped},
    {"conv.run.transposed", check_transposed},
    {"conv.run.transposed_grouped", check_transposed_grouped},
    {"conv.run.folded", check_folded},
    {"conv.run.upsampled", check_upsampled},
    {"conv.run.networks", check_networks},
    {"conv.run.depthwise", check_depthwise_runs},
    {"conv.run.nothing", check_nothing},
};

const fp_check_topic fp_conv_checks = {checks, sizeof checks / sizeof *checks};
