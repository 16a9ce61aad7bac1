/// Attention problems for the checks: random inputs, a run of the kernels, and the plain solution.
#ifndef FP_ATTENTION_PROBLEM_H
#define FP_ATTENTION_PROBLEM_H

#include "fp_checks.h"

/// One attention problem.
typedef struct attention_problem {
  fp_compute compute;
  int heads, dim;
  int64_t queries, keys;
  int64_t groups, group_queries, group_rows; // 0: one group of all rows
  fp_dtype type, y_type;                     // of q, k, v; of y
  bool row_scale, weight, rotate, bias, add;
  float scale; // 0: 1 / sqrt(dim)
} attention_problem;

/// A problem with its inputs.
typedef struct attention_inputs {
  fp_attention_keys keys;
  fp_attention_queries queries;
  int64_t rows; // of keys and values
} attention_inputs;

/// Random inputs in guarded memory; y holds a pattern.
attention_inputs fp_attention_make_inputs(fp_check_run *run,
                                             const attention_problem *problem);

/// What the kernels should give, as float32 [queries, heads, dim]; reads y where it is added to.
float *fp_attention_expected(fp_check_run *run, const attention_inputs *in);

/// Runs all tasks of both phases; from the last to the first where `backwards`.
void fp_attention_perform(fp_check_run *run, const attention_inputs *in, bool backwards);

/// One element of an F32 or BF16 array.
float fp_attention_element(const void *base, fp_dtype type, int64_t index);

#endif
