/// The emulated part of a processor: tile registers, and one step of its execution.
#ifndef FP_AMX_EMULATOR_INTERNAL_H
#define FP_AMX_EMULATOR_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

enum { FP_AMX_TILES = 8, FP_AMX_ROWS = 16, FP_AMX_ROW_BYTES = 64 };

/// Tile configuration and data of one thread (TILECFG and TILEDATA).
typedef struct fp_amx_tiles {
  uint8_t palette; // 0: not configured
  uint8_t rows[FP_AMX_TILES];
  uint16_t colsb[FP_AMX_TILES]; // bytes in a row
  _Alignas(64) uint8_t data[FP_AMX_TILES][FP_AMX_ROWS][FP_AMX_ROW_BYTES];
} fp_amx_tiles;

/// The registers that addresses are made of, in the order of their numbers in machine code.
typedef struct fp_amx_registers {
  uint64_t general[16]; // rax rcx rdx rbx rsp rbp rsi rdi r8 ... r15
  uint64_t rip;
} fp_amx_registers;

typedef enum fp_amx_outcome {
  FP_AMX_EXECUTED, // rip is at the next instruction
  FP_AMX_FOREIGN,  // rip is not at an AMX instruction; nothing changed
  FP_AMX_FAULT,    // a processor would refuse it; the message says why
} fp_amx_outcome;

/// Executes the instruction at `registers->rip`.
fp_amx_outcome fp_amx_step(fp_amx_tiles *tiles, fp_amx_registers *registers, char *message,
                           size_t capacity);

/// C[rows][colsb / 4] += A * B as TDPBF16PS does it; needs AVX-512F.
void fp_amx_dot_bf16(fp_amx_tiles *tiles, int c, int a, int b);

/// C += A * B over bytes, each operand signed or not, modulo 2^32 as TDPB[SU][SU]D does it.
void fp_amx_dot_bytes(fp_amx_tiles *tiles, int c, int a, int b, int a_signed, int b_signed);

#endif
