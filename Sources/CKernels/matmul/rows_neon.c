// Prologue and epilogue with NEON.
#include "matmul_internal.h"

#if defined(__aarch64__)
#include "../elementwise/fp_vector_math_neon.h"

#include "rows.h"

void fp_prepare_row_neon(fp_compute compute, const fp_prologue *prologue, int64_t row, int64_t k,
                         void *target, ptrdiff_t chunk_stride, int64_t chunks, float *scratch,
                         float *scale) {
  prepare_row(compute, FP_F32, prologue, row, k, target, chunk_stride, chunks, scratch, scale);
}

void fp_store_neon(const fp_epilogue *epilogue, const fp_store_args *args) {
  store_tile(epilogue, args);
}
#endif
