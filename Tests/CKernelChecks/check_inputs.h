/// Inputs and comparisons that the element-wise checks share.
#ifndef FP_CHECK_INPUTS_H
#define FP_CHECK_INPUTS_H

#include "fp_checks.h"

#include <math.h>
#include <string.h>

/// A guarded array of F32 or BF16 with random values in [-scale, scale).
static inline void *fp_check_array(fp_check_run *run, fp_dtype type, size_t count, float scale,
                                   size_t misalignment) {
  const size_t size = fp_dtype_size(type);
  char *array = fp_check_memory(run, count * size, misalignment, misalignment == 0);
  for (size_t i = 0; i < count; i++) {
    const float value = scale * fp_check_random_float(run);
    run->reference->convert.convert(array + i * size, type, &value, FP_F32, 1);
  }
  return array;
}

/// As `fp_check_close` for an array of F32 or BF16; a BF16 result may also be one place away, where
/// the float32 before rounding lay near a tie.
static inline void fp_check_close_typed(fp_check_run *run, const char *what, fp_dtype type,
                                        const void *got, const void *want, size_t count,
                                        float absolute, float relative) {
  float *got_values = fp_check_memory(run, count * 4, 0, false);
  float *want_values = fp_check_memory(run, count * 4, 0, false);
  run->reference->convert.convert(got_values, FP_F32, got, type, count);
  run->reference->convert.convert(want_values, FP_F32, want, type, count);
  fp_check_close(run, what, got_values, want_values, count, absolute,
                 relative + (type == FP_BF16 ? 0x1p-7f : 0));
}

/// The types of an array in the n-th combination.
static inline fp_dtype fp_check_type(int n, int position) {
  return (n >> position) & 1 ? FP_BF16 : FP_F32;
}

static const size_t fp_check_counts[] = {0, 1, 3, 8, 15, 16, 17, 31, 64, 101};
enum { fp_check_count_count = sizeof fp_check_counts / sizeof *fp_check_counts };

#endif
