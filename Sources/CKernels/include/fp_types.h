/// Types that every kernel header shares: data types, instruction sets, alignment.
#ifndef FP_TYPES_H
#define FP_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Element types of tensors, with the names and layouts of PyTorch and safetensors.
typedef enum fp_dtype {
  FP_F32 = 0,
  FP_BF16,
  FP_F16,
  FP_F64,
  FP_I8,
  FP_U8,
  FP_I16,
  FP_I32,
  FP_I64,
  FP_F8_E4M3, // "fn": no infinity, 0x7f and 0xff are NaN
  FP_F8_E5M2,
  FP_BOOL,
  FP_U16,
  FP_U32,
  FP_U64,
  FP_DTYPE_COUNT
} fp_dtype;

/// Bytes of one element.
static inline size_t fp_dtype_size(fp_dtype dtype) {
  switch (dtype) {
  case FP_F64:
  case FP_I64:
  case FP_U64:
    return 8;
  case FP_F32:
  case FP_I32:
  case FP_U32:
    return 4;
  case FP_BF16:
  case FP_F16:
  case FP_I16:
  case FP_U16:
    return 2;
  default:
    return 1;
  }
}

/// Instruction set levels, a ladder: each x86 level contains those before it.
typedef enum fp_isa {
  FP_ISA_GENERIC = 0, // portable C, the reference
  FP_ISA_NEON,        // Armv8-A Advanced SIMD
  FP_ISA_AVX2,        // AVX2 + FMA + F16C
  FP_ISA_AVX512,      // AVX-512 F, BW, VL, DQ; BF16 and VNNI where the CPU has them
  FP_ISA_AMX,         // AVX-512 with BF16 and VNNI, plus AMX tiles (BF16, INT8)
  FP_ISA_COUNT
} fp_isa;

/// Bytes in a cache line; owned storage and packed panels are aligned to it.
#define FP_ALIGNMENT 64

#endif
