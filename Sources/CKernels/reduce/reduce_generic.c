// Sums and extremes in plain C: 16 running sums in double, element i in sum i % 16, joined
// pairwise. No product is fused with a sum, so that every level gives these bits.
#include "fp_reduce.h"

#include "../elementwise/fp_element.h"

#include <math.h>

#pragma STDC FP_CONTRACT OFF

enum { lanes = 16 };

static double joined(double *sums) {
  for (int half = lanes / 2; half > 0; half /= 2)
    for (int i = 0; i < half; i++)
      sums[i] += sums[i + half];
  return sums[0];
}

static fp_moments moments(const void *x, fp_dtype type, size_t count, bool squares) {
  double sums[lanes] = {0}, products[lanes] = {0};
  fp_moments result = {.count = (double)count};
  for (size_t i = 0; i < count; i++)
    sums[i % lanes] += (double)fp_element(x, type, i);
  result.sum = joined(sums);
  if (!squares || count == 0)
    return result;
  const double mean = result.sum / result.count;
  for (size_t i = 0; i < count; i++) {
    const double difference = (double)fp_element(x, type, i) - mean;
    products[i % lanes] += difference * difference;
  }
  result.squares = joined(products);
  return result;
}

static fp_extremes extremes(const void *x, fp_dtype type, size_t count) {
  fp_extremes result = {INFINITY, -INFINITY};
  for (size_t i = 0; i < count; i++) {
    const float value = fp_element(x, type, i);
    result = fp_join_extremes(result, (fp_extremes){value, value});
  }
  return result;
}

fp_moments fp_join_moments(fp_moments a, fp_moments b) {
  if (a.count == 0)
    return b;
  if (b.count == 0)
    return a;
  const double count = a.count + b.count;
  const double apart = b.sum / b.count - a.sum / a.count;
  return (fp_moments){.count = count,
                      .sum = a.sum + b.sum,
                      .squares = a.squares + b.squares +
                                 apart * apart * (a.count * b.count / count)};
}

fp_extremes fp_join_extremes(fp_extremes a, fp_extremes b) {
  if (a.smallest != a.smallest || b.smallest != b.smallest)
    return (fp_extremes){NAN, NAN};
  return (fp_extremes){b.smallest < a.smallest ? b.smallest : a.smallest,
                       b.largest > a.largest ? b.largest : a.largest};
}

void fp_reduce_init_generic(fp_reduce_kernels *kernels) {
  *kernels = (fp_reduce_kernels){.moments = moments, .extremes = extremes};
}
