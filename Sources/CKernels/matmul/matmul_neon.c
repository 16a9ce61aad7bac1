#include "matmul_internal.h"

void fp_matmul_init_neon(fp_matmul_kernels *kernels) {
  (void)kernels;

}
