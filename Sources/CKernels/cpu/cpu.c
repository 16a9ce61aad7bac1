// Asks the processor (CPUID) and the operating system (XCR0, arch_prctl) what may be used.
#if defined(__linux__)
#define _GNU_SOURCE // syscall(2), sched_getaffinity(2)
#endif
#include "fp_cpu.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

static pthread_once_t detect_once = PTHREAD_ONCE_INIT;
static uint32_t found_features;
static _Atomic uint32_t assumed_features;
static char processor_name[49];

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

/// XCR0: the register states that the operating system saves on a context switch.
static uint64_t enabled_states(void) {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return ((uint64_t)high << 32) | low;
}

#if defined(__linux__)
/// Gives this thread a signal stack that holds a frame with tile data, where it has a smaller one
/// (a crash reporter's, say): the kernel refuses permission (ENOSPC) as long as it has.
static bool enlarge_signal_stack(void) {
  enum { frame_and_handler = 128 << 10 };
  stack_t stack;
  if (sigaltstack(NULL, &stack) != 0 || (stack.ss_flags & (SS_DISABLE | SS_ONSTACK)) ||
      stack.ss_size >= frame_and_handler)
    return false;
  void *memory = mmap(NULL, frame_and_handler, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED)
    return false;
  // The old one is left as it is: whoever made it may free it.
  stack = (stack_t){.ss_sp = memory, .ss_size = frame_and_handler};
  return sigaltstack(&stack, NULL) == 0;
}
#endif

/// Linux hands out the 8 KB of tile state only to a process that asks (ARCH_REQ_XCOMP_PERM).
static bool tile_data_permitted(void) {
#if defined(__linux__)
  enum { request_permission = 0x1023, tile_data = 18 };
  if (syscall(SYS_arch_prctl, request_permission, tile_data) == 0)
    return true;
  return errno == ENOSPC && enlarge_signal_stack() &&
         syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
  return false;
#endif
}

static void read_processor_name(void) {
  uint32_t words[12];
  if (__get_cpuid_max(0x80000000u, NULL) < 0x80000004u)
    return;
  for (uint32_t leaf = 0; leaf < 3; leaf++)
    __get_cpuid(0x80000002u + leaf, &words[4 * leaf], &words[4 * leaf + 1], &words[4 * leaf + 2],
                &words[4 * leaf + 3]);
  memcpy(processor_name, words, 48);
}

static void detect(void) {
  enum { ymm_states = 0x6, zmm_states = 0xe6, tile_states = 0x60000 };
  uint32_t a, b, c, d;
  read_processor_name();
  if (!__get_cpuid(1, &a, &b, &c, &d))
    return;
  const bool osxsave = c & (1u << 27), fma = c & (1u << 12), f16c = c & (1u << 29);
  if (!osxsave || !__get_cpuid_count(7, 0, &a, &b, &c, &d))
    return;
  const uint32_t leaf7_b = b, leaf7_c = c, leaf7_d = d;
  const uint64_t states = enabled_states();
  if (!(leaf7_b & (1u << 5)) || !fma || !f16c || (states & ymm_states) != ymm_states)
    return;
  found_features |= FP_CPU_AVX2;

  // Bits 16, 17, 30, 31 of EBX: F, DQ, BW, VL.
  const uint32_t avx512 = (1u << 16) | (1u << 17) | (1u << 30) | (1u << 31);
  if ((leaf7_b & avx512) != avx512 || (states & zmm_states) != zmm_states)
    return;
  found_features |= FP_CPU_AVX512;
  if (leaf7_c & (1u << 11))
    found_features |= FP_CPU_AVX512_VNNI;
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & (1u << 5)))
    found_features |= FP_CPU_AVX512_BF16;

  if ((leaf7_d & (1u << 24)) && (states & tile_states) == tile_states && tile_data_permitted()) {
    if (leaf7_d & (1u << 22))
      found_features |= FP_CPU_AMX_BF16;
    if (leaf7_d & (1u << 25))
      found_features |= FP_CPU_AMX_INT8;
  }
}
#elif defined(__aarch64__)
static void detect(void) { found_features = FP_CPU_NEON; } // part of the base architecture
#else
static void detect(void) {}
#endif

uint32_t fp_cpu_features(void) {
  pthread_once(&detect_once, detect);
  return found_features | assumed_features;
}

void fp_cpu_assume_features(uint32_t features) { assumed_features |= features; }

const char *fp_cpu_name(void) {
  pthread_once(&detect_once, detect);
  return processor_name;
}

/// The highest level that some features allow.
static fp_isa highest_isa(uint32_t features) {
  const uint32_t amx = FP_CPU_AVX512 | FP_CPU_AVX512_BF16 | FP_CPU_AVX512_VNNI | FP_CPU_AMX_BF16 |
                       FP_CPU_AMX_INT8;
  if ((features & amx) == amx)
    return FP_ISA_AMX;
  if (features & FP_CPU_AVX512)
    return FP_ISA_AVX512;
  if (features & FP_CPU_AVX2)
    return FP_ISA_AVX2;
  if (features & FP_CPU_NEON)
    return FP_ISA_NEON;
  return FP_ISA_GENERIC;
}

fp_isa fp_cpu_best_isa(void) {
  pthread_once(&detect_once, detect);
  return highest_isa(found_features);
}

bool fp_cpu_runs_isa(fp_isa isa) {
  if (isa == FP_ISA_GENERIC)
    return true;
#if defined(__x86_64__)
  return isa >= FP_ISA_AVX2 && isa < FP_ISA_COUNT && isa <= highest_isa(fp_cpu_features());
#elif defined(__aarch64__)
  return isa == FP_ISA_NEON && highest_isa(fp_cpu_features()) == FP_ISA_NEON;
#else
  return false;
#endif
}

int fp_cpu_allowed_processors(int *processors, int capacity) {
  int count = 0;
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0)
    return 0;
  for (int processor = 0; processor < CPU_SETSIZE; processor++)
    if (CPU_ISSET(processor, &set)) {
      if (count < capacity)
        processors[count] = processor;
      count++;
    }
#else
  (void)processors;
  (void)capacity;
#endif
  return count;
}
