/// Winograd's transforms on the vector vocabulary: lanes are channels.
///
/// Included by `winograd_<isa>.c` after its vector headers.
#include "fp_winograd.h"
#include "winograd_constants.h"

#define FP_INLINE static inline __attribute__((always_inline))

/// One axis of the input's transform.
FP_INLINE void transform_input(const fp_vec d[6], fp_vec t[6]) {
  const fp_vec a = fp_vec_set((float)FP_WINOGRAD_A), b = fp_vec_set((float)FP_WINOGRAD_B);
  const fp_vec half = fp_vec_set(0.5f), two = fp_vec_set(2), both = fp_vec_set(2.5f);
  const fp_vec even_a = fp_vec_fnma(two, d[2], d[4]), odd_a = fp_vec_fnma(two, d[1], d[3]);
  const fp_vec even_b = fp_vec_fnma(half, d[2], d[4]), odd_b = fp_vec_fnma(half, d[1], d[3]);
  t[0] = fp_vec_add(fp_vec_fnma(both, d[2], d[4]), d[0]);
  t[1] = fp_vec_fma(a, odd_a, even_a);
  t[2] = fp_vec_fnma(a, odd_a, even_a);
  t[3] = fp_vec_fma(b, odd_b, even_b);
  t[4] = fp_vec_fnma(b, odd_b, even_b);
  t[5] = fp_vec_add(fp_vec_fnma(both, d[3], d[5]), d[1]);
}

/// One axis of the way back.
FP_INLINE void transform_output(const fp_vec m[6], fp_vec y[4]) {
  const fp_vec a = fp_vec_set((float)FP_WINOGRAD_A), b = fp_vec_set((float)FP_WINOGRAD_B);
  const fp_vec half_a = fp_vec_set((float)(0.5 * FP_WINOGRAD_A));
  const fp_vec two_b = fp_vec_set((float)(2 * FP_WINOGRAD_B));
  const fp_vec sum_a = fp_vec_add(m[1], m[2]), difference_a = fp_vec_sub(m[1], m[2]);
  const fp_vec sum_b = fp_vec_add(m[3], m[4]), difference_b = fp_vec_sub(m[3], m[4]);
  y[0] = fp_vec_add(fp_vec_add(m[0], sum_a), sum_b);
  y[1] = fp_vec_fma(a, difference_a, fp_vec_mul(b, difference_b));
  y[2] = fp_vec_fma(fp_vec_set(0.5f), sum_a, fp_vec_add(sum_b, sum_b));
  y[3] = fp_vec_fma(half_a, difference_a, fp_vec_fma(two_b, difference_b, m[5]));
}

/// The channels channel ..< channel + count of a pixel, `count` at most a whole vector.
FP_INLINE fp_vec load_channels(const float *place, int64_t count) {
  return count >= fp_vec_width ? fp_vec_load_f32(place)
                               : fp_vec_load_part_f32(place, (size_t)count);
}

/// What happens to a vector of channels, without branches: factors of 1, terms of -0 and no bound
/// leave everything as it is.
typedef struct prologue {
  fp_vec multiply, add, bound;
} prologue;

FP_INLINE prologue prologue_of(const fp_winograd_input_args *args, int64_t channel,
                               int64_t count) {
  return (prologue){
      .multiply = args->multiply ? load_channels(args->multiply + channel, count) : fp_vec_set(1),
      .add = args->add ? load_channels(args->add + channel, count) : fp_vec_set(-0.0f),
      .bound = fp_vec_set(args->rectify ? 0 : -__builtin_inff()),
  };
}

/// Rounded after each step, as pixels that are made ready beforehand.
FP_INLINE fp_vec prepared(prologue prologue, fp_vec x) {
  return fp_vec_max(prologue.bound,
                    fp_vec_add(fp_vec_mul(x, prologue.multiply), prologue.add));
}

/// One vector of channels. `inside` (all pixels are in the picture) and `count` of a whole vector
/// are constants where it is inlined.
FP_INLINE void transform_channels(const fp_winograd_input_args *args, int64_t channel,
                                  int64_t count, const bool inside) {
  const fp_vec zero = fp_vec_set(0);
  const prologue prologue = prologue_of(args, channel, count);
  const char *source = (const char *)args->source + channel * 4;
  fp_vec t[6][6];
  for (int row = 0; row < 6; row++) {
    const bool row_inside = inside || (row >= args->row_begin && row < args->row_end);
    fp_vec d[6];
#pragma clang loop unroll(full)
    for (int column = 0; column < 6; column++) {
      d[column] = zero;
      if (row_inside && (inside || (column >= args->column_begin && column < args->column_end))) {
        const float *place = (const float *)(source + row * args->row + column * args->pixel);
        if (inside && column >= FP_WINOGRAD_IN - FP_WINOGRAD_OUT) // the next tile's other pixels
          __builtin_prefetch((const char *)place + FP_WINOGRAD_OUT * args->pixel);
        d[column] = prepared(prologue, load_channels(place, count));
      }
    }
    transform_input(d, t[row]);
  }
  char *target = (char *)args->target + channel / 16 * args->chunk + channel % 16 * 4;
#pragma clang loop unroll(full)
  for (int column = 0; column < 6; column++) {
    const fp_vec d[6] = {t[0][column], t[1][column], t[2][column],
                         t[3][column], t[4][column], t[5][column]};
    fp_vec v[6];
    transform_input(d, v);
#pragma clang loop unroll(full)
    for (int row = 0; row < 6; row++)
      fp_vec_store_f32(target + (row * 6 + column) * args->point, v[row]);
  }
}

static void input(const fp_winograd_input_args *args) {
  const bool inside = args->row_begin == 0 && args->row_end == 6 && args->column_begin == 0 &&
                      args->column_end == 6;
  int64_t channel = 0;
  for (; channel + fp_vec_width <= args->channels; channel += fp_vec_width)
    if (inside)
      transform_channels(args, channel, fp_vec_width, true);
    else
      transform_channels(args, channel, fp_vec_width, false);
  if (channel < args->channels)
    transform_channels(args, channel, args->channels - channel, false);
}

static void output(const fp_winograd_output_args *args) {
  for (int64_t lane = 0; lane < args->lanes; lane += fp_vec_width) {
    const char *sums = (const char *)args->sums + lane * 4;
    fp_vec t[6][4];
#pragma clang loop unroll(full)
    for (int row = 0; row < 6; row++) {
      fp_vec m[6];
#pragma clang loop unroll(full)
      for (int column = 0; column < 6; column++)
        m[column] = fp_vec_load_f32(sums + (row * 6 + column) * args->point);
      transform_output(m, t[row]);
    }
    char *target = (char *)args->target + lane * 4;
#pragma clang loop unroll(full)
    for (int column = 0; column < 4; column++) {
      const fp_vec m[6] = {t[0][column], t[1][column], t[2][column],
                           t[3][column], t[4][column], t[5][column]};
      fp_vec y[4];
      transform_output(m, y);
#pragma clang loop unroll(full)
      for (int row = 0; row < 4; row++)
        fp_vec_store_f32(target + row * args->row + column * args->column, y[row]);
    }
  }
}

static void set_kernels(fp_winograd_kernels *kernels) {
  *kernels = (fp_winograd_kernels){.input = input, .output = output};
}
