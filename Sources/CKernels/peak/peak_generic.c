// Rate of plain C multiply-adds, as the compiler schedules them.
#include "fp_peak.h"

#include <math.h>

static double run(fp_compute compute, int64_t rounds, float *sink) {
  (void)compute;
  float sums[16] = {0};
  const float x = *sink, y = 1e-3f;
  for (int64_t round = 0; round < rounds; round++)
    for (int i = 0; i < 16; i++)
      sums[i] = sums[i] * x + y;
  for (int i = 0; i < 16; i++)
    *sink += sums[i];
  return (double)rounds * 16 * 2;
}

void fp_peak_init_generic(fp_peak_kernels *kernels) { kernels->run = run; }
