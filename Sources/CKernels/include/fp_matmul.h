/// Matrix products: Y[M, N] = epilogue(prologue(X)[M, K] * W[N, K]^T), and the tile kernels under
/// them, which attention and convolution use too.
///
/// Operands of a tile kernel are counted in GROUPS of k: 32-bit words that hold 1 float32, 2
/// bfloat16 or 4 bytes. Rows are activations (tokens, positions), lanes are output channels.
///
///   A, rows: a row is cut into 64-byte CHUNKS of 16 groups. Group g of row r lies at
///            a + r * a_row + (g / 16) * a_chunk + (g % 16) * 4.
///            Row-major memory is a_chunk = 64; packed panels are [chunk][rows][64 bytes].
///   B, lanes: words [groups][lanes], contiguous, lanes a multiple of 16.
///   C:       words [rows][lanes] (float32, or int32 for bytes) with row stride c_row.
///
/// Bytes are unsigned in A (value + 128) and signed in B.
#ifndef FP_MATMUL_H
#define FP_MATMUL_H

#include "fp_convert.h"
#include "fp_types.h"

/// Arithmetic of a product.
typedef enum fp_compute {
  FP_COMPUTE_F32 = 0, // float32 operands and sums
  FP_COMPUTE_BF16,    // operands rounded to bfloat16, sums in float32
  FP_COMPUTE_I8,      // operands quantised to 8 bits, sums in int32
  FP_COMPUTE_COUNT
} fp_compute;

/// Groups in a 64-byte chunk of A.
#define FP_CHUNK_GROUPS 16

/// One call of a tile kernel: C (=|+=) sum over `batch` of A_b * B_b.
typedef struct fp_tile_args {
  const void *a;
  const ptrdiff_t *a_offsets; // [batch] bytes from `a` to each block's A; NULL: one block at 0
  ptrdiff_t a_row, a_chunk;   // bytes; multiples of 4
  const void *b;              // [batch][groups][lanes] words
  void *c;
  ptrdiff_t c_row; // bytes
  int batch;       // blocks to sum; 0 makes C zero (or leaves it, with `accumulate`)
  int groups;      // groups of each block, any number
  int rows;        // 1 ... the kernel's rows; no other row of A or C is touched
  int lanes;       // 16, 32 ... the kernel's lanes
  bool accumulate; // add to C instead of overwriting it
} fp_tile_args;

/// The tile kernel of one arithmetic, with the geometry that its operands must be packed for.
typedef struct fp_tile_kernels {
  fp_dtype storage;  // what A and B hold: F32, BF16 or I8. BF16 arithmetic without instructions
                     // for it stores float32 values that were rounded to bfloat16.
  int group;         // elements in a group: 4 / size of `storage`
  int rows, lanes;   // largest tile
  int block_groups;  // groups of k to take in one pass, a multiple of 16: with block_lanes lanes
  int block_lanes;   // of B they fill about half of a core's second-level cache
  void (*multiply)(const fp_tile_args *args);
  /// Packs B from lane-major rows: `source` holds `n` rows of `k` elements of type `storage`,
  /// `source_row` bytes apart. Writes [groups][lanes] words, zero where there is no source.
  void (*pack_lanes)(void *target, const void *source, ptrdiff_t source_row, int64_t n, int64_t k,
                     int lanes, int64_t groups);
  /// Packs B from k-major rows: `source` holds `k` rows of `n` elements.
  void (*pack_depth)(void *target, const void *source, ptrdiff_t source_row, int64_t n, int64_t k,
                     int lanes, int64_t groups);
  /// Gives back what `multiply` holds for the calling thread (AMX tiles); call it at the end of a
  /// run of calls. Never NULL.
  void (*finish)(void);
} fp_tile_kernels;

typedef enum fp_norm { FP_NORM_NONE = 0, FP_NORM_LAYER, FP_NORM_RMS } fp_norm;

/// What happens to a row of X on its way into the product: norm(x) * multiply + add + factor * z,
/// in float32, then rounding to the product's storage type.
typedef struct fp_prologue {
  const void *x; // [M, K]
  fp_dtype x_type; // F32, BF16 or F16
  ptrdiff_t x_row; // bytes
  fp_norm norm;    // over the K elements of a row, biased variance
  float epsilon;
  const float *multiply; // [K], NULL: 1
  const float *add;      // [K], NULL: 0
  const void *addend;    // z: [M, K], NULL: 0
  fp_dtype addend_type;  // F32, BF16 or F16
  ptrdiff_t addend_row;  // bytes
  float addend_factor;
} fp_prologue;

typedef enum fp_activation {
  FP_ACTIVATION_NONE = 0,
  FP_ACTIVATION_GELU_TANH,
  FP_ACTIVATION_GELU_ERF,
  FP_ACTIVATION_SILU,
  FP_ACTIVATION_RELU,
  // With numbers a and b of the epilogue; in epilogues only.
  FP_ACTIVATION_CLAMP,      // min(b, max(a, x))
  FP_ACTIVATION_LEAKY_RELU, // a * x below 0
  FP_ACTIVATION_HARD_SWISH, // x * min(1, max(0, a * x + b))
} fp_activation;

