/// What the files of the low-rank sums share.
#ifndef FP_LOWRANK_INTERNAL_H
#define FP_LOWRANK_INTERNAL_H

#include "fp_lowrank.h"

void fp_lowrank_merge_avx512_bf16(uint16_t *target, const uint16_t *weight, ptrdiff_t row,
                                  const uint16_t *up, ptrdiff_t up_row, const void *packed,
                                  int64_t rows, int64_t rank, int64_t columns, float scale);
void fp_lowrank_pack_avx512_bf16(void *packed, const uint16_t *down, ptrdiff_t down_row,
                                 int64_t rank, int64_t columns);

#endif
