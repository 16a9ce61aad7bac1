#include "matmul_internal.h"

void fp_matmul_init_avx2(fp_matmul_kernels *kernels) {
  (void)kernels;

}
