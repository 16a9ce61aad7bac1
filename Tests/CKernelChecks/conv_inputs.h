/// Random inputs that the checks of convolutions share.
#ifndef FP_CONV_INPUTS_H
#define FP_CONV_INPUTS_H

#include "fp_checks.h"

/// An integer in low ... high.
static inline int fp_check_between(fp_check_run *run, int low, int high) {
  return low + fp_check_random_int(run, high - low + 1);
}

/// Guarded floats in [-1, 1).
static inline float *fp_check_floats(fp_check_run *run, int64_t count, bool at_end) {
  float *values = fp_check_memory(run, (size_t)count * 4, 4, at_end);
  for (int64_t i = 0; i < count; i++)
    values[i] = fp_check_random_float(run);
  return values;
}

#endif
