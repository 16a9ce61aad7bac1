// Pooling in plain C.
#include "fp_pool.h"

#include "../elementwise/fp_element.h"

static void maximum(const fp_pool_args *args, int64_t begin, int64_t end) {
  const fp_pool_args a = *args;
  for (int64_t row = begin; row < end; row++) {
    const fp_pool_span rows = fp_pool_span_at(&a, 0, row);
    for (int64_t column = 0; column < a.out_columns; column++) {
      const fp_pool_span columns = fp_pool_span_at(&a, 1, column);
      char *target = (char *)a.y + row * a.y_row + column * a.y_pixel;
      for (size_t c = 0; c < (size_t)a.channels; c++) {
        const char *first = (const char *)a.x + rows.begin * a.x_row + columns.begin * a.x_pixel;
        float largest = fp_element(first, a.type, c);
        for (int64_t i = rows.begin; i < rows.end; i++)
          for (int64_t j = columns.begin; j < columns.end; j++) {
            const char *place = (const char *)a.x + i * a.x_row + j * a.x_pixel;
            const float value = fp_element(place, a.type, c);
            if (value > largest || value != value)
              largest = value;
          }
        fp_set_element(target, a.type, c, largest);
      }
    }
  }
}

void fp_pool_init_generic(fp_pool_kernels *kernels) {
  *kernels = (fp_pool_kernels){.maximum = maximum};
}
