// Prologue and epilogue with AVX-512.
#include "matmul_avx512.h"

#if defined(__x86_64__)
#include "../elementwise/fp_vector_math_avx512.h"

#pragma clang attribute push(__attribute__((target(FP_AVX512_TARGET))), apply_to = function)

#include "rows.h"

void fp_prepare_row_avx512(fp_compute compute, const fp_prologue *prologue, int64_t row, int64_t k,
                           void *target, ptrdiff_t chunk_stride, int64_t chunks, float *scratch,
                           float *scale) {
  prepare_row(compute, FP_F32, prologue, row, k, target, chunk_stride, chunks, scratch, scale);
}

void fp_prepare_row_avx512_bf16(fp_compute compute, const fp_prologue *prologue, int64_t row,
                                int64_t k, void *target, ptrdiff_t chunk_stride, int64_t chunks,
                                float *scratch, float *scale) {
  const fp_dtype storage = compute == FP_COMPUTE_BF16 ? FP_BF16 : FP_F32;
  prepare_row(compute, storage, prologue, row, k, target, chunk_stride, chunks, scratch, scale);
}

void fp_store_avx512(const fp_epilogue *epilogue, const fp_store_args *args) {
  store_tile(epilogue, args);
}

#pragma clang attribute pop
#endif
