/// What the attention kernels need beyond the vector vocabulary, in AVX-512. FP_HAS_BF16 says
/// whether there is an instruction for rounding to bfloat16.
#include "../elementwise/fp_vector_avx512.h"

#define FP_STEP static inline __attribute__((always_inline))

FP_STEP fp_vec attention_part(fp_vec x) {
  return _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}

FP_STEP fp_vec attention_power(fp_vec x, fp_vec power) { return _mm512_scalef_ps(x, power); }

FP_STEP fp_vec attention_round_bf16(fp_vec x) { return fp_vec_from_bf16(fp_vec_to_bf16(x)); }

FP_STEP void attention_store_bf16(void *place, fp_vec x) {
#if FP_HAS_BF16
  _mm256_storeu_si256(place, (__m256i)_mm512_cvtneps_pbh(x));
#else
  fp_vec_store_bf16(place, x);
#endif
}

FP_STEP fp_vec attention_rotate(fp_vec x, const float *cosine, const float *sine) {
  const __m512i twice = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
  const fp_vec c = _mm512_permutexvar_ps(twice, _mm512_castps256_ps512(_mm256_loadu_ps(cosine)));
  const fp_vec s = _mm512_permutexvar_ps(twice, _mm512_castps256_ps512(_mm256_loadu_ps(sine)));
  return _mm512_fmaddsub_ps(x, c, fp_vec_mul(_mm512_permute_ps(x, 0xb1), s));
}
