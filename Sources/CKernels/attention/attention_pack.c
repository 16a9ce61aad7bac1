// Cuts keys into blocks and packs them for the tile kernels.
#include "attention_layout.h"

fp_attention_layout fp_attention_lay_out(const fp_kernels *kernels,
                                         const fp_attention_shape *shape) {
  fp_attention_layout layout;
  const fp_tile_kernels *tile = &kernels->matmul.tile[shape->compute];
  layout.tile = tile;
  layout.storage = shape->compute == FP_COMPUTE_F32 ? FP_ATTENTION_F32
                   : tile->storage == FP_BF16       ? FP_ATTENTION_BF16
                                                    : FP_ATTENTION_F32_ROUNDED;
  layout.element = 4 / tile->group;
  layout.key_unit = (int64_t)kernels->attention.group_unit * tile->group;
  // Near-equal blocks of whole panels, so that the last is not a sliver.
  const int64_t panel = fp_most(tile->lanes, layout.key_unit);
  const int64_t aim = fp_most(kernels->attention.block_keys / panel, 1) * panel;
  layout.blocks = fp_divide_up(shape->keys, aim);
  if (layout.blocks > 1) {
    layout.block_keys = fp_round_up(fp_divide_up(shape->keys, layout.blocks), panel);
    layout.blocks = fp_divide_up(shape->keys, layout.block_keys);
  } else {
    layout.block_keys = fp_round_up(shape->keys, fp_most(16, layout.key_unit));
  }
  layout.depth_groups =
      fp_round_up(fp_divide_up(shape->dim, tile->group), kernels->attention.group_unit);
  layout.depth_bytes = fp_round_up(layout.depth_groups * 4, FP_ALIGNMENT);
  layout.value_lanes = fp_round_up(shape->dim, 16);
  layout.key_bytes = (size_t)(layout.block_keys * layout.depth_groups * 4);
  layout.value_bytes = (size_t)(fp_attention_value_groups(&layout, layout.block_keys) *
                                layout.value_lanes * 4);
  return layout;
}

size_t fp_attention_packed_bytes(const fp_kernels *kernels, const fp_attention_shape *shape) {
  const fp_attention_layout layout = fp_attention_lay_out(kernels, shape);
  return (size_t)(shape->heads * shape->groups * layout.blocks) *
         (layout.key_bytes + layout.value_bytes);
}

int64_t fp_attention_pack_tasks(const fp_kernels *kernels, const fp_attention_shape *shape) {
  return shape->heads * shape->groups * fp_attention_lay_out(kernels, shape).blocks;
}

size_t fp_attention_pack_scratch_bytes(const fp_kernels *kernels,
                                       const fp_attention_shape *shape) {
  const fp_attention_layout layout = fp_attention_lay_out(kernels, shape);
  return (size_t)(layout.block_keys * layout.depth_bytes);
}

/// True where rows can be packed from where they lie.
static bool is_ready(const fp_attention_rows *rows, fp_attention_storage storage) {
  const bool same_type = (storage == FP_ATTENTION_BF16 && rows->type == FP_BF16) ||
                         (storage == FP_ATTENTION_F32 && rows->type == FP_F32);
  return same_type && !rows->row_scale && !rows->weight && !rows->cosine;
}

/// A block of rows of one head, ready for packing: in place, or prepared in `scratch`.
static const char *ready_rows(const fp_kernels *kernels, const fp_attention_layout *layout,
                              const fp_attention_rows *rows, int dim, int head, int64_t first,
                              int64_t count, char *scratch, ptrdiff_t *stride) {
  if (is_ready(rows, layout->storage)) {
    *stride = rows->row;
    return (const char *)rows->x + first * rows->row + head * rows->head;
  }
  for (int64_t row = 0; row < count; row++)
    kernels->attention.prepare(rows, head, first + row, dim, dim, layout->storage,
                               scratch + row * layout->depth_bytes);
  *stride = layout->depth_bytes;
  return scratch;
}

void fp_attention_pack(const fp_kernels *kernels, const fp_attention_keys *keys, int64_t task,
                       void *packed, void *scratch) {
  const fp_attention_shape *shape = &keys->shape;
  const fp_attention_layout layout = fp_attention_lay_out(kernels, shape);
  const fp_tile_kernels *tile = layout.tile;
  const int64_t block = task % layout.blocks;
  const int64_t group = task / layout.blocks % shape->groups;
  const int head = (int)(task / layout.blocks / shape->groups);
  const int64_t count = fp_attention_block_keys(&layout, shape, block);
  const int64_t first = group * keys->group_rows + block * layout.block_keys;
  char *target = fp_attention_packed_block(&layout, packed, head, shape->groups, group, block);
  ptrdiff_t stride;

  const char *source = ready_rows(kernels, &layout, &keys->k, shape->dim, head, first, count,
                                  scratch, &stride);
  for (int64_t key = 0; key < count;) {
    const int lanes = fp_attention_panel_lanes(tile, key, count);
    tile->pack_lanes(target + key * layout.depth_groups * 4, source + key * stride, stride,
                     fp_least(lanes, count - key), shape->dim, lanes, layout.depth_groups);
    key += lanes;
  }

  source = ready_rows(kernels, &layout, &keys->v, shape->dim, head, first, count, scratch, &stride);
  const int64_t groups = fp_attention_value_groups(&layout, count);
  target += layout.key_bytes;
  for (int64_t lane = 0; lane < shape->dim;) {
    const int lanes = fp_attention_panel_lanes(tile, lane, shape->dim);
    tile->pack_depth(target + lane * groups * 4, source + lane * layout.element, stride,
                     fp_least(lanes, shape->dim - lane), count, lanes, groups);
    lane += lanes;
  }
}
