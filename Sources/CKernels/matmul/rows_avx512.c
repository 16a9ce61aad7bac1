// What surrounds a product, with AVX-512: the prologue of a row of A and the epilogue of a tile of
// C.
#include "matmul_avx512.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target(FP_AVX512_TARGET))), apply_to = function)

static inline __mmask16 first_lanes(int64_t count) {
  return count >= 16 ? 0xffff : count <= 0 ? 0 : (__mmask16)((1u << count) - 1);
}

/// Elements index ..< index + 16 of an F32, BF16 or F16 array as float32, zero where masked out.
static inline __m512 load_floats(const void *base, fp_dtype type, int64_t index, __mmask16 mask) {
  if (type == FP_F32)
    return _mm512_maskz_loadu_ps(mask, (const char *)base + index * 4);
  const __m256i halves = _mm256_maskz_loadu_epi16(mask, (const char *)base + index * 2);
  if (type == FP_F16)
    return _mm512_cvtph_ps(halves);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

/// Rounds to bfloat16 in the upper half of each word: nearest, ties to even; NaN made quiet.
static inline __m512i round_to_bf16(__m512 values) {
  const __m512i words = _mm512_castps_si512(values);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(words, 16), _mm512_set1_epi32(1));
  const __m512i rounded =
      _mm512_add_epi32(words, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  const __mmask16 nan = _mm512_cmp_ps_mask(values, values, _CMP_UNORD_Q);
  return _mm512_mask_or_epi32(rounded, nan, words, _mm512_set1_epi32(0x400000));
}

static inline __m256i to_bf16(__m512 values) {
  return _mm512_cvtepi32_epi16(_mm512_srli_epi32(round_to_bf16(values), 16));
}

// MARK: Prologue

typedef struct row_norm {
  __m512 mean, scale;
} row_norm;

/// Mean and reciprocal deviation of a row, in two passes. The order of the additions depends on k
/// alone.
static row_norm measure(const fp_prologue *prologue, const char *x, int64_t k) {
  row_norm norm = {_mm512_setzero_ps(), _mm512_set1_ps(1)};
  if (prologue->norm == FP_NORM_NONE || k == 0)
    return norm;
  if (prologue->norm == FP_NORM_LAYER) {
    __m512 sums[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
    for (int64_t i = 0; i < k; i += 32)
      for (int part = 0; part < 2; part++) {
        const int64_t first = i + 16 * part;
        sums[part] = _mm512_add_ps(
            sums[part], load_floats(x, prologue->x_type, first, first_lanes(k - first)));
      }
    norm.mean =
        _mm512_set1_ps(_mm512_reduce_add_ps(_mm512_add_ps(sums[0], sums[1])) / (float)k);
  }
  __m512 squares[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
  for (int64_t i = 0; i < k; i += 32)
    for (int part = 0; part < 2; part++) {
      const int64_t first = i + 16 * part;
      const __mmask16 mask = first_lanes(k - first);
      const __m512 difference =
          _mm512_maskz_sub_ps(mask, load_floats(x, prologue->x_type, first, mask), norm.mean);
      squares[part] = _mm512_fmadd_ps(difference, difference, squares[part]);
    }
  const float variance =
      _mm512_reduce_add_ps(_mm512_add_ps(squares[0], squares[1])) / (float)k;
  norm.scale = _mm512_div_ps(_mm512_set1_ps(1),
                             _mm512_sqrt_ps(_mm512_set1_ps(variance + prologue->epsilon)));
  return norm;
}

static inline __m512 prepared(const fp_prologue *prologue, const char *x, row_norm norm, int64_t i,
                              __mmask16 mask) {
  __m512 value = load_floats(x, prologue->x_type, i, mask);
  if (prologue->norm != FP_NORM_NONE)
    value = _mm512_mul_ps(_mm512_sub_ps(value, norm.mean), norm.scale);
  if (prologue->multiply)
    value = _mm512_mul_ps(value, _mm512_maskz_loadu_ps(mask, prologue->multiply + i));
  if (prologue->add)
    value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(mask, prologue->add + i));
  return _mm512_maskz_mov_ps(mask, value);
}

static void prepare_f32(const fp_prologue *prologue, const char *x, row_norm norm, int64_t k,
                        char *target, ptrdiff_t chunk_stride, int64_t chunks, bool to_bf16_first) {
  for (int64_t chunk = 0; chunk < chunks; chunk++) {
    const __m512 value = prepared(prologue, x, norm, chunk * 16, first_lanes(k - chunk * 16));
    const __m512i words =
        to_bf16_first
            ? _mm512_and_si512(round_to_bf16(value), _mm512_set1_epi32((int)0xffff0000u))
            : _mm512_castps_si512(value);
    _mm512_storeu_si512(target + chunk * chunk_stride, words);
  }
}

static void prepare_bf16(const fp_prologue *prologue, const char *x, row_norm norm, int64_t k,
                         char *target, ptrdiff_t chunk_stride, int64_t chunks) {
  const bool copies = prologue->norm == FP_NORM_NONE && !prologue->multiply && !prologue->add &&
                      prologue->x_type == FP_BF16;
  for (int64_t chunk = 0; chunk < chunks; chunk++) {
    const int64_t i = chunk * 32;
    char *place = target + chunk * chunk_stride;
    if (copies && k - i >= 32) {
      _mm512_storeu_si512(place, _mm512_loadu_si512(x + i * 2));
      continue;
    }
    const __m256i low = to_bf16(prepared(prologue, x, norm, i, first_lanes(k - i)));
    const __m256i high = to_bf16(prepared(prologue, x, norm, i + 16, first_lanes(k - i - 16)));
    _mm512_storeu_si512(place, _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1));
  }
}

static void prepare_i8(const fp_prologue *prologue, const char *x, row_norm norm, int64_t k,
                       char *target, ptrdiff_t chunk_stride, int64_t chunks, float *scratch,
                       float *scale) {
  __m512 largest = _mm512_setzero_ps();
  for (int64_t i = 0; i < k; i += 16) {
    const __mmask16 mask = first_lanes(k - i);
    const __m512 value = prepared(prologue, x, norm, i, mask);
    _mm512_mask_storeu_ps(scratch + i, mask, value);
    const __m512 magnitude = _mm512_abs_ps(value);
    const __mmask16 finite =
        _mm512_cmp_ps_mask(magnitude, _mm512_set1_ps(__builtin_inff()), _CMP_LT_OQ);
    largest = _mm512_mask_max_ps(largest, finite, largest, magnitude);
  }
  const float peak = _mm512_reduce_max_ps(largest);
  *scale = peak / 127.0f;
  const __m512 inverse = _mm512_set1_ps(peak > 0 ? 127.0f / peak : 0);
  const __m512 limit = _mm512_set1_ps(127), negative_limit = _mm512_set1_ps(-127);
  for (int64_t chunk = 0; chunk < chunks; chunk++)
    for (int part = 0; part < 4; part++) {
      const int64_t i = chunk * 64 + part * 16;
      const __m512 scaled =
          _mm512_mul_ps(_mm512_maskz_loadu_ps(first_lanes(k - i), scratch + i), inverse);
      const __mmask16 number = _mm512_cmp_ps_mask(scaled, scaled, _CMP_ORD_Q);
      const __m512 bounded = _mm512_min_ps(_mm512_max_ps(scaled, negative_limit), limit);
      const __m512i codes = _mm512_add_epi32(_mm512_maskz_cvtps_epi32(number, bounded),
                                             _mm512_set1_epi32(128));
      _mm_storeu_si128((void *)(target + chunk * chunk_stride + part * 16),
                       _mm512_cvtepi32_epi8(codes));
    }
}

static void prepare_row(fp_compute compute, fp_dtype storage, const fp_prologue *prologue,
                        int64_t row, int64_t k, void *target, ptrdiff_t chunk_stride,
                        int64_t chunks, float *scratch, float *scale) {
  const char *x = (const char *)prologue->x + row * prologue->x_row;
  const row_norm norm = measure(prologue, x, k);
  if (compute == FP_COMPUTE_I8)
    prepare_i8(prologue, x, norm, k, target, chunk_stride, chunks, scratch, scale);
  else if (storage == FP_BF16)
    prepare_bf16(prologue, x, norm, k, target, chunk_stride, chunks);
  else
    prepare_f32(prologue, x, norm, k, target, chunk_stride, chunks, compute == FP_COMPUTE_BF16);
}

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

// MARK: Epilogue

static inline __m512 activate(__m512 x, fp_activation activation) {
  float values[16];
  if (activation == FP_ACTIVATION_NONE)
    return x;
  _mm512_storeu_ps(values, x);
  for (int i = 0; i < 16; i++)
    values[i] = fp_activate(values[i], activation);
  return _mm512_loadu_ps(values);
}

/// Undoes the quantisation of 16 sums: (sum - 128 * sum of B) * scale of lane * scale of row.
static inline __m512 dequantise(__m512i sums, const fp_store_args *args, int lane, __mmask16 mask,
                                float row_scale) {
  const __m512i offset =
      _mm512_slli_epi32(_mm512_maskz_loadu_epi32(mask, args->lane_sum + lane), 7);
  const __m512 scale = _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, args->lane_scale + lane),
                                     _mm512_set1_ps(row_scale));
  return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(sums, offset)), scale);
}

