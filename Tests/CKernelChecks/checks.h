/// Where the topics' checks stand.
#ifndef FP_CHECK_TOPICS_H
#define FP_CHECK_TOPICS_H

#include "fp_checks.h"

typedef struct fp_check_topic {
  const fp_check *checks;
  int count;
} fp_check_topic;

extern const fp_check_topic fp_conv_checks;
extern const fp_check_topic fp_conv_kernel_checks;
extern const fp_check_topic fp_winograd_checks;
extern const fp_check_topic fp_amx_checks;
extern const fp_check_topic fp_attention_checks;
extern const fp_check_topic fp_convert_checks;
extern const fp_check_topic fp_far_checks;
extern const fp_check_topic fp_elementwise_checks;
extern const fp_check_topic fp_matmul_checks;
extern const fp_check_topic fp_linear_checks;
extern const fp_check_topic fp_reduce_checks;
extern const fp_check_topic fp_row_checks;
extern const fp_check_topic fp_lowrank_checks;
extern const fp_check_topic fp_procedural_checks;

#endif
