/// Resampling along one axis at a time: each output is a weighted sum of `taps` inputs.
#ifndef FP_RESAMPLE_H
#define FP_RESAMPLE_H

#include "fp_types.h"

/// Where the outputs of an axis come from.
typedef struct fp_taps {
  const int32_t *index; // [outputs, taps]: inputs
  const float *weight;  // [outputs, taps]
  int taps;             // 1, 2 or 4
} fp_taps;

typedef struct fp_resample_kernels {
  /// Output `output` of the outer axis: target[i] = sum over taps of weight * source[index, i];
  /// `source` holds rows of `width` floats.
  void (*outer)(float *target, const float *source, const fp_taps *axis, int64_t output,
                int64_t width);
  /// All outputs of the inner axis of one row: target[o, c] = sum of weight * source[index, c].
  void (*inner)(float *target, const float *source, const fp_taps *axis, int64_t outputs,
                int64_t channels);
} fp_resample_kernels;

void fp_resample_init_generic(fp_resample_kernels *kernels);
void fp_resample_init_avx2(fp_resample_kernels *kernels);
void fp_resample_init_avx512(fp_resample_kernels *kernels);
void fp_resample_init_neon(fp_resample_kernels *kernels);

#endif
