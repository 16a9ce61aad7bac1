// Checks of the element-by-element arithmetic.
#include "check_inputs.h"
#include "checks.h"

static const char *const unary_names[FP_UNARY_COUNT] = {"gelu_tanh", "gelu_erf", "silu", "relu",
                                                        "sigmoid",   "tanh",     "exp"};

/// Every 40,009th float32 of either sign, against the function in double.
static void check_unary_range(fp_check_run *run) {
  enum { count = 107348 };
  float *x = fp_check_memory(run, count * 4, 4, false);
  float *got = fp_check_memory(run, count * 4, 0, true);
  float *want = fp_check_memory(run, count * 4, 0, false);
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t word = i * 40009u;
    memcpy(x + i, &word, 4);
  }
  for (int function = 0; function < FP_UNARY_COUNT; function++) {
    run->kernels->elementwise.unary((fp_unary)function, got, FP_F32, x, FP_F32, count);
    run->reference->elementwise.unary((fp_unary)function, want, FP_F32, x, FP_F32, count);
    for (size_t i = 0; i < count; i++) {
      // GELU's left tail is a difference of terms as large as x.
      const bool tail = function == FP_UNARY_GELU_TANH || function == FP_UNARY_GELU_ERF;
      const float size = fabsf(tail && !isinf(x[i]) ? x[i] : want[i]);
      const float bound = 0x1.0p-22f * size + 0x1p-126f;
      const bool same = isnan(want[i])   ? isnan(got[i])
                        : isinf(want[i]) ? got[i] == want[i]
                                         : fabsf(got[i] - want[i]) <= bound;
      if (!same)
        fp_check_fail(run, "%s(%.9g): got %.9g, expected %.9g", unary_names[function],
                      (double)x[i], (double)got[i], (double)want[i]);
    }
  }
}

static void check_unary_special(fp_check_run *run) {
  static const float x[] = {INFINITY, -INFINITY, NAN, 0, -0.0f, 1e30f, -1e30f, 1e-40f};
  enum { count = sizeof x / sizeof *x };
  static const float want[FP_UNARY_COUNT][count] = {
      {INFINITY, NAN, NAN, 0, -0.0f, 1e30f, 0, 5e-41f},
      {INFINITY, NAN, NAN, 0, -0.0f, 1e30f, 0, 5e-41f},
      {INFINITY, NAN, NAN, 0, -0.0f, 1e30f, 0, 5e-41f},
      {INFINITY, 0, NAN, 0, 0, 1e30f, 0, 1e-40f},
      {1, 0, NAN, 0.5f, 0.5f, 1, 0, 0.5f},
      {1, -1, NAN, 0, -0.0f, 1, -1, 1e-40f},
      {INFINITY, 0, NAN, 1, 1, INFINITY, 0, 1},
  };
  float got[count];
  for (int function = 0; function < FP_UNARY_COUNT; function++) {
    run->kernels->elementwise.unary((fp_unary)function, got, FP_F32, x, FP_F32, count);
    fp_check_close(run, unary_names[function], got, want[function], count, 1e-44f, 0);
  }
}

static void check_unary_types(fp_check_run *run) {
  for (int function = 0; function < FP_UNARY_COUNT; function++)
    for (int c = 0; c < fp_check_count_count; c++)
      for (int types = 0; types < 4; types++) {
        const size_t count = fp_check_counts[c];
        const fp_dtype x_type = fp_check_type(types, 0), y_type = fp_check_type(types, 1);
        void *x = fp_check_array(run, x_type, count, 6, (size_t)(2 * (types % 2)));
        void *got = fp_check_memory(run, count * fp_dtype_size(y_type), 2, types < 2);
        void *want = fp_check_memory(run, count * fp_dtype_size(y_type), 0, false);
        run->kernels->elementwise.unary((fp_unary)function, got, y_type, x, x_type, count);
        run->reference->elementwise.unary((fp_unary)function, want, y_type, x, x_type, count);
        fp_check_close_typed(run, unary_names[function], y_type, got, want, count, 2e-6f, 1e-6f);
      }
}

