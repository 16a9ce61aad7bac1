/// What the attention kernels need beyond the vector vocabulary, in AVX2.
#include "../elementwise/fp_vector_avx2.h"

#define FP_STEP static inline __attribute__((always_inline))

/// Far below what has any weight, and a number: -infinity - floor(-infinity) would be NaN.
FP_STEP fp_vec attention_bounded(fp_vec x) { return fp_vec_max(fp_vec_set(-1000), x); }

FP_STEP fp_vec attention_part(fp_vec x) {
  const fp_vec bounded = attention_bounded(x);
  return fp_vec_sub(bounded, _mm256_floor_ps(bounded));
}

FP_STEP fp_vec attention_power(fp_vec x, fp_vec power) {
  const __m256i whole = _mm256_cvtps_epi32(_mm256_floor_ps(attention_bounded(power)));
  const __m256i exponent = _mm256_slli_epi32(_mm256_add_epi32(whole, _mm256_set1_epi32(127)), 23);
  const fp_vec product = fp_vec_mul(x, _mm256_castsi256_ps(exponent));
  return _mm256_andnot_ps(fp_vec_less(power, fp_vec_set(-126)), product);
}

FP_STEP fp_vec attention_round_bf16(fp_vec x) {
  const __m256i word = _mm256_castps_si256(x);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(word, 16), _mm256_set1_epi32(1));
  const __m256i rounded =
      _mm256_add_epi32(word, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
  const fp_vec quiet = _mm256_or_ps(x, _mm256_castsi256_ps(_mm256_set1_epi32(0x400000)));
  const fp_vec kept = fp_vec_select(fp_vec_is_nan(x), quiet, _mm256_castsi256_ps(rounded));
  return _mm256_and_ps(kept, _mm256_castsi256_ps(_mm256_set1_epi32((int)0xffff0000u)));
}

FP_STEP void attention_store_bf16(void *place, fp_vec x) { fp_vec_store_bf16(place, x); }

FP_STEP fp_vec attention_rotate(fp_vec x, const float *cosine, const float *sine) {
  const __m256i twice = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
  const fp_vec c = _mm256_permutevar8x32_ps(_mm256_castps128_ps256(_mm_loadu_ps(cosine)), twice);
  const fp_vec s = _mm256_permutevar8x32_ps(_mm256_castps128_ps256(_mm_loadu_ps(sine)), twice);
  return _mm256_fmaddsub_ps(x, c, fp_vec_mul(_mm256_permute_ps(x, 0xb1), s));
}
