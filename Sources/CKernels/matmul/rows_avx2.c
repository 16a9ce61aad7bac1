// Prologue and epilogue with AVX2.
#include "matmul_internal.h"

#if defined(__x86_64__)
#include "../elementwise/fp_vector_math_avx2.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#include "rows.h"

void fp_prepare_row_avx2(fp_compute compute, const fp_prologue *prologue, int64_t row, int64_t k,
                         void *target, ptrdiff_t chunk_stride, int64_t chunks, float *scratch,
                         float *scale) {
  prepare_row(compute, FP_F32, prologue, row, k, target, chunk_stride, chunks, scratch, scale);
}

void fp_store_avx2(const fp_epilogue *epilogue, const fp_store_args *args) {
  store_tile(epilogue, args);
}

#pragma clang attribute pop
#endif
