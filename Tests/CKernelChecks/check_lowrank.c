// Low-rank sums against the reference.
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

static const fp_check checks[] = {
    {"lowrank.add", check_add},
    {"lowrank.cuts", check_cuts},
};

const fp_check_topic fp_lowrank_checks = {checks, sizeof checks / sizeof *checks};
