/// Vectors of an array of F32 or BF16, chosen at run time: the branch is the same all along a loop.
///
/// Included after one of the `fp_vector_<isa>.h`, between the pragmas that choose its instructions.
#ifndef FP_VECTOR_TYPED_H
#define FP_VECTOR_TYPED_H

static inline fp_vec fp_vec_load(const void *base, fp_dtype type, size_t index) {
  const char *place = base;
  return type == FP_BF16 ? fp_vec_load_bf16(place + 2 * index)
                         : fp_vec_load_f32(place + 4 * index);
}

static inline void fp_vec_store(void *base, fp_dtype type, size_t index, fp_vec a) {
  char *place = base;
  if (type == FP_BF16)
    fp_vec_store_bf16(place + 2 * index, a);
  else
    fp_vec_store_f32(place + 4 * index, a);
}

/// Touches `count` < fp_vec_width elements; the other lanes are 0.
static inline fp_vec fp_vec_load_part(const void *base, fp_dtype type, size_t index,
                                      size_t count) {
  const char *place = base;
  return type == FP_BF16 ? fp_vec_load_part_bf16(place + 2 * index, count)
                         : fp_vec_load_part_f32(place + 4 * index, count);
}

static inline void fp_vec_store_part(void *base, fp_dtype type, size_t index, fp_vec a,
                                     size_t count) {
  char *place = base;
  if (type == FP_BF16)
    fp_vec_store_part_bf16(place + 2 * index, a, count);
  else
    fp_vec_store_part_f32(place + 4 * index, a, count);
}

/// As `fp_vec_load_part`, with the other lanes `fill`.
static inline fp_vec fp_vec_load_filled(const void *base, fp_dtype type, size_t index,
                                        size_t count, float fill) {
  float lanes[fp_vec_width];
  fp_vec_store_f32(lanes, fp_vec_set(fill));
  fp_vec_store_part_f32(lanes, fp_vec_load_part(base, type, index, count), count);
  return fp_vec_load_f32(lanes);
}

#endif
