/// Pieces of the reference matrix product that the instruction set versions fall back on.
#ifndef FP_MATMUL_INTERNAL_H
#define FP_MATMUL_INTERNAL_H

#include "../elementwise/fp_element.h"
#include "fp_convert.h"
#include "fp_matmul.h"

void fp_pack_lanes_generic(void *target, const void *source, ptrdiff_t source_row, int64_t n,
                           int64_t k, int lanes, int64_t groups, int group, size_t element);
void fp_pack_depth_generic(void *target, const void *source, ptrdiff_t source_row, int64_t n,
                           int64_t k, int lanes, int64_t groups, int group, size_t element);
void fp_pack_lanes_f32_generic(void *target, const void *source, ptrdiff_t source_row, int64_t n,
                               int64_t k, int lanes, int64_t groups);
void fp_pack_depth_f32_generic(void *target, const void *source, ptrdiff_t source_row, int64_t n,
                               int64_t k, int lanes, int64_t groups);
void fp_pack_lanes_i8_generic(void *target, const void *source, ptrdiff_t source_row, int64_t n,
                              int64_t k, int lanes, int64_t groups);
void fp_pack_depth_i8_generic(void *target, const void *source, ptrdiff_t source_row, int64_t n,
                              int64_t k, int lanes, int64_t groups);
void fp_finish_nothing(void);

float fp_activate(float x, fp_activation activation, const fp_epilogue *epilogue);
void fp_prepare_row_generic(fp_compute compute, fp_dtype storage, const fp_prologue *prologue,
                            int64_t row, int64_t k, void *target, ptrdiff_t chunk_stride,
                            int64_t chunks, float *scratch, float *scale);
void fp_store_generic(const fp_epilogue *epilogue, const fp_store_args *args);

/// Prologues and epilogues of the levels whose tiles store float32.
void fp_prepare_row_avx2(fp_compute compute, const fp_prologue *prologue, int64_t row, int64_t k,
                         void *target, ptrdiff_t chunk_stride, int64_t chunks, float *scratch,
                         float *scale);
void fp_store_avx2(const fp_epilogue *epilogue, const fp_store_args *args);
void fp_prepare_row_neon(fp_compute compute, const fp_prologue *prologue, int64_t row, int64_t k,
                         void *target, ptrdiff_t chunk_stride, int64_t chunks, float *scratch,
                         float *scale);
void fp_store_neon(const fp_epilogue *epilogue, const fp_store_args *args);

#endif