static inline __m512 finished(const fp_epilogue *epilogue, __m512 value, int64_t row, int64_t lane,
                              __mmask16 mask) {
  if (epilogue->bias)
    value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(mask, epilogue->bias + lane));
  value = activate(value, epilogue->activation);
  if (epilogue->factor)
    value = _mm512_mul_ps(value,
                          load_floats((const char *)epilogue->factor + row * epilogue->factor_row,
                                      epilogue->factor_type, lane, mask));
  if (epilogue->gate)
    value = _mm512_mul_ps(value, _mm512_maskz_loadu_ps(mask, epilogue->gate + lane));
  if (epilogue->residual)
    value =
        _mm512_add_ps(value, load_floats((const char *)epilogue->residual +
                                             row * epilogue->residual_row,
                                         epilogue->residual_type, lane, mask));
  return value;
}

void fp_store_avx512(const fp_epilogue *epilogue, const fp_store_args *args) {
  for (int i = 0; i < args->rows; i++) {
    const int64_t row = args->row + i;
    const char *c = (const char *)args->c + i * args->c_row;
    char *y = (char *)epilogue->y + row * epilogue->y_row;
    for (int j = 0; j < args->lanes; j += 16) {
      const __mmask16 mask = first_lanes(args->lanes - j);
      const __m512i sums = _mm512_maskz_loadu_epi32(mask, c + j * 4);
      const __m512 scaled = args->lane_scale
                                ? dequantise(sums, args, j, mask, args->row_scale[row])
                                : _mm512_castsi512_ps(sums);
      const __m512 value = finished(epilogue, scaled, row, args->lane + j, mask);
      if (epilogue->y_type == FP_F32)
        _mm512_mask_storeu_ps(y + (args->lane + j) * 4, mask, value);
      else
        _mm256_mask_storeu_epi16(y + (args->lane + j) * 2, mask, to_bf16(value));
    }
  }
}

#pragma clang attribute pop
#endif
