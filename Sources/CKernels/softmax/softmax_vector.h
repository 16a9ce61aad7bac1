/// Softmax of rows on the vector vocabulary.
///
/// Included by `softmax_<isa>.c` after its vector headers.
#include "fp_softmax.h"

#include <math.h>

/// NaN may or may not come through; the sum of the powers has it in any case.
static float row_largest(const void *x, fp_dtype type, size_t first, size_t width) {
  fp_vec largest = fp_vec_set(-INFINITY);
  size_t i = 0;
  for (; i + fp_vec_width <= width; i += fp_vec_width)
    largest = fp_vec_max(largest, fp_vec_load(x, type, first + i));
  if (i < width)
    largest = fp_vec_max(largest,
                         fp_vec_load_filled(x, type, first + i, width - i, -INFINITY));
  return fp_vec_largest(largest);
}

/// Sum of e^(x - largest).
static float row_powers(const void *x, fp_dtype type, size_t first, size_t width, fp_vec largest) {
  fp_vec even = fp_vec_set(0), odd = fp_vec_set(0);
  size_t i = 0;
  for (; i + 2 * fp_vec_width <= width; i += 2 * fp_vec_width) {
    const fp_vec a = fp_vec_load(x, type, first + i);
    const fp_vec b = fp_vec_load(x, type, first + i + fp_vec_width);
    even = fp_vec_add(even, fp_vec_exp(fp_vec_sub(a, largest)));
    odd = fp_vec_add(odd, fp_vec_exp(fp_vec_sub(b, largest)));
  }
  for (; i < width; i += fp_vec_width) {
    const size_t rest = width - i;
    const fp_vec a = rest >= fp_vec_width
                         ? fp_vec_load(x, type, first + i)
                         : fp_vec_load_filled(x, type, first + i, rest, -INFINITY);
    even = fp_vec_add(even, fp_vec_exp(fp_vec_sub(a, largest)));
  }
  return fp_vec_sum(fp_vec_add(even, odd));
}

static void rows(const fp_softmax_args *args, int64_t begin, int64_t end) {
  const fp_softmax_args a = *args;
  const size_t width = (size_t)a.width;
  for (int64_t row = begin; row < end; row++) {
    const size_t first = (size_t)row * width;
    const fp_vec largest = fp_vec_set(row_largest(a.x, a.x_type, first, width));
    const fp_vec sum = fp_vec_set(row_powers(a.x, a.x_type, first, width, largest));
    size_t i = 0;
    for (; i + fp_vec_width <= width; i += fp_vec_width) {
      const fp_vec power = fp_vec_exp(fp_vec_sub(fp_vec_load(a.x, a.x_type, first + i), largest));
      fp_vec_store(a.y, a.y_type, first + i, fp_vec_div(power, sum));
    }
    if (i < width) {
      const fp_vec x = fp_vec_load_part(a.x, a.x_type, first + i, width - i);
      fp_vec_store_part(a.y, a.y_type, first + i,
                        fp_vec_div(fp_vec_exp(fp_vec_sub(x, largest)), sum), width - i);
    }
  }
}

static void set_kernels(fp_softmax_kernels *kernels) { kernels->rows = rows; }
