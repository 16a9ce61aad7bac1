#include "matmul_internal.h"

void fp_matmul_init_avx512(fp_matmul_kernels *kernels, uint32_t features) {
  (void)kernels;
  (void)features;
}
