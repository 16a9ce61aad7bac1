// Checks of the reductions, of the resampling and of pooling, whose bits are the same at every
// level.
#include "check_inputs.h"
#include "checks.h"

static const size_t counts[] = {0, 1, 2, 7, 16, 31, 33, 100, 1000, 4095, 4096};
enum { count_count = sizeof counts / sizeof *counts };

static void check_moments(fp_check_run *run) {
  for (int c = 0; c < count_count; c++)
    for (int type = FP_F32; type <= FP_BF16; type++)
      for (int squares = 0; squares < 2; squares++) {
        const void *x = fp_check_array(run, (fp_dtype)type, counts[c], 9, 2 * (size_t)squares);
        const fp_moments got =
            run->kernels->reduce.moments(x, (fp_dtype)type, counts[c], squares);
        const fp_moments want =
            run->reference->reduce.moments(x, (fp_dtype)type, counts[c], squares);
        fp_check_same(run, "moments", &got, &want, sizeof got);
      }
}

/// The reference against the plain definition.
static void check_moments_meaning(fp_check_run *run) {
  enum { count = 1000 };
  const float *x = fp_check_array(run, FP_F32, 2 * count, 3, 0);
  double sum = 0, squares = 0;
  for (int i = 0; i < 2 * count; i++)
    sum += (double)x[i];
  for (int i = 0; i < 2 * count; i++)
    squares += ((double)x[i] - sum / (2 * count)) * ((double)x[i] - sum / (2 * count));
  const fp_moments got =
      fp_join_moments(run->kernels->reduce.moments(x, FP_F32, count, true),
                      run->kernels->reduce.moments(x + count, FP_F32, count, true));
  if (got.count != 2 * count || fabs(got.sum - sum) > 1e-11 * count ||
      fabs(got.squares - squares) > 1e-11 * squares)
    fp_check_fail(run, "sum %.17g squares %.17g, expected %.17g %.17g", got.sum, got.squares, sum,
                  squares);
}

static void check_extremes(fp_check_run *run) {
  for (int c = 0; c < count_count; c++)
    for (int type = FP_F32; type <= FP_BF16; type++)
      for (int special = 0; special < 3; special++) {
        const size_t size = fp_dtype_size((fp_dtype)type), count = counts[c];
        char *x = fp_check_array(run, (fp_dtype)type, count, 9, 2);
        const float value = special == 1 ? NAN : -INFINITY;
        if (special > 0 && count > 0)
          run->reference->convert.convert(x + size * (count - 1), (fp_dtype)type, &value, FP_F32,
                                          1);
        const fp_extremes got = run->kernels->reduce.extremes(x, (fp_dtype)type, count);
        const fp_extremes want = run->reference->reduce.extremes(x, (fp_dtype)type, count);
        fp_check_close(run, "smallest", &got.smallest, &want.smallest, 1, 0, 0);
        fp_check_close(run, "largest", &got.largest, &want.largest, 1, 0, 0);
        if (special == 1 && count > 0 && !isnan(got.largest))
          fp_check_fail(run, "a NaN was lost");
      }
}

static void check_resample(fp_check_run *run) {
  static const int tap_counts[] = {1, 2, 4};
  enum { inputs = 5, outputs = 7 };
  for (int t = 0; t < 3; t++)
    for (int c = 1; c < fp_check_count_count; c++) {
      const int64_t width = (int64_t)fp_check_counts[c];
      const size_t taps = (size_t)tap_counts[t], wide = (size_t)width;
      const float *source = fp_check_array(run, FP_F32, inputs * wide, 2, 4);
      int32_t *index = fp_check_memory(run, outputs * taps * 4, 0, true);
      for (size_t i = 0; i < outputs * taps; i++)
        index[i] = fp_check_random_int(run, inputs);
      const fp_taps axis = {
          index, fp_check_array(run, FP_F32, outputs * taps, 1, 0), tap_counts[t]};
      float *got = fp_check_memory(run, outputs * wide * 4, 0, true);
      float *want = fp_check_memory(run, outputs * wide * 4, 0, false);
      run->kernels->resample.inner(got, source, &axis, outputs, width);
      run->reference->resample.inner(want, source, &axis, outputs, width);
      fp_check_same(run, "inner", got, want, outputs * wide * 4);
      memset(got, 0, outputs * wide * 4);
      for (int64_t output = 0; output < outputs; output++)
        run->kernels->resample.outer(got + output * width, source, &axis, output, width);
      fp_check_same(run, "outer", got, want, outputs * wide * 4);
    }
}

/// Windows with and without padding, over a picture that lies in a wider one; some values are NaN.
static void check_pool(fp_check_run *run) {
  enum { rows = 5, columns = 6, gap = 3 };
  static const int64_t windows[][3] = {{2, 2, 0}, {3, 2, 1}, {3, 1, 1}, {1, 1, 0}, {5, 4, 2}};
  for (size_t w = 0; w < sizeof windows / sizeof *windows; w++)
    for (int c = 1; c < fp_check_count_count; c++)
      for (int type = FP_F32; type <= FP_BF16; type++) {
        const size_t channels = fp_check_counts[c], size = fp_dtype_size((fp_dtype)type);
        const size_t wide = channels + gap, count = rows * columns * wide - gap;
        char *x = fp_check_array(run, (fp_dtype)type, count, 3, 2 * (size_t)(c % 2));
        const float nan = NAN;
        for (size_t i = 7; i < count; i += 61)
          run->reference->convert.convert(x + size * i, (fp_dtype)type, &nan, FP_F32, 1);
        const int64_t kernel = windows[w][0], stride = windows[w][1], padding = windows[w][2];
        const int64_t out_rows = (rows + 2 * padding - kernel) / stride + 1;
        const int64_t out_columns = (columns + 2 * padding - kernel) / stride + 1;
        const size_t bytes = (size_t)(out_rows * out_columns) * channels * size;
        void *got = fp_check_memory(run, bytes, 0, true);
        void *want = fp_check_memory(run, bytes, 0, false);
        fp_pool_args args = {.x = x,
                             .type = (fp_dtype)type,
                             .x_row = (ptrdiff_t)(columns * wide * size),
                             .x_pixel = (ptrdiff_t)(wide * size),
                             .y_row = out_columns * (ptrdiff_t)(channels * size),
                             .y_pixel = (ptrdiff_t)(channels * size),
                             .rows = rows,
                             .columns = columns,
                             .channels = (int64_t)channels,
                             .kernel = {kernel, kernel},
                             .stride = {stride, stride},
                             .padding = {padding, padding},
                             .out_columns = out_columns};
        args.y = got;
        run->kernels->pool.maximum(&args, 0, 1);
        run->kernels->pool.maximum(&args, 1, out_rows);
        args.y = want;
        run->reference->pool.maximum(&args, 0, out_rows);
        fp_check_same(run, "largest of windows", got, want, bytes);
      }
}

static const fp_check checks[] = {
    {"reduce.moments", check_moments},
    {"reduce.moments_meaning", check_moments_meaning},
    {"reduce.extremes", check_extremes},
    {"resample.axes", check_resample},
    {"pool.maximum", check_pool},
};

const fp_check_topic fp_reduce_checks = {checks, sizeof checks / sizeof *checks};
