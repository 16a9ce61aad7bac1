/// Exponential and activation functions of 4 floats in `float32x4_t`: see `fp_vector_math.h`.
#ifndef FP_VECTOR_MATH_NEON_H
#define FP_VECTOR_MATH_NEON_H

#include "fp_vector_neon.h"

#include "fp_vector_math.h"

#endif
