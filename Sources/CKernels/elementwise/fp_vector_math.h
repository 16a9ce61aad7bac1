/// Exponential and activation functions on the vector vocabulary, within 2 units in the last place
/// (GELU: of x) for every input, infinities and NaN included.
///
/// Included after one of the `fp_vector_<isa>.h`, between the pragmas that choose its instructions.
/// The polynomials are least-maximum fits to the named function over the named range.
#ifndef FP_VECTOR_MATH_H
#define FP_VECTOR_MATH_H

// A call for each vector would cost as much as the function: every register is the caller's to
// save.
#pragma clang attribute push(__attribute__((always_inline)), apply_to = function)

/// e^x = 2^n * e^r, r in -ln(2)/2 ... ln(2)/2. Zero below -104, infinity above 88.73.
static inline fp_vec fp_vec_exp(fp_vec x) {
  const fp_vec bounded = fp_vec_min(fp_vec_set(90.0f), fp_vec_max(fp_vec_set(-110.0f), x));
  const fp_vec n = fp_vec_round(fp_vec_mul(bounded, fp_vec_set(0x1.715476p+0f)));
  // ln(2) in two parts; n times the first is exact.
  fp_vec r = fp_vec_fnma(n, fp_vec_set(0x1.62e4p-1f), bounded);
  r = fp_vec_fnma(n, fp_vec_set(0x1.7f7d1cp-20f), r);
  fp_vec q = fp_vec_set(0x1.6a23ccp-10f); // (e^r - 1 - r) / r^2
  q = fp_vec_fma(q, r, fp_vec_set(0x1.123a2p-7f));
  q = fp_vec_fma(q, r, fp_vec_set(0x1.5558f2p-5f));
  q = fp_vec_fma(q, r, fp_vec_set(0x1.555492p-3f));
  q = fp_vec_fma(q, r, fp_vec_set(0x1.fffffcp-2f));
  q = fp_vec_fma(q, r, fp_vec_set(1.0f));
  q = fp_vec_fma(q, r, fp_vec_set(1.0f));
  return fp_vec_scale2(q, n);
}

/// 1 / (1 + e^-x), for negative x as e^x / (1 + e^x), which has no overflow on the way.
static inline fp_vec fp_vec_sigmoid(fp_vec x) {
  const fp_vec zero = fp_vec_set(0.0f), one = fp_vec_set(1.0f);
  const fp_vec power = fp_vec_exp(fp_vec_sub(zero, fp_vec_abs(x)));
  const fp_vec share = fp_vec_select(fp_vec_less(x, zero), power, one);
  return fp_vec_div(share, fp_vec_add(one, power));
}

/// x / (1 + e^-x) in the same way; NaN at minus infinity, as in PyTorch.
static inline fp_vec fp_vec_silu(fp_vec x) {
  const fp_vec zero = fp_vec_set(0.0f), one = fp_vec_set(1.0f);
  const fp_vec power = fp_vec_exp(fp_vec_sub(zero, fp_vec_abs(x)));
  const fp_vec share = fp_vec_select(fp_vec_less(x, zero), fp_vec_mul(x, power), x);
  return fp_vec_div(share, fp_vec_add(one, power));
}

/// An odd polynomial for small x, 1 - 2 / (e^2|x| + 1) beyond.
static inline fp_vec fp_vec_tanh(fp_vec x) {
  const fp_vec one = fp_vec_set(1.0f), size = fp_vec_abs(x), square = fp_vec_mul(x, x);
  fp_vec q = fp_vec_set(-0x1.75e1a8p-8f); // (tanh(x) / x - 1) / x^2 for |x| < 0.625
  q = fp_vec_fma(q, square, fp_vec_set(0x1.522692p-6f));
  q = fp_vec_fma(q, square, fp_vec_set(-0x1.b83c58p-5f));
  q = fp_vec_fma(q, square, fp_vec_set(0x1.110726p-3f));
  q = fp_vec_fma(q, square, fp_vec_set(-0x1.555532p-2f));
  const fp_vec small = fp_vec_fma(fp_vec_mul(q, square), x, x);
  const fp_vec power = fp_vec_exp(fp_vec_add(size, size));
  const fp_vec large = fp_vec_sub(one, fp_vec_div(fp_vec_set(2.0f), fp_vec_add(power, one)));
  return fp_vec_select(fp_vec_less(size, fp_vec_set(0.625f)), small, fp_vec_copysign(large, x));
}

