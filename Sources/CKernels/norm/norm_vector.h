/// Normalisation of rows on the vector vocabulary: sums in float32, four vectors wide, so that each
/// lane adds few numbers; the mean is taken off before squaring.
///
/// Included by `norm_<isa>.c` after its vector headers.
#include "fp_norm.h"

#include <math.h>

typedef struct totals {
  fp_vec part[4];
} totals;

static inline float total(const totals *sums) {
  return fp_vec_sum(fp_vec_add(fp_vec_add(sums->part[0], sums->part[1]),
                               fp_vec_add(sums->part[2], sums->part[3])));
}

static float row_sum(const void *x, fp_dtype type, size_t width) {
  totals sums = {{fp_vec_set(0), fp_vec_set(0), fp_vec_set(0), fp_vec_set(0)}};
  size_t i = 0;
  for (; i + 4 * fp_vec_width <= width; i += 4 * fp_vec_width)
    for (size_t j = 0; j < 4; j++)
      sums.part[j] = fp_vec_add(sums.part[j], fp_vec_load(x, type, i + j * fp_vec_width));
  for (; i + fp_vec_width <= width; i += fp_vec_width)
    sums.part[0] = fp_vec_add(sums.part[0], fp_vec_load(x, type, i));
  if (i < width)
    sums.part[1] = fp_vec_add(sums.part[1], fp_vec_load_part(x, type, i, width - i));
  return total(&sums);
}

static inline fp_vec add_square(fp_vec sum, fp_vec x, fp_vec mean) {
  const fp_vec difference = fp_vec_sub(x, mean);
  return fp_vec_fma(difference, difference, sum);
}

static float row_squares(const void *x, fp_dtype type, size_t width, float mean) {
  totals sums = {{fp_vec_set(0), fp_vec_set(0), fp_vec_set(0), fp_vec_set(0)}};
  const fp_vec middle = fp_vec_set(mean);
  size_t i = 0;
  for (; i + 4 * fp_vec_width <= width; i += 4 * fp_vec_width)
    for (size_t j = 0; j < 4; j++)
      sums.part[j] = add_square(sums.part[j], fp_vec_load(x, type, i + j * fp_vec_width), middle);
  for (; i + fp_vec_width <= width; i += fp_vec_width)
    sums.part[0] = add_square(sums.part[0], fp_vec_load(x, type, i), middle);
  if (i < width)
    sums.part[1] =
        add_square(sums.part[1], fp_vec_load_filled(x, type, i, width - i, mean), middle);
  return total(&sums);
}

static void apply(const fp_norm_args *args, int64_t row, float mean, float scale, bool silu) {
  const char *x = (const char *)args->x + row * args->x_row;
  char *y = (char *)args->y + row * args->y_row;
  const size_t width = (size_t)args->width;
  const fp_vec middle = fp_vec_set(mean), factor = fp_vec_set(scale);
  for (size_t i = 0; i < width; i += fp_vec_width) {
    const size_t count = width - i < fp_vec_width ? width - i : fp_vec_width;
    const bool whole = count == fp_vec_width;
    fp_vec value = whole ? fp_vec_load(x, args->x_type, i)
                         : fp_vec_load_part(x, args->x_type, i, count);
    value = fp_vec_mul(fp_vec_sub(value, middle), factor);
    if (args->multiply)
      value = fp_vec_mul(value, whole ? fp_vec_load_f32(args->multiply + i)
                                      : fp_vec_load_part_f32(args->multiply + i, count));
    if (args->add)
      value = fp_vec_add(value, whole ? fp_vec_load_f32(args->add + i)
                                      : fp_vec_load_part_f32(args->add + i, count));
    if (silu)
      value = fp_vec_silu(value);
    if (whole)
      fp_vec_store(y, args->y_type, i, value);
    else
      fp_vec_store_part(y, args->y_type, i, value, count);
  }
}

static void rows(const fp_norm_args *args, int64_t begin, int64_t end) {
  const size_t width = (size_t)args->width;
  for (int64_t row = begin; row < end; row++) {
    const char *x = (const char *)args->x + row * args->x_row;
    float mean = 0, scale = 1;
    if (args->norm == FP_NORM_LAYER)
      mean = row_sum(x, args->x_type, width) / (float)width;
    if (args->norm != FP_NORM_NONE)
      scale = 1 / sqrtf(row_squares(x, args->x_type, width, mean) / (float)width + args->epsilon);
    apply(args, row, mean, scale, false);
  }
}

static void channels(const fp_norm_args *args, int64_t begin, int64_t end) {
  const size_t width = (size_t)args->width;
  const float root = sqrtf((float)width);
  for (int64_t row = begin; row < end; row++) {
    const char *x = (const char *)args->x + row * args->x_row;
    const float norm = sqrtf(row_squares(x, args->x_type, width, 0));
    apply(args, row, 0, root / (norm < args->epsilon ? args->epsilon : norm), args->silu);
  }
}

static void set_kernels(fp_norm_kernels *kernels) {
  *kernels = (fp_norm_kernels){.rows = rows, .channels = channels};
}
