#include "fp_convert.h"

void fp_convert_init_avx512(fp_convert_kernels *kernels, uint32_t features) {
  (void)kernels;
  (void)features;
}
