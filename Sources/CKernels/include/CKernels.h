/// Umbrella header of the C kernels.
#ifndef CKERNELS_H
#define CKERNELS_H

#include "fp_attention.h"
#include "fp_conv.h"
#include "fp_convert.h"
#include "fp_cpu.h"
#include "fp_elementwise.h"
#include "fp_kernels.h"
#include "fp_lowrank.h"
#include "fp_matmul.h"
#include "fp_peak.h"
#include "fp_norm.h"
#include "fp_pool.h"
#include "fp_reduce.h"
#include "fp_resample.h"
#include "fp_rope.h"
#include "fp_softmax.h"
#include "fp_procedural.h"
#include "fp_types.h"
#include "fp_winograd.h"

#endif
