/// The arithmetic rate of a core when operands never leave its registers: the yardstick of the
/// other kernels' figures.
#ifndef FP_PEAK_H
#define FP_PEAK_H

#include "fp_matmul.h"

typedef struct fp_peak_kernels {
  /// Runs `rounds` rounds of independent multiply-adds in the fastest instructions of the level for
  /// an arithmetic and returns the operations done (a multiply-add counts as two). `sink` receives
  /// a value that depends on all of them.
  double (*run)(fp_compute compute, int64_t rounds, float *sink);
} fp_peak_kernels;

void fp_peak_init_generic(fp_peak_kernels *kernels);
void fp_peak_init_avx2(fp_peak_kernels *kernels);
void fp_peak_init_avx512(fp_peak_kernels *kernels, uint32_t features);
void fp_peak_init_amx(fp_peak_kernels *kernels);
void fp_peak_init_neon(fp_peak_kernels *kernels);

#endif
