// Rotary position embedding in plain C, in double.
#include "fp_rope.h"

#include "../elementwise/fp_element.h"

static void rotate(const fp_rope_args *args, int64_t begin, int64_t end) {
  const size_t width = (size_t)args->width;
  for (int64_t position = begin; position < end; position++) {
    const char *x = (const char *)args->x + position * args->x_row;
    char *y = (char *)args->y + position * args->y_row;
    const float *cosines = args->cosines + (size_t)position * width;
    const float *sines = args->sines + (size_t)position * width;
    for (size_t head = 0; head < (size_t)args->heads; head++)
      for (size_t i = 0; i < width; i += 2) {
        const size_t at = head * width + i;
        const double even = (double)fp_element(x, args->x_type, at);
        const double odd = (double)fp_element(x, args->x_type, at + 1);
        fp_set_element(y, args->y_type, at,
                       (float)(even * (double)cosines[i] + odd * (double)sines[i]));
        fp_set_element(y, args->y_type, at + 1,
                       (float)(odd * (double)cosines[i + 1] + even * (double)sines[i + 1]));
      }
  }
}

void fp_rope_init_generic(fp_rope_kernels *kernels) { kernels->rotate = rotate; }
