// Checks of the operations on rows: normalisation, softmax, rotary position embedding.
#include "check_inputs.h"
#include "checks.h"

static const int64_t widths[] = {1, 2, 15, 16, 33, 96, 130, 1027};
enum { rows = 3, width_count = sizeof widths / sizeof *widths };

typedef void (*row_norm)(const fp_norm_args *args, int64_t begin, int64_t end);

static void compare_norm(fp_check_run *run, const char *what, row_norm kernel, row_norm reference,
                         fp_norm_args args) {
  const size_t size = fp_dtype_size(args.y_type), bytes = rows * (size_t)args.width * size;
  char *got = fp_check_memory(run, bytes, 0, true);
  char *want = fp_check_memory(run, bytes, 0, false);
  args.y_row = (ptrdiff_t)((size_t)args.width * size);
  args.y = want;
  reference(&args, 0, rows);
  args.y = got;
  kernel(&args, 0, 1);
  kernel(&args, 1, rows);
  // float32 sums over up to 1027 numbers, of values up to about 30.
  fp_check_close_typed(run, what, args.y_type, got, want, rows * (size_t)args.width, 4e-6f, 2e-6f);
}

static void check_norm(fp_check_run *run) {
  for (int w = 0; w < width_count; w++)
    for (int types = 0; types < 16; types++) {
      const size_t width = (size_t)widths[w];
      fp_norm_args args = {.x_type = fp_check_type(types, 0),
                           .y_type = fp_check_type(types, 1),
                           .width = widths[w],
                           .epsilon = 1e-6f};
      const size_t stride = width + 3; // rows need not lie close together
      args.x = fp_check_array(run, args.x_type, rows * stride, 5, 2);
      args.x_row = (ptrdiff_t)(stride * fp_dtype_size(args.x_type));
      args.multiply = types & 4 ? fp_check_array(run, FP_F32, width, 2, 0) : NULL;
      args.add = types & 8 ? fp_check_array(run, FP_F32, width, 2, 4) : NULL;
      for (int norm = FP_NORM_NONE; norm <= FP_NORM_RMS; norm++) {
        args.norm = (fp_norm)norm;
        if (width == 1 && norm == FP_NORM_LAYER)
          continue; // 0 / sqrt(epsilon) of rounding noise: see check_norm_constant
        args.silu = true; // which only the channel norm has
        compare_norm(run, "norm", run->kernels->norm.rows, run->reference->norm.rows, args);
      }
      args.epsilon = 1e-12f;
      for (int silu = 0; silu < 2; silu++) {
        args.silu = silu;
        compare_norm(run, "channel norm", run->kernels->norm.channels,
                     run->reference->norm.channels, args);
      }
    }
}

/// A constant row has no deviation, and a row of zeros no length: exactly 0 either way.
static void check_norm_constant(fp_check_run *run) {
  enum { width = 64 };
  float x[width], y[width];
  fp_norm_args args = {.x = x,
                       .y = y,
                       .width = width,
                       .norm = FP_NORM_LAYER,
                       .epsilon = 1e-6f};
  for (int i = 0; i < width; i++)
    x[i] = 3;
  run->kernels->norm.rows(&args, 0, 1);
  for (int i = 0; i < width; i++)
    if (y[i] != 0)
      fp_check_fail(run, "LayerNorm of a constant: %g", (double)y[i]);
  memset(x, 0, sizeof x);
  args.epsilon = 1e-12f;
  run->kernels->norm.channels(&args, 0, 1);
  for (int i = 0; i < width; i++)
    if (y[i] != 0)
      fp_check_fail(run, "channel norm of zeros: %g", (double)y[i]);
  x[5] = NAN;
  run->kernels->norm.rows(&args, 0, 1);
  for (int i = 0; i < width; i++)
    if (!isnan(y[i]))
      fp_check_fail(run, "LayerNorm of a row with NaN: %g", (double)y[i]);
}

