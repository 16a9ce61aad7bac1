// Normalisation of rows in plain C, in double.
#include "fp_norm.h"

#include "../elementwise/fp_element.h"

#include <math.h>

/// y = (x - mean) * scale * multiply + add, SiLU where asked for.
static void apply(const fp_norm_args *args, int64_t row, double mean, double scale) {
  const char *x = (const char *)args->x + row * args->x_row;
  char *y = (char *)args->y + row * args->y_row;
  for (size_t i = 0; i < (size_t)args->width; i++) {
    double value = ((double)fp_element(x, args->x_type, i) - mean) * scale;
    if (args->multiply)
      value *= (double)args->multiply[i];
    if (args->add)
      value += (double)args->add[i];
    if (args->silu)
      value = value / (1 + exp(-value));
    fp_set_element(y, args->y_type, i, (float)value);
  }
}

/// Sum over a row of (x - mean)^power.
static double power_sum(const fp_norm_args *args, int64_t row, double mean, int power) {
  const char *x = (const char *)args->x + row * args->x_row;
  double sum = 0;
  for (size_t i = 0; i < (size_t)args->width; i++) {
    const double difference = (double)fp_element(x, args->x_type, i) - mean;
    sum += power == 2 ? difference * difference : difference;
  }
  return sum;
}

static void rows(const fp_norm_args *args, int64_t begin, int64_t end) {
  fp_norm_args plain = *args;
  plain.silu = false;
  const double width = (double)args->width;
  for (int64_t row = begin; row < end; row++) {
    double mean = 0, scale = 1;
    if (args->norm == FP_NORM_LAYER)
      mean = power_sum(args, row, 0, 1) / width;
    if (args->norm != FP_NORM_NONE)
      scale = 1 / sqrt(power_sum(args, row, mean, 2) / width + (double)args->epsilon);
    apply(&plain, row, mean, scale);
  }
}

static void channels(const fp_norm_args *args, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; row++) {
    const double norm = sqrt(power_sum(args, row, 0, 2));
    const double bounded = norm < (double)args->epsilon ? (double)args->epsilon : norm;
    apply(args, row, 0, sqrt((double)args->width) / bounded);
  }
}

void fp_norm_init_generic(fp_norm_kernels *kernels) {
  *kernels = (fp_norm_kernels){.rows = rows, .channels = channels};
}
