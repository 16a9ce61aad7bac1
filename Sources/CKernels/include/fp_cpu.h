/// What the processor and the operating system offer, asked once.
#ifndef FP_CPU_H
#define FP_CPU_H

#include "fp_types.h"

/// Bits of `fp_cpu_features`.
enum {
  FP_CPU_AVX2 = 1u << 0, // with FMA and F16C
  FP_CPU_AVX512 = 1u << 1, // F, BW, VL and DQ together
  FP_CPU_AVX512_BF16 = 1u << 2,
  FP_CPU_AVX512_VNNI = 1u << 3,
  FP_CPU_AMX_BF16 = 1u << 4, // with AMX-TILE and the kernel's permission to use it
  FP_CPU_AMX_INT8 = 1u << 5,
  FP_CPU_NEON = 1u << 6,
};

/// The features of this machine that both the processor and the operating system support, and
/// those assumed.
/// Asks for permission to use AMX tile data on first use.
uint32_t fp_cpu_features(void);

/// Adds features to those found: for a test program that emulates instructions which this processor
/// lacks. Levels that need them become available; none of them becomes the best.
void fp_cpu_assume_features(uint32_t features);

/// The highest level of the processor itself, assumed features left aside.
fp_isa fp_cpu_best_isa(void);

/// Whether the features, assumed ones included, allow a level.
bool fp_cpu_runs_isa(fp_isa isa);

/// The processor's own name ("AMD EPYC ..."), an empty string where it does not tell.
const char *fp_cpu_name(void);

/// Writes the numbers of the logical processors that this thread may run on, at most `capacity`;
/// returns how many there are, 0 where the system does not tell.
int fp_cpu_allowed_processors(int *processors, int capacity);

/// Tells the processor that a loop waits for memory that another thread will write.
static inline void fp_cpu_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb" ::: "memory"); // waits longer than "yield", which most cores ignore
#endif
}

#endif
