// Low-rank sums against the reference.
#include "check_inputs.h"
#include "checks.h"

static void fill(fp_check_run *run, float *values, int64_t count) {
  for (int64_t i = 0; i < count; i++)
    values[i] = fp_check_random_float(run);
}

/// Sums of up to 300 products below 1 in magnitude: fused or not, they differ by a few roundings of
/// sums below 32, each at most 2e-6.
static void check_add(fp_check_run *run) {
  static const int sizes[] = {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 33, 50};
  enum { size_count = sizeof sizes / sizeof *sizes };
  for (int round = 0; round < 150; round++) {
    const int64_t rows = sizes[fp_check_random_int(run, size_count)];
    // Larger ranks than a panel holds take another way.
    const int64_t rank = round % 10 == 9 ? 300 : sizes[fp_check_random_int(run, size_count)];
    const int64_t columns = sizes[fp_check_random_int(run, size_count)];
    const ptrdiff_t gap = round % 3;
    const size_t misalignment = round % 2 ? 4 : 0;
    const int64_t target_count = rows > 0 ? (rows - 1) * (columns + gap) + columns : 0;
    const int64_t down_count = rank > 0 ? (rank - 1) * (columns + gap) + columns : 0;
    float *got = fp_check_memory(run, (size_t)target_count * 4, misalignment, round % 4 == 0);
    float *want = fp_check_memory(run, (size_t)target_count * 4, 0, false);
    float *up = fp_check_memory(run, (size_t)(rows * rank) * 4, misalignment, true);
    float *down = fp_check_memory(run, (size_t)down_count * 4, misalignment, true);
    fill(run, want, target_count);
    memcpy(got, want, (size_t)target_count * 4);
    fill(run, up, rows * rank);
    fill(run, down, down_count);
    run->reference->lowrank.add(want, columns + gap, up, rank, down, columns + gap, rows, rank,
                                columns, 0.75f);
    run->kernels->lowrank.add(got, columns + gap, up, rank, down, columns + gap, rows, rank,
                              columns, 0.75f);
    fp_check_close(run, "low-rank sum", got, want, (size_t)target_count, 3e-5f, 1e-6f);
  }
}

/// The same element from another cut of the matrix has the same bits.
static void check_cuts(fp_check_run *run) {
  enum { rows = 21, rank = 13, columns = 70 };
  float *whole = fp_check_memory(run, rows * columns * 4, 0, true);
  float *parts = fp_check_memory(run, rows * columns * 4, 0, true);
  float *up = fp_check_memory(run, rows * rank * 4, 0, true);
  float *down = fp_check_memory(run, rank * columns * 4, 0, true);
  fill(run, whole, rows * columns);
  memcpy(parts, whole, rows * columns * 4);
  fill(run, up, rows * rank);
  fill(run, down, rank * columns);
  run->kernels->lowrank.add(whole, columns, up, rank, down, columns, rows, rank, columns, 0.3f);
  for (int row = 0; row < rows; row++)
    for (int column = 0; column < columns; column += 7)
      run->kernels->lowrank.add(parts + row * columns + column, columns, up + row * rank, rank,
                                down + column, columns, 1, rank, 7, 0.3f);
  fp_check_same(run, "low-rank cuts", parts, whole, rows * columns * 4);
}

static float from_bf16(uint16_t bits) {
  const uint32_t word = (uint32_t)bits << 16;
  float value;
  memcpy(&value, &word, sizeof value);
  return value;
}

static void fill_bf16(fp_check_run *run, uint16_t *values, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    const float value = fp_check_random_float(run);
    uint32_t word;
    memcpy(&word, &value, sizeof word);
    values[i] = (uint16_t)(word >> 16);
  }
}

/// One element in float32.
static float merged(const uint16_t *weight, const uint16_t *up, const uint16_t *down,
                    ptrdiff_t down_row, int64_t rank, float scale) {
  double sum = 0;
  for (int64_t k = 0; k < rank; k++)
    sum += (double)from_bf16(up[k]) * from_bf16(down[k * down_row]);
  return (float)(from_bf16(*weight) + scale * sum);
}

/// Against sums in float64: rounded once, a result is half a place away, 1 in 256 of its size.
/// Nothing beyond rows and columns is written, and rows merged singly have the same bits.
static void check_merge(fp_check_run *run) {
  const fp_lowrank_kernels *kernels = &run->kernels->lowrank;
  if (!kernels->merge)
    return;
  static const int sizes[] = {1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 70};
  enum { size_count = sizeof sizes / sizeof *sizes };
  for (int round = 0; round < 200; round++) {
    const int64_t rows = sizes[fp_check_random_int(run, size_count)];
    const int64_t rank = sizes[fp_check_random_int(run, size_count)];
    const int64_t columns = sizes[fp_check_random_int(run, size_count)];
    const ptrdiff_t row = columns + round % 3;
    const float scale = round % 2 ? 1 : 0.75f;
    const size_t count = (size_t)((rows - 1) * row + columns);
    uint16_t *got = fp_check_memory(run, count * 2, round % 4 ? 2 : 0, round % 4 == 0);
    uint16_t *single = fp_check_memory(run, count * 2, 0, true);
    uint16_t *weight = fp_check_memory(run, count * 2, 2, true);
    uint16_t *up = fp_check_memory(run, (size_t)(rows * rank) * 2, 2, true);
    uint16_t *down = fp_check_memory(run, (size_t)((rank - 1) * row + columns) * 2, 0, true);
    void *packed = fp_check_memory(run, fp_lowrank_packed_bytes(rank, columns), 0, true);
    fill_bf16(run, weight, (int64_t)count);
    fill_bf16(run, up, rows * rank);
    fill_bf16(run, down, (rank - 1) * row + columns);
    memset(got, 0x5a, count * 2);
    memset(single, 0x5a, count * 2);
    kernels->pack(packed, down, row, rank, columns);
    kernels->merge(got, weight, row, up, rank, packed, rows, rank, columns, scale);
    for (int64_t i = 0; i < rows; i++)
      kernels->merge(single + i * row, weight + i * row, row, up + i * rank, rank, packed, 1, rank,
                     columns, scale);
    fp_check_same(run, "merged rows", single, got, count * 2);
    for (int64_t i = 0; i < rows; i++) {
      for (int64_t j = 0; j < columns; j++) {
        const float want = merged(weight + i * row + j, up + i * rank, down + j, row, rank, scale);
        const float found = from_bf16(got[i * row + j]);
        fp_check_close(run, "merged weight", &found, &want, 1, 2e-5f, 0.0040f);
      }
      for (int64_t j = columns; j < row && i + 1 < rows; j++)
        fp_check_same(run, "gap between rows", &got[i * row + j], "\x5a\x5a", 2);
    }
  }
}

static const fp_check checks[] = {
    {"lowrank.add", check_add},
    {"lowrank.merge", check_merge},
    {"lowrank.cuts", check_cuts},
};

const fp_check_topic fp_lowrank_checks = {checks, sizeof checks / sizeof *checks};
