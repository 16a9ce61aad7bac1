// Tiles of 6 rows by 16 lanes with NEON: float32 by FMLA, bytes widened to 16 bits.
#include "matmul_internal.h"

#if defined(__aarch64__)
#include <arm_neon.h>

enum { tile_rows = 6, tile_lanes = 16, vectors = 4 };

static inline __attribute__((always_inline)) const char *
multiply_groups_f32(float32x4_t sums[tile_rows][vectors], const char *a, ptrdiff_t a_row,
                    const char *b, int count, const int rows) {
  for (int group = 0; group < count; group++, b += tile_lanes * 4) {
    float32x4_t y[vectors];
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++)
      y[v] = vld1q_f32((const float *)b + 4 * v);
#pragma clang loop unroll(full)
    for (int row = 0; row < rows; row++) {
      const float32x4_t x = vld1q_dup_f32((const float *)(a + row * a_row + group * 4));
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; v++)
        sums[row][v] = vfmaq_f32(sums[row][v], x, y[v]);
    }
  }
  return b;
}

static inline __attribute__((always_inline)) void multiply_rows_f32(const fp_tile_args *args,
                                                                    int first_row,
                                                                    const int rows) {
  float32x4_t sums[tile_rows][vectors];
#pragma clang loop unroll(full)
  for (int row = 0; row < rows; row++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++)
      sums[row][v] = vdupq_n_f32(0);
  const char *b = args->b;
  for (int block = 0; block < args->batch; block++) {
    const char *a = (const char *)args->a + (args->a_offsets ? args->a_offsets[block] : 0) +
                    first_row * args->a_row;
    for (int group = 0; group < args->groups; group += FP_CHUNK_GROUPS, a += args->a_chunk) {
      const int left = args->groups - group;
      b = multiply_groups_f32(sums, a, args->a_row, b,
                              left < FP_CHUNK_GROUPS ? left : FP_CHUNK_GROUPS, rows);
    }
  }
#pragma clang loop unroll(full)
  for (int row = 0; row < rows; row++) {
    float *c = (float *)((char *)args->c + (first_row + row) * args->c_row);
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) {
      if (args->accumulate)
        sums[row][v] = vaddq_f32(sums[row][v], vld1q_f32(c + 4 * v));
      vst1q_f32(c + 4 * v, sums[row][v]);
    }
  }
}

static void multiply_f32(const fp_tile_args *args) {
  int row = 0;
  for (; row + tile_rows <= args->rows; row += tile_rows)
    multiply_rows_f32(args, row, tile_rows);
  for (; row + 2 <= args->rows; row += 2)
    multiply_rows_f32(args, row, 2);
  for (; row < args->rows; row++)
    multiply_rows_f32(args, row, 1);
}

/// sum + x . y for the four bytes of each word: x unsigned, y signed.
static inline int32x4_t dot_bytes(int32x4_t sum, int16x8_t x, int8x16_t y) {
  const int32x4_t low = vpaddlq_s16(vmulq_s16(vmovl_s8(vget_low_s8(y)), x));
  const int32x4_t high = vpaddlq_s16(vmulq_s16(vmovl_high_s8(y), x));
  return vaddq_s32(sum, vpaddq_s32(low, high));
}

static void multiply_row_i8(const fp_tile_args *args, int row) {
  int32x4_t sums[vectors] = {vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)};
  const int8_t *b = args->b;
  for (int block = 0; block < args->batch; block++) {
    const char *a = (const char *)args->a + (args->a_offsets ? args->a_offsets[block] : 0) +
                    row * args->a_row;
    for (int group = 0; group < args->groups; group++, b += tile_lanes * 4) {
      uint32_t word;
      __builtin_memcpy(
          &word, a + (group / FP_CHUNK_GROUPS) * args->a_chunk + (group % FP_CHUNK_GROUPS) * 4, 4);
      const int16x8_t x =
          vreinterpretq_s16_u16(vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(word))));
      for (int v = 0; v < vectors; v++)
        sums[v] = dot_bytes(sums[v], x, vld1q_s8(b + 16 * v));
    }
  }
  int32_t *c = (int32_t *)((char *)args->c + row * args->c_row);
  for (int v = 0; v < vectors; v++)
    vst1q_s32(c + 4 * v, args->accumulate ? vaddq_s32(sums[v], vld1q_s32(c + 4 * v)) : sums[v]);
}

static void multiply_i8(const fp_tile_args *args) {
  for (int row = 0; row < args->rows; row++)
    multiply_row_i8(args, row);
}
#endif

void fp_matmul_init_neon(fp_matmul_kernels *kernels) {
#if defined(__aarch64__)
  kernels->prepare_row = fp_prepare_row_neon;
  kernels->store = fp_store_neon;
  for (int compute = 0; compute < FP_COMPUTE_COUNT; compute++) {
    fp_tile_kernels *tile = &kernels->tile[compute];
    tile->rows = tile_rows;
    tile->lanes = tile_lanes;
    tile->multiply = compute == FP_COMPUTE_I8 ? multiply_i8 : multiply_f32;
  }
#else
  (void)kernels;
#endif
}
