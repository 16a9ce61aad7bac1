/// Softmax attention in blocks of keys with a running maximum ("flash"): no score matrix is ever
/// whole in memory.
///
///   y[i] = sum_j softmax_j(scale * q[i] . k[j] + bias[i, j]) * v[j]   for every head
///
/// Two phases, each a list of independent tasks for a thread pool:
///   1. `fp_attention_pack` lays keys and values out for the tile kernels, once per set of keys;
///   2. `fp_attention_attend` computes a block of query rows of one head.
/// What a task computes does not depend on which thread runs it, nor on the other tasks.
///
/// Query rows may be cut into groups that attend to separate sets of keys: rows
/// g * group_queries ..< (g + 1) * group_queries see the keys of group g only. Rows past the last
/// group give zeros, as does an empty set of keys.
#ifndef FP_ATTENTION_H
#define FP_ATTENTION_H

#include "fp_matmul.h"
#include "fp_types.h"

/// What keys and queries have in common, and how keys are grouped.
typedef struct fp_attention_shape {
  fp_compute compute; // F32, or BF16: queries, keys, values and weights of the sum are rounded
  int heads, dim;     // `dim` elements in each head, any number
  int64_t groups;     // sets of keys, at least 1
  int64_t keys;       // keys in each group that count; those beyond are never read
} fp_attention_shape;

/// Rows of queries, keys or values as a projection left them, [rows, heads, dim] with any strides,
/// and what is still to be done to them: x * row_scale[row] * weight[head, i], then rotation of
/// the pairs (2i, 2i + 1), in float32.
typedef struct fp_attention_rows {
  const void *x;
  fp_dtype type;         // F32 or BF16
  ptrdiff_t row, head;   // bytes between rows and between heads
  const float *row_scale; // [rows] (the reciprocal RMS of a row) or NULL
  const float *weight;    // [heads, dim] or NULL
  const float *cosine, *sine; // [rows, dim / 2] or both NULL; `dim` is even then
} fp_attention_rows;

/// Keys and values to be packed.
typedef struct fp_attention_keys {
  fp_attention_shape shape;
  fp_attention_rows k, v;
  int64_t group_rows; // rows of `k` and `v` from one group to the next, at least shape.keys
} fp_attention_keys;

/// Queries against packed keys.
typedef struct fp_attention_queries {
  fp_attention_shape shape;
  fp_attention_rows q;
  int64_t queries;       // rows of `q` and `y`
  int64_t group_queries; // rows of each group; `queries` where there is one
  float scale;           // of the scores, not negative
  const float *bias;     // [heads, queries, keys] or NULL; -infinity excludes a key
  ptrdiff_t bias_row, bias_head; // bytes
  void *y;                // [queries, heads, dim]
  fp_dtype y_type;        // F32 or BF16
  ptrdiff_t y_row, y_head; // bytes
  bool add;               // y += instead of y =, also for the rows that are zero
} fp_attention_queries;

/// One call of the softmax kernel: a block of scores becomes weights, in place.
typedef struct fp_attention_softmax_args {
  void *scores;        // float32 [rows][padded]; becomes the operand A of the product with the
                       // values, zero from `keys` on
  ptrdiff_t score_row; // bytes, a multiple of 64
  int rows, keys;
  int padded;        // keys up to a multiple of 16
  float scale;       // times log2(e)
  const float *bias; // [rows, keys] or NULL
  ptrdiff_t bias_row; // bytes
  float *maximum;    // [rows]: largest scaled score so far, in units of log2
  float *sums;       // [rows][16]: partial sums of the weights so far
  float *output;     // [rows]: sums of values so far, rescaled where the maximum moves; or NULL
  ptrdiff_t output_row; // bytes
  int output_lanes;     // a multiple of 16
} fp_attention_softmax_args;

/// How weights and rows are stored for the tile kernels.
typedef enum fp_attention_storage {
  FP_ATTENTION_F32 = 0,
  FP_ATTENTION_F32_ROUNDED, // float32 values rounded to bfloat16
  FP_ATTENTION_BF16,
  FP_ATTENTION_STORAGE_COUNT
} fp_attention_storage;

typedef struct fp_attention_kernels {
  int block_queries, block_keys; // sizes of a block to aim at
  int group_unit;   // groups of k in a product are padded to a multiple of this
  bool interleaved; // softmax of one tile of rows goes between the products of its neighbours, for
                    // processors that do both at the same time
  /// Softmax of a block of scores against the running maximum, for each storage.
  void (*softmax[FP_ATTENTION_STORAGE_COUNT])(const fp_attention_softmax_args *args);
  /// Applies what `rows` asks for to one head of one row and stores it, zero up to `padded`
  /// elements.
  void (*prepare)(const fp_attention_rows *rows, int head, int64_t row, int dim, int padded,
                  fp_attention_storage storage, void *target);
  /// y = (y +) output * factor for `dim` elements.
  void (*finish)(void *y, fp_dtype y_type, const float *output, float factor, int dim, bool add);
} fp_attention_kernels;

void fp_attention_init_generic(fp_attention_kernels *kernels);
void fp_attention_init_avx2(fp_attention_kernels *kernels);
void fp_attention_init_avx512(fp_attention_kernels *kernels, uint32_t features);
void fp_attention_init_amx(fp_attention_kernels *kernels);
void fp_attention_init_neon(fp_attention_kernels *kernels);

typedef struct fp_kernels fp_kernels;

/// Bytes of packed keys and values, to be aligned to 64.
size_t fp_attention_packed_bytes(const fp_kernels *kernels, const fp_attention_shape *shape);
int64_t fp_attention_pack_tasks(const fp_kernels *kernels, const fp_attention_shape *shape);
/// Bytes of scratch, aligned to 64, for one call of `fp_attention_pack`.
size_t fp_attention_pack_scratch_bytes(const fp_kernels *kernels,
                                       const fp_attention_shape *shape);
/// Packs a block of keys and values of one head.
void fp_attention_pack(const fp_kernels *kernels, const fp_attention_keys *keys,
                       int64_t task, void *packed, void *scratch);

int64_t fp_attention_tasks(const fp_kernels *kernels, const fp_attention_queries *queries);
/// Bytes of scratch, aligned to 64, for one call of `fp_attention_attend`; from one block of keys
/// on it does not grow with the length.
size_t fp_attention_scratch_bytes(const fp_kernels *kernels,
                                  const fp_attention_shape *shape);
/// Computes a block of query rows of one head. The packed keys have the same shape.
void fp_attention_attend(const fp_kernels *kernels, const fp_attention_queries *queries,
                         const void *packed, int64_t task, void *scratch);

#endif