static void check_binary(fp_check_run *run) {
  for (int function = 0; function < FP_BINARY_COUNT; function++)
    for (int c = 0; c < fp_check_count_count; c++)
      for (int types = 0; types < 8; types++) {
        const size_t count = fp_check_counts[c];
        const fp_dtype a_type = fp_check_type(types, 0), b_type = fp_check_type(types, 1);
        const fp_dtype y_type = fp_check_type(types, 2);
        const size_t bytes = count * fp_dtype_size(y_type);
        void *a = fp_check_array(run, a_type, count, 4, 0);
        void *b = fp_check_array(run, b_type, count, 4, 6);
        void *got = fp_check_memory(run, bytes, 2, types < 4);
        void *want = fp_check_memory(run, bytes, 0, false);
        run->kernels->elementwise.binary((fp_binary)function, got, y_type, a, a_type, b, b_type,
                                         count);
        run->reference->elementwise.binary((fp_binary)function, want, y_type, a, a_type, b, b_type,
                                           count);
        if (function <= FP_BINARY_MULTIPLY)
          fp_check_same(run, "binary", got, want, bytes);
        else
          fp_check_close_typed(run, "activation times b", y_type, got, want, count, 4e-6f, 1e-6f);
      }
}

/// A fused multiply-add is rounded once at every level, so the bits are the same.
static void check_scaled(fp_check_run *run) {
  for (int c = 0; c < fp_check_count_count; c++)
    for (int types = 0; types < 8; types++) {
      const size_t count = fp_check_counts[c];
      const fp_dtype a_type = fp_check_type(types, 0), b_type = fp_check_type(types, 1);
      const fp_dtype y_type = fp_check_type(types, 2);
      const size_t bytes = count * fp_dtype_size(y_type);
      void *a = fp_check_array(run, a_type, count, 2, 2);
      void *b = fp_check_array(run, b_type, count, 2, 0);
      void *got = fp_check_memory(run, bytes, 2, types < 4);
      void *want = fp_check_memory(run, bytes, 0, false);
      run->kernels->elementwise.scale_add(0.3f, got, y_type, a, a_type, b, b_type, count);
      run->reference->elementwise.scale_add(0.3f, want, y_type, a, a_type, b, b_type, count);
      fp_check_same(run, "scale and add", got, want, bytes);
      run->kernels->elementwise.affine(1.7f, -0.1f, got, y_type, a, a_type, count);
      run->reference->elementwise.affine(1.7f, -0.1f, want, y_type, a, a_type, count);
      fp_check_same(run, "affine", got, want, bytes);
    }
}

static void check_gated_add(fp_check_run *run) {
  enum { rows = 3 };
  for (int c = 0; c < fp_check_count_count; c++)
    for (int types = 0; types < 8; types++) {
      const size_t width = fp_check_counts[c], count = rows * width;
      fp_gated_add args = {.x_type = fp_check_type(types, 0),
                           .residual_type = fp_check_type(types, 1),
                           .y_type = fp_check_type(types, 2),
                           .width = (int64_t)width};
      const size_t bytes = count * fp_dtype_size(args.y_type);
      args.x = fp_check_array(run, args.x_type, count, 2, 2);
      args.residual = fp_check_array(run, args.residual_type, count, 2, 0);
      args.gate = fp_check_array(run, FP_F32, width, 2, 4);
      void *got = fp_check_memory(run, bytes, 0, true);
      void *want = fp_check_memory(run, bytes, 0, false);
      args.y = want;
      run->reference->elementwise.gated_add(&args, 0, rows);
      args.y = got;
      run->kernels->elementwise.gated_add(&args, 0, 1);
      run->kernels->elementwise.gated_add(&args, 1, rows);
      fp_check_same(run, "gated add", got, want, bytes);
    }
}

static const fp_check checks[] = {
    {"elementwise.unary_range", check_unary_range},
    {"elementwise.unary_special", check_unary_special},
    {"elementwise.unary_types", check_unary_types},
    {"elementwise.binary", check_binary},
    {"elementwise.scaled", check_scaled},
    {"elementwise.gated_add", check_gated_add},
};

const fp_check_topic fp_elementwise_checks = {checks, sizeof checks / sizeof *checks};
