// Catches the SIGILL of AMX instructions and lets the emulator execute them.
#if defined(__linux__)
#define _GNU_SOURCE // REG_RIP
#endif
#include "fp_amx_emulator.h"

#if defined(__linux__) && defined(__x86_64__)
#include "amx_emulator.h"
#include "fp_cpu.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>
#include <unistd.h>

static __thread fp_amx_tiles thread_tiles;
static struct sigaction previous;
static pthread_once_t install_once = PTHREAD_ONCE_INIT;
static bool installed;

/// Places in the signal's context of the registers in machine code order.
static const int places[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                               REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                               REG_R12, REG_R13, REG_R14, REG_R15};

/// An illegal instruction that is none of AMX goes where it would have gone.
static void pass_on(int signal_number, siginfo_t *info, void *context) {
  if (previous.sa_flags & SA_SIGINFO)
    previous.sa_sigaction(signal_number, info, context);
  else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN)
    previous.sa_handler(signal_number);
  else
    signal(signal_number, SIG_DFL); // the instruction runs again, and ends the process
}

static void end_process(const char *message) {
  char line[512];
  const int length = snprintf(line, sizeof line, "AMX emulator: %s\n", message);
  if (write(STDERR_FILENO, line, (size_t)length) != length)
    _exit(2); // nobody can be told
  abort();
}

static void on_illegal_instruction(int signal_number, siginfo_t *info, void *opaque) {
  ucontext_t *context = opaque;
  greg_t *saved = context->uc_mcontext.gregs;
  fp_amx_registers registers = {.rip = (uint64_t)saved[REG_RIP]};
  char message[384];
  for (int i = 0; i < 16; i++)
    registers.general[i] = (uint64_t)saved[places[i]];
  switch (fp_amx_step(&thread_tiles, &registers, message, sizeof message)) {
  case FP_AMX_EXECUTED:
    saved[REG_RIP] = (greg_t)registers.rip;
    return;
  case FP_AMX_FOREIGN:
    pass_on(signal_number, info, opaque);
    return;
  case FP_AMX_FAULT:
    end_process(message);
  }
}

static void install(void) {
  const uint32_t amx = FP_CPU_AMX_BF16 | FP_CPU_AMX_INT8;
  const uint32_t needed = FP_CPU_AVX512 | FP_CPU_AVX512_BF16 | FP_CPU_AVX512_VNNI;
  const uint32_t features = fp_cpu_features();
  if ((features & amx) != 0 || (features & needed) != needed)
    return;
  struct sigaction action = {.sa_sigaction = on_illegal_instruction, .sa_flags = SA_SIGINFO};
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGILL, &action, &previous) != 0)
    return;
  fp_cpu_assume_features(amx);
  installed = true;
}

bool fp_amx_emulator_install(void) {
  pthread_once(&install_once, install);
  return installed;
}

#else
bool fp_amx_emulator_install(void) { return false; }
#endif
