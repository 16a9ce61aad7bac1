// Softmax of rows in plain C, in double.
#include "fp_softmax.h"

#include "../elementwise/fp_element.h"

#include <math.h>

static void rows(const fp_softmax_args *args, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; row++) {
    const size_t first = (size_t)(row * args->width), last = first + (size_t)args->width;
    double largest = -INFINITY, sum = 0;
    for (size_t i = first; i < last; i++)
      largest = fmax(largest, (double)fp_element(args->x, args->x_type, i));
    for (size_t i = first; i < last; i++)
      sum += exp((double)fp_element(args->x, args->x_type, i) - largest);
    for (size_t i = first; i < last; i++) {
      const double power = exp((double)fp_element(args->x, args->x_type, i) - largest);
      fp_set_element(args->y, args->y_type, i, (float)(power / sum));
    }
  }
}

void fp_softmax_init_generic(fp_softmax_kernels *kernels) { kernels->rows = rows; }
