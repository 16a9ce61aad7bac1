/// Pieces of the AVX-512 matrix product, shared with the AMX level.
#ifndef FP_MATMUL_AVX512_H
#define FP_MATMUL_AVX512_H

#include "matmul_internal.h"

#define FP_AVX512_TARGET "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"

void fp_tile_f32_avx512(const fp_tile_args *args);
void fp_tile_bf16_avx512(const fp_tile_args *args);
void fp_tile_i8_avx512(const fp_tile_args *args);

/// Prologue and epilogue; the second prologue is for tiles that store bfloat16.
void fp_prepare_row_avx512(fp_compute compute, const fp_prologue *prologue, int64_t row, int64_t k,
                           void *target, ptrdiff_t chunk_stride, int64_t chunks, float *scratch,
                           float *scale);
void fp_prepare_row_avx512_bf16(fp_compute compute, const fp_prologue *prologue, int64_t row,
                                int64_t k, void *target, ptrdiff_t chunk_stride, int64_t chunks,
                                float *scratch, float *scale);
void fp_store_avx512(const fp_epilogue *epilogue, const fp_store_args *args);

/// Packing of 32-bit words: the same for every type, since a group is one word.
void fp_pack_lanes_words_avx512(void *target, const void *source, ptrdiff_t source_row, int64_t n,
                                int64_t k_bytes, int lanes, int64_t groups);

#endif