static void check_softmax(fp_check_run *run) {
  for (int w = 0; w < width_count; w++)
    for (int types = 0; types < 4; types++) {
      const size_t count = rows * (size_t)widths[w];
      fp_softmax_args args = {.x_type = fp_check_type(types, 0),
                              .y_type = fp_check_type(types, 1),
                              .width = widths[w]};
      args.x = fp_check_array(run, args.x_type, count, 30, 2);
      const size_t bytes = count * fp_dtype_size(args.y_type);
      void *got = fp_check_memory(run, bytes, 0, true);
      void *want = fp_check_memory(run, bytes, 0, false);
      args.y = want;
      run->reference->softmax.rows(&args, 0, rows);
      args.y = got;
      run->kernels->softmax.rows(&args, 0, 1);
      run->kernels->softmax.rows(&args, 1, rows);
      // x - max, up to 60, is rounded to a multiple of 2^-18 before the exponential.
      fp_check_close_typed(run, "softmax", args.y_type, got, want, count, 1e-37f, 0x1p-18f);
    }
}

static void check_softmax_special(fp_check_run *run) {
  enum { width = 19 };
  const float ends[] = {-INFINITY, INFINITY, NAN, -3e38f, 3e38f};
  for (int kind = 0; kind < 5; kind++)
    for (int all = 0; all < 2; all++) {
      float x[width], got[width], want[width];
      for (int i = 0; i < width; i++)
        x[i] = all || i == 17 ? ends[kind] : -1000.0f - (float)i;
      fp_softmax_args args = {.x = x, .y = got, .width = width};
      run->kernels->softmax.rows(&args, 0, 1);
      args.y = want;
      run->reference->softmax.rows(&args, 0, 1);
      fp_check_close(run, "softmax of extremes", got, want, width, 1e-37f, 2e-6f);
      if (isnan(want[0]) != (kind == 1 || kind == 2 || (kind == 0 && all)))
        fp_check_fail(run, "softmax of extremes: NaN is wrong for kind %d", kind);
    }
}

static void check_rope(fp_check_run *run) {
  static const int64_t head_widths[] = {2, 6, 16, 32, 34, 128};
  enum { heads = 3 };
  for (int w = 0; w < 6; w++)
    for (int types = 0; types < 4; types++) {
      const size_t width = (size_t)head_widths[w], count = rows * heads * width;
      fp_rope_args args = {.x_type = fp_check_type(types, 0),
                           .y_type = fp_check_type(types, 1),
                           .heads = heads,
                           .width = (int64_t)width};
      args.x = fp_check_array(run, args.x_type, count, 4, 2);
      args.x_row = (ptrdiff_t)(heads * width * fp_dtype_size(args.x_type));
      args.y_row = (ptrdiff_t)(heads * width * fp_dtype_size(args.y_type));
      args.cosines = fp_check_array(run, FP_F32, rows * width, 1, 4);
      args.sines = fp_check_array(run, FP_F32, rows * width, 1, 0);
      const size_t bytes = count * fp_dtype_size(args.y_type);
      void *got = fp_check_memory(run, bytes, 0, true);
      void *want = fp_check_memory(run, bytes, 0, false);
      args.y = want;
      run->reference->rope.rotate(&args, 0, rows);
      args.y = got;
      run->kernels->rope.rotate(&args, 0, 1);
      run->kernels->rope.rotate(&args, 1, rows);
      // Two roundings of terms up to 4; a BF16 result may then lie one place of them away.
      fp_check_close_typed(run, "rope", args.y_type, got, want, count, 5e-7f, 0);
    }
}

static const fp_check checks[] = {
    {"norm.rows", check_norm},       {"norm.constant", check_norm_constant},
    {"softmax.rows", check_softmax}, {"softmax.special", check_softmax_special},
    {"rope.rotate", check_rope},
};

const fp_check_topic fp_row_checks = {checks, sizeof checks / sizeof *checks};
