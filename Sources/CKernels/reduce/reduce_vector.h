/// Sums and extremes as loops of 16 running sums, which the compiler turns into vectors of doubles.
///
/// Included by `reduce_<isa>.c` after its vector headers.
#include "fp_reduce.h"

#include <math.h>

#pragma STDC FP_CONTRACT OFF

enum { lanes = 16 };

/// The block as float32, filled up to a multiple of 16.
static size_t load_block(float *values, const void *x, fp_dtype type, size_t count, float fill) {
  size_t i = 0;
  for (; i + fp_vec_width <= count; i += fp_vec_width)
    fp_vec_store_f32(values + i, fp_vec_load(x, type, i));
  if (i < count) {
    fp_vec_store_f32(values + i, fp_vec_load_filled(x, type, i, count - i, fill));
    i += fp_vec_width;
  }
  for (; i % lanes != 0; i++)
    values[i] = fill;
  return i;
}

static double joined(double *sums) {
  for (int half = lanes / 2; half > 0; half /= 2)
    for (int i = 0; i < half; i++)
      sums[i] += sums[i + half];
  return sums[0];
}

static fp_moments moments(const void *x, fp_dtype type, size_t count, bool squares) {
  float values[FP_REDUCE_BLOCK];
  double sums[lanes] = {0}, products[lanes] = {0};
  fp_moments result = {.count = (double)count};
  // -0 added to a sum that starts at 0 changes nothing, nor does 0.
  const size_t padded = load_block(values, x, type, count, 0);
  for (size_t i = 0; i < padded; i += lanes)
    for (size_t j = 0; j < lanes; j++)
      sums[j] += (double)values[i + j];
  result.sum = joined(sums);
  if (!squares || count == 0)
    return result;
  const double mean = result.sum / result.count;
  const size_t whole = count / lanes * lanes;
  for (size_t i = 0; i < whole; i += lanes)
    for (size_t j = 0; j < lanes; j++) {
      const double difference = (double)values[i + j] - mean;
      products[j] += difference * difference;
    }
  for (size_t i = whole; i < count; i++) {
    const double difference = (double)values[i] - mean;
    products[i - whole] += difference * difference;
  }
  result.squares = joined(products);
  return result;
}

static fp_extremes extremes(const void *x, fp_dtype type, size_t count) {
  float smallest[lanes], largest[lanes];
  float values[FP_REDUCE_BLOCK];
  fp_extremes result = {INFINITY, -INFINITY};
  if (count == 0)
    return result;
  const float first = fp_element(x, type, 0);
  const size_t padded = load_block(values, x, type, count, first);
  int nan = 0;
  for (size_t j = 0; j < lanes; j++)
    smallest[j] = largest[j] = first;
  for (size_t i = 0; i < padded; i += lanes)
    for (size_t j = 0; j < lanes; j++) {
      const float value = values[i + j];
      nan |= value != value;
      smallest[j] = value < smallest[j] ? value : smallest[j];
      largest[j] = value > largest[j] ? value : largest[j];
    }
  if (nan)
    return (fp_extremes){NAN, NAN};
  for (size_t j = 0; j < lanes; j++)
    result = fp_join_extremes(result, (fp_extremes){smallest[j], largest[j]});
  return result;
}

static void set_kernels(fp_reduce_kernels *kernels) {
  *kernels = (fp_reduce_kernels){.moments = moments, .extremes = extremes};
}
