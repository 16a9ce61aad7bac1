/// The table of kernels: one typed function pointer for each operation, filled for one instruction
/// set level. The plain C version comes first; each higher level replaces what it does better.
#ifndef FP_KERNELS_H
#define FP_KERNELS_H

#include "fp_attention.h"
#include "fp_conv.h"
#include "fp_convert.h"
#include "fp_elementwise.h"
#include "fp_matmul.h"
#include "fp_peak.h"
#include "fp_norm.h"
#include "fp_pool.h"
#include "fp_reduce.h"
#include "fp_resample.h"
#include "fp_rope.h"
#include "fp_softmax.h"
#include "fp_lowrank.h"
#include "fp_procedural.h"
#include "fp_types.h"
#include "fp_winograd.h"

typedef struct fp_kernels {
  fp_isa isa;
  fp_attention_kernels attention;
  fp_convert_kernels convert;
  fp_matmul_kernels matmul;
  fp_conv_kernels conv;
  fp_winograd_kernels winograd;
  fp_peak_kernels peak;
  fp_elementwise_kernels elementwise;
  fp_norm_kernels norm;
  fp_softmax_kernels softmax;
  fp_rope_kernels rope;
  fp_resample_kernels resample;
  fp_pool_kernels pool;
  fp_reduce_kernels reduce;
  fp_procedural_kernels procedural;
  fp_lowrank_kernels lowrank;
} fp_kernels;

/// The kernels of a level, NULL where this build or this machine does not have it. The table lives
/// as long as the process; any thread may ask.
const fp_kernels *fp_kernels_for(fp_isa isa);

#endif