/// An odd polynomial below 1, 1 - e^-p(|x|) beyond; 1 from 4 on.
static inline fp_vec fp_vec_erf(fp_vec x) {
  const fp_vec size = fp_vec_min(fp_vec_set(4.0f), fp_vec_abs(x)), square = fp_vec_mul(x, x);
  fp_vec q = fp_vec_set(0x1.496a28p-14f); // erf(x) / x for |x| < 1
  q = fp_vec_fma(q, square, fp_vec_set(-0x1.a3f6fcp-11f));
  q = fp_vec_fma(q, square, fp_vec_set(0x1.5405b2p-8f));
  q = fp_vec_fma(q, square, fp_vec_set(-0x1.b7f90cp-6f));
  q = fp_vec_fma(q, square, fp_vec_set(0x1.ce2cf8p-4f));
  q = fp_vec_fma(q, square, fp_vec_set(-0x1.81273ep-2f));
  q = fp_vec_fma(q, square, fp_vec_set(0x1.20dd74p+0f));
  fp_vec p = fp_vec_set(-0x1.1846d8p-23f); // -log(1 - erf(x)) for x in 1 ... 4
  p = fp_vec_fma(p, size, fp_vec_set(0x1.8b83cap-16f));
  p = fp_vec_fma(p, size, fp_vec_set(-0x1.db0c96p-12f));
  p = fp_vec_fma(p, size, fp_vec_set(0x1.163702p-8f));
  p = fp_vec_fma(p, size, fp_vec_set(-0x1.9e6e22p-6f));
  p = fp_vec_fma(p, size, fp_vec_set(0x1.bc8e68p-4f));
  p = fp_vec_fma(p, size, fp_vec_set(0x1.4428f8p-1f));
  p = fp_vec_fma(p, size, fp_vec_set(0x1.212ee8p+0f));
  p = fp_vec_fma(p, size, fp_vec_set(-0x1.9c6c1p-13f));
  const fp_vec tail = fp_vec_exp(fp_vec_sub(fp_vec_set(0.0f), p));
  const fp_vec large = fp_vec_copysign(fp_vec_sub(fp_vec_set(1.0f), tail), x);
  return fp_vec_select(fp_vec_less(size, fp_vec_set(1.0f)), fp_vec_mul(q, x), large);
}

/// x / 2 * (1 + tanh(u)) = x / (1 + e^-2u), u = sqrt(2 / pi) * (x + 0.044715 x^3); NaN at minus
/// infinity, as in PyTorch.
static inline fp_vec fp_vec_gelu_tanh(fp_vec x) {
  const fp_vec one = fp_vec_set(1.0f);
  // -2 sqrt(2 / pi) times 1 and times 0.044715
  const fp_vec cubic = fp_vec_fma(fp_vec_mul(x, x), fp_vec_set(-0x1.2444f2p-4f),
                                  fp_vec_set(-0x1.988454p+0f));
  return fp_vec_div(x, fp_vec_add(one, fp_vec_exp(fp_vec_mul(cubic, x))));
}

/// x / 2 * (1 + erf(x / sqrt(2))); NaN at minus infinity, as in PyTorch.
static inline fp_vec fp_vec_gelu_erf(fp_vec x) {
  const fp_vec half = fp_vec_mul(x, fp_vec_set(0.5f));
  return fp_vec_fma(half, fp_vec_erf(fp_vec_mul(x, fp_vec_set(0x1.6a09e6p-1f))), half);
}

/// max(x, 0), NaN kept.
static inline fp_vec fp_vec_relu(fp_vec x) { return fp_vec_max(fp_vec_set(0.0f), x); }

#pragma clang attribute pop

#endif
