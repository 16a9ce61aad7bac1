/// Rotary position embedding on the vector vocabulary.
///
/// Included by `rope_<isa>.c` after its vector headers.
#include "fp_rope.h"

static inline fp_vec turned(fp_vec x, fp_vec cosines, fp_vec sines) {
  return fp_vec_fma(fp_vec_swap_pairs(x), sines, fp_vec_mul(x, cosines));
}

static void rotate(const fp_rope_args *args, int64_t begin, int64_t end) {
  const fp_rope_args a = *args;
  const size_t width = (size_t)a.width, whole = width / fp_vec_width * fp_vec_width;
  const size_t rest = width - whole;
  for (int64_t position = begin; position < end; position++) {
    const char *x = (const char *)a.x + position * a.x_row;
    char *y = (char *)a.y + position * a.y_row;
    const float *cosines = a.cosines + (size_t)position * width;
    const float *sines = a.sines + (size_t)position * width;
    for (size_t head = 0; head < (size_t)a.heads; head++) {
      const size_t base = head * width;
      for (size_t i = 0; i < whole; i += fp_vec_width)
        fp_vec_store(y, a.y_type, base + i,
                     turned(fp_vec_load(x, a.x_type, base + i), fp_vec_load_f32(cosines + i),
                            fp_vec_load_f32(sines + i)));
      if (rest > 0)
        fp_vec_store_part(y, a.y_type, base + whole,
                          turned(fp_vec_load_part(x, a.x_type, base + whole, rest),
                                 fp_vec_load_part_f32(cosines + whole, rest),
                                 fp_vec_load_part_f32(sines + whole, rest)),
                          rest);
    }
  }
}

static void set_kernels(fp_rope_kernels *kernels) { kernels->rotate = rotate; }
