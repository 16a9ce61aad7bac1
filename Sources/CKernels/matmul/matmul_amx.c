#include "matmul_internal.h"

void fp_matmul_init_amx(fp_matmul_kernels *kernels) {
  (void)kernels;

}
