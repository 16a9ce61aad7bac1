/// Pooling on the vector vocabulary.
///
/// Included by `pool_<isa>.c` after its vector headers.
#include "fp_pool.h"

/// The larger of two, as the plain version has it.
static inline fp_vec larger(fp_vec largest, fp_vec value) {
  const fp_vec most = fp_vec_select(fp_vec_less(largest, value), value, largest);
  return fp_vec_select(fp_vec_is_nan(value), value, most);
}

/// The channels channel ..< channel + count (a whole vector where count is fp_vec_width) of one
/// window.
static inline fp_vec window(const fp_pool_args *a, fp_pool_span rows, fp_pool_span columns,
                            size_t channel, size_t count) {
  const char *origin = (const char *)a->x + rows.begin * a->x_row + columns.begin * a->x_pixel;
  fp_vec largest = count == fp_vec_width ? fp_vec_load(origin, a->type, channel)
                                         : fp_vec_load_part(origin, a->type, channel, count);
  for (int64_t i = 0; i < rows.end - rows.begin; i++)
    for (int64_t j = 0; j < columns.end - columns.begin; j++) {
      const char *place = origin + i * a->x_row + j * a->x_pixel;
      largest = larger(largest, count == fp_vec_width
                                    ? fp_vec_load(place, a->type, channel)
                                    : fp_vec_load_part(place, a->type, channel, count));
    }
  return largest;
}

static void maximum(const fp_pool_args *args, int64_t begin, int64_t end) {
  const fp_pool_args a = *args;
  const size_t channels = (size_t)a.channels;
  for (int64_t row = begin; row < end; row++) {
    const fp_pool_span rows = fp_pool_span_at(&a, 0, row);
    for (int64_t column = 0; column < a.out_columns; column++) {
      const fp_pool_span columns = fp_pool_span_at(&a, 1, column);
      char *target = (char *)a.y + row * a.y_row + column * a.y_pixel;
      size_t c = 0;
      for (; c + fp_vec_width <= channels; c += fp_vec_width)
        fp_vec_store(target, a.type, c, window(&a, rows, columns, c, fp_vec_width));
      if (c < channels)
        fp_vec_store_part(target, a.type, c, window(&a, rows, columns, c, channels - c),
                          channels - c);
    }
  }
}

static void set_kernels(fp_pool_kernels *kernels) {
  *kernels = (fp_pool_kernels){.maximum = maximum};
}