/// What happens to a sum on its way out:
/// y = last(activation(sum * scales + bias) * factor * gate + residual), in float32, then rounded.
typedef struct fp_epilogue {
  const float *bias; // [N] or NULL
  fp_activation activation;
  float activation_a, activation_b; // numbers of `activation` and `last`
  const void *factor; // [M, N] or NULL (gated feed-forward)
  fp_dtype factor_type; // F32 or BF16
  ptrdiff_t factor_row; // bytes
  const float *gate;    // [N] or NULL
  const void *residual; // [M, N] or NULL; may be `y` itself
  fp_dtype residual_type; // F32 or BF16
  ptrdiff_t residual_row; // bytes
  fp_activation last;     // after the residual
  void *y;                // [M, N]
  fp_dtype y_type;        // F32 or BF16
  ptrdiff_t y_row;        // bytes
} fp_epilogue;

/// One tile on its way out of C.
typedef struct fp_store_args {
  const void *c; // float32, or int32 where `lane_scale` is given
  ptrdiff_t c_row; // bytes
  int64_t row, lane; // place of the tile in Y
  int rows, lanes;   // size of the valid part
  const float *lane_scale; // [lanes of the tile] or NULL: scale of each output channel (8-bit)
  const int32_t *lane_sum; // [lanes of the tile]: sum over k of B, times 128 to undo A's offset
  const float *row_scale;  // [M]: scale of each row of A (8-bit), indexed by `row`
} fp_store_args;

typedef struct fp_matmul_kernels {
  fp_tile_kernels tile[FP_COMPUTE_COUNT];
  /// Applies a prologue to one row of X and writes it as one row of A: `chunks` chunks of 64 bytes,
  /// `chunk_stride` bytes apart, zero after element k. For 8 bits `scale` receives the row's
  /// scale (largest magnitude / 127); otherwise it may be NULL. `scratch`: k floats.
  void (*prepare_row)(fp_compute compute, const fp_prologue *prologue, int64_t row, int64_t k,
                      void *target, ptrdiff_t chunk_stride, int64_t chunks, float *scratch,
                      float *scale);
  /// Applies an epilogue to a tile of sums and writes it.
  void (*store)(const fp_epilogue *epilogue, const fp_store_args *args);
} fp_matmul_kernels;

void fp_matmul_init_generic(fp_matmul_kernels *kernels);
void fp_matmul_init_avx2(fp_matmul_kernels *kernels);
void fp_matmul_init_avx512(fp_matmul_kernels *kernels, uint32_t features);
void fp_matmul_init_amx(fp_matmul_kernels *kernels);
void fp_matmul_init_neon(fp_matmul_kernels *kernels);

// MARK: Linear

/// The weights of a product, used where they lie.
typedef struct fp_weights {
  const void *w;
  fp_dtype type;       // any floating type; I8 for FP_COMPUTE_I8
  ptrdiff_t row;       // bytes between rows
  bool depth_major;    // false: W is [N, K] (Linear); true: W is [K, N] (plain matrix product)
  const float *scale;  // [N], for FP_COMPUTE_I8
} fp_weights;

/// Y = epilogue(prologue(X) * W^T). The sum over K is cut into blocks that depend on K alone, so
/// the result does not depend on how M and N are shared out among threads.
typedef struct fp_linear {
  fp_compute compute;
  int64_t m, n, k;
  fp_prologue prologue;
  fp_weights weights;
  fp_epilogue epilogue;
} fp_linear;

/// Panels of packed rows: ceil(m / rows of the tile kernel).
int64_t fp_linear_panels(const fp_matmul_kernels *kernels, fp_compute compute, int64_t m);
/// Bytes of `m` packed rows.
size_t fp_linear_packed_bytes(const fp_matmul_kernels *kernels, fp_compute compute, int64_t m,
                              int64_t k);
/// Bytes of scratch for `fp_linear_pack`.
size_t fp_linear_pack_scratch_bytes(int64_t k);
/// Packs the panels begin ..< end of rows; `row_scales` is [m] for FP_COMPUTE_I8, else NULL.
void fp_linear_pack(const fp_matmul_kernels *kernels, const fp_linear *linear, int64_t begin,
                    int64_t end, void *packed, float *row_scales, void *scratch);
/// Bytes of scratch for one call of `fp_linear_multiply` over that many rows and lanes.
size_t fp_linear_scratch_bytes(const fp_matmul_kernels *kernels, const fp_linear *linear,
                               int64_t rows, int64_t lanes);
/// Computes rows row_begin ..< row_end (row_begin a multiple of the tile's rows) and lanes
/// lane_begin ..< lane_end (lane_begin a multiple of the tile's lanes) of Y. `scratch` is aligned
/// to 64 bytes.
void fp_linear_multiply(const fp_matmul_kernels *kernels, const fp_linear *linear,
                        const void *packed, const float *row_scales, int64_t row_begin,
                        int64_t row_end, int64_t lane_begin, int64_t lane_end, void *scratch,
                        const fp_convert_kernels *convert);

#endif
