// Tiles of 6 rows by 16 lanes with NEON: float32 by FMLA, bytes widened to 16 bits.
#include "matmul_internal.h"

#if defined(__aarch64__)
#include "../elementwise/fp_vector_neon.h"

#include "tile_f32.h"

enum { byte_vectors = 4 };

/// sum + x . y for the four bytes of each word: x unsigned, y signed.
static inline int32x4_t dot_bytes(int32x4_t sum, int16x8_t x, int8x16_t y) {
  const int32x4_t low = vpaddlq_s16(vmulq_s16(vmovl_s8(vget_low_s8(y)), x));
  const int32x4_t high = vpaddlq_s16(vmulq_s16(vmovl_high_s8(y), x));
  return vaddq_s32(sum, vpaddq_s32(low, high));
}

static void multiply_row_i8(const fp_tile_args *args, int row) {
  int32x4_t sums[byte_vectors] = {vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)};
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
      for (int v = 0; v < byte_vectors; v++)
        sums[v] = dot_bytes(sums[v], x, vld1q_s8(b + 16 * v));
    }
  }
  int32_t *c = (int32_t *)((char *)args->c + row * args->c_row);
  for (int v = 0; v < byte_vectors; v++)
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
