/// Pieces of the reference attention that the instruction set versions fall back on.
#ifndef FP_ATTENTION_INTERNAL_H
#define FP_ATTENTION_INTERNAL_H

#include "fp_attention.h"

/// Stores one element as `storage` wants it.
void fp_attention_store(void *target, int index, float value, fp_attention_storage storage);

/// Elements begin ..< dim of what `fp_attention_kernels.prepare` does; `begin` is even.
void fp_attention_prepare_part(const fp_attention_rows *rows, int head, int64_t row, int dim,
                               int begin, fp_attention_storage storage, void *target);

/// Elements begin ..< dim of what `fp_attention_kernels.finish` does.
void fp_attention_finish_part(void *y, fp_dtype y_type, const float *output, float factor,
                              int begin, int dim, bool add);

/// Takes the functions of a table over.
static inline void fp_attention_take_functions(fp_attention_kernels *kernels,
                                               const fp_attention_kernels *table) {
  for (int storage = 0; storage < FP_ATTENTION_STORAGE_COUNT; storage++)
    kernels->softmax[storage] = table->softmax[storage];
  kernels->prepare = table->prepare;
  kernels->finish = table->finish;
}

#endif
