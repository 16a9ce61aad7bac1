/// How keys and queries are cut into blocks, and where the packed blocks stand.
#ifndef FP_ATTENTION_LAYOUT_H
#define FP_ATTENTION_LAYOUT_H

#include "../matmul/fp_sizes.h"
#include "fp_attention.h"
#include "fp_kernels.h"

/// How a shape is cut at one level. Depends on the shape and the level alone.
typedef struct fp_attention_layout {
  const fp_tile_kernels *tile;
  fp_attention_storage storage;
  int element;           // bytes of a stored element
  int64_t blocks;        // of keys, in each group
  int64_t block_keys;    // keys in a block, the last one may have fewer
  int64_t key_unit;      // keys are padded to a multiple of this with weights and values of zero
  int64_t depth_groups;  // groups of k in a row of queries or keys
  int64_t depth_bytes;   // of such a row as operand A: whole chunks
  int64_t value_lanes;   // dim up to a multiple of 16
  size_t key_bytes, value_bytes; // of one packed block
} fp_attention_layout;

fp_attention_layout fp_attention_lay_out(const fp_kernels *kernels,
                                         const fp_attention_shape *shape);

/// Keys in a block.
static inline int64_t fp_attention_block_keys(const fp_attention_layout *layout,
                                              const fp_attention_shape *shape, int64_t block) {
  return fp_least(layout->block_keys, shape->keys - block * layout->block_keys);
}

/// Groups of k in the product with `keys` values.
static inline int64_t fp_attention_value_groups(const fp_attention_layout *layout, int64_t keys) {
  return fp_divide_up(fp_round_up(keys, layout->key_unit), layout->tile->group);
}

/// Where a packed block stands: its keys, then its values.
static inline char *fp_attention_packed_block(const fp_attention_layout *layout,
                                              const void *packed, int64_t head, int64_t groups,
                                              int64_t group, int64_t block) {
  const size_t index = (size_t)((head * groups + group) * layout->blocks + block);
  return (char *)packed + index * (layout->key_bytes + layout->value_bytes);
}

/// Lanes of the panel that starts at `lane` of `count`, in vectors of 16. The last two share what
/// is left: narrow panels are slow.
static inline int fp_attention_panel_lanes(const fp_tile_kernels *tile, int64_t lane,
                                           int64_t count) {
  const int64_t left = fp_round_up(count - lane, 16);
  if (left <= tile->lanes)
    return (int)left;
  return left < 2 * tile->lanes ? (int)fp_round_up(left / 2, 16) : tile->lanes;
}

#endif
