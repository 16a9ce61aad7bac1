// Values by formula: every level must give the reference's bits.
#include "checks.h"

static void check_fill(fp_check_run *run) {
  static const size_t counts[] = {0, 1, 7, 8, 15, 16, 17, 33, 1000};
  for (int round = 0; round < 200; round++) {
    const fp_dtype type = round % 2 ? FP_BF16 : FP_F32;
    const size_t count = counts[(size_t)round % (sizeof counts / sizeof *counts)];
    const size_t bytes = count * fp_dtype_size(type);
    const uint64_t hash = fp_check_random(run);
    const uint64_t start = round % 3 ? fp_check_random(run) >> 30 : 0;
    const float offset = round % 5 == 0 ? 1.0f : 0.0f;
    const float scale = round % 7 == 0 ? 0.0f : fp_check_random_float(run);
    const bool absolute = round % 4 == 0;
    char *want = fp_check_memory(run, bytes, 0, false);
    char *got = fp_check_memory(run, bytes, (size_t)round % 5, round % 2 == 0);
    run->reference->procedural.fill(want, type, hash, start, count, offset, scale, absolute);
    run->kernels->procedural.fill(got, type, hash, start, count, offset, scale, absolute);
    fp_check_same(run, "procedural values", got, want, bytes);
  }
}

/// Sums half way between two bfloat16: the even one.
static void check_ties(fp_check_run *run) {
  enum { count = 100 };
  float *got = fp_check_memory(run, count * sizeof *got, 0, true);
  for (int tie = 257; tie < 271; tie += 2) { // bfloat16 counts by twos from 256 on
    const float even = (float)(tie % 4 == 1 ? tie - 1 : tie + 1);
    run->kernels->procedural.fill(got, FP_F32, 1, 2, count, (float)tie, 1e-6f, false);
    for (int i = 0; i < count; i++)
      fp_check_close(run, "tie", &got[i], &even, 1, 0, 0);
  }
}

/// Both types hold the same values.
static void check_types(fp_check_run *run) {
  enum { count = 100 };
  float *wide = fp_check_memory(run, count * sizeof *wide, 0, true);
  uint16_t *narrow = fp_check_memory(run, count * sizeof *narrow, 0, true);
  float *widened = fp_check_memory(run, count * sizeof *widened, 0, true);
  run->kernels->procedural.fill(wide, FP_F32, 1, 2, count, 0.5f, 0.25f, false);
  run->kernels->procedural.fill(narrow, FP_BF16, 1, 2, count, 0.5f, 0.25f, false);
  for (int i = 0; i < count; i++)
    widened[i] = fp_bf16_to_f32(narrow[i]);
  fp_check_same(run, "procedural types", wide, widened, count * sizeof *wide);
}

static const fp_check checks[] = {
    {"procedural.fill", check_fill},
    {"procedural.ties", check_ties},
    {"procedural.types", check_types},
};

const fp_check_topic fp_procedural_checks = {checks, sizeof checks / sizeof *checks};
