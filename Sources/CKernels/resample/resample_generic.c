// Resampling in plain C. A sum is a chain of fused multiply-adds, so that every level gives the
// same bits.
#include "fp_resample.h"

#include <math.h>

static void outer(float *target, const float *source, const fp_taps *axis, int64_t output,
                  int64_t width) {
  const int32_t *index = axis->index + output * axis->taps;
  const float *weight = axis->weight + output * axis->taps;
  for (int64_t i = 0; i < width; i++) {
    float sum = weight[0] * source[index[0] * width + i];
    for (int tap = 1; tap < axis->taps; tap++)
      sum = fmaf(weight[tap], source[index[tap] * width + i], sum);
    target[i] = sum;
  }
}

static void inner(float *target, const float *source, const fp_taps *axis, int64_t outputs,
                  int64_t channels) {
  for (int64_t output = 0; output < outputs; output++)
    outer(target + output * channels, source, axis, output, channels);
}

void fp_resample_init_generic(fp_resample_kernels *kernels) {
  *kernels = (fp_resample_kernels){.outer = outer, .inner = inner};
}
