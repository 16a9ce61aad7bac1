/// Intel AMX on processors that lack it: an AMX instruction raises SIGILL there, and a handler does
/// what the instruction would have done, on the thread's registers and tiles of its own.
///
/// The emulator is strict where hardware is: a configuration or an operand that a real processor
/// refuses (#UD, #GP) ends the process with a message that names the instruction and the tiles.
/// Semantics: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1 chapter 18 and
/// volume 2 (LDTILECFG ... TDPBF16PS).
#ifndef FP_AMX_EMULATOR_H
#define FP_AMX_EMULATOR_H

#include <stdbool.h>

/// Makes the kernels of level `amx` available by emulation; true where AMX is emulated from now on
/// (or was already). False, and nothing happens, where the processor has AMX itself, where it
/// lacks the AVX-512 instructions that the level takes for granted, and on other systems than
/// Linux on x86-64. Any thread may call it, any number of times.
bool fp_amx_emulator_install(void);

#endif
