/// Tensor values by formula: a counter-based 64-bit mixer (splitmix64) started from a hash of the
/// tensor's name.
///
/// Element i of a tensor, all modulo 2^64:
///   z = hash + (i + 1) * 0x9e3779b97f4a7c15
///   z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
///   z = (z ^ (z >> 27)) * 0x94d049bb133111eb
///   z = z ^ (z >> 31)
///   r = (z >> 40) / 2^23 - 1, in [-1, 1), exact in float32
///   value = offset + scale * r (or |r|): a rounded product, then a rounded sum, no fused
///           multiply-add; then rounded to bfloat16
#ifndef FP_PROCEDURAL_H
#define FP_PROCEDURAL_H

#include "fp_types.h"

typedef struct fp_procedural_kernels {
  /// Writes elements start ..< start + count of the tensor, as BF16 or (the same values) as F32.
  /// `target` may be unaligned. Every level gives the same bits.
  void (*fill)(void *target, fp_dtype type, uint64_t hash, uint64_t start, size_t count,
               float offset, float scale, bool absolute);
} fp_procedural_kernels;

void fp_procedural_init_generic(fp_procedural_kernels *kernels);
void fp_procedural_init_avx2(fp_procedural_kernels *kernels);
void fp_procedural_init_avx512(fp_procedural_kernels *kernels);

#endif
