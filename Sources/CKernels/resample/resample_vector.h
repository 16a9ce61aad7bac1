/// Resampling on the vector vocabulary.
///
/// Included by `resample_<isa>.c` after its vector headers.
#include "fp_resample.h"

#include <math.h>

static inline void blend(float *target, const float *source, const int32_t *index,
                         const float *weight, int taps, int64_t width) {
  int64_t i = 0;
  for (; i + fp_vec_width <= width; i += fp_vec_width) {
    fp_vec sum = fp_vec_mul(fp_vec_set(weight[0]), fp_vec_load_f32(source + index[0] * width + i));
    for (int tap = 1; tap < taps; tap++)
      sum = fp_vec_fma(fp_vec_set(weight[tap]), fp_vec_load_f32(source + index[tap] * width + i),
                       sum);
    fp_vec_store_f32(target + i, sum);
  }
  for (; i < width; i++) {
    float sum = weight[0] * source[index[0] * width + i];
    for (int tap = 1; tap < taps; tap++)
      sum = fmaf(weight[tap], source[index[tap] * width + i], sum);
    target[i] = sum;
  }
}

static void outer(float *target, const float *source, const fp_taps *axis, int64_t output,
                  int64_t width) {
  blend(target, source, axis->index + output * axis->taps, axis->weight + output * axis->taps,
        axis->taps, width);
}

static void inner(float *target, const float *source, const fp_taps *axis, int64_t outputs,
                  int64_t channels) {
  const int taps = axis->taps;
  for (int64_t output = 0; output < outputs; output++)
    blend(target + output * channels, source, axis->index + output * taps,
          axis->weight + output * taps, taps, channels);
}

static void set_kernels(fp_resample_kernels *kernels) {
  *kernels = (fp_resample_kernels){.outer = outer, .inner = inner};
}
