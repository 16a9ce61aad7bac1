// The list of all checks: each topic contributes an array.
#include "checks.h"

static const fp_check_topic *const topics[] = {
    &fp_amx_checks,
    &fp_matmul_checks,
    &fp_linear_checks,
    &fp_convert_checks,
    &fp_elementwise_checks,
    &fp_reduce_checks,
    &fp_row_checks,
    &fp_attention_checks,
    &fp_conv_kernel_checks,
    &fp_conv_checks,
    &fp_winograd_checks,
    &fp_lowrank_checks,
    &fp_procedural_checks,
    &fp_far_checks,
};

int fp_check_count(void) {
  int count = 0;
  for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
    count += topics[i]->count;
  return count;
}

const fp_check *fp_check_at(int index) {
  for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
    if (index < topics[i]->count)
      return &topics[i]->checks[index];
    index -= topics[i]->count;
  }
  return NULL;
}
