// Decodes AMX instructions (VEX prefix, map 0F38) and executes them.
#if defined(__linux__) && defined(__x86_64__)
#include "amx_emulator.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

typedef enum operation {
  LOAD_CONFIGURATION,
  STORE_CONFIGURATION,
  RELEASE,
  ZERO,
  LOAD,
  STORE,
  DOT_BF16,
  DOT_SS,
  DOT_SU,
  DOT_US,
  DOT_UU,
} operation;

/// What the ModRM byte of an instruction must hold.
typedef enum operands {
  MEMORY,         // reg 0, any address
  STRIDED_MEMORY, // reg = tile; an address with a SIB byte, whose index is the row stride
  NOTHING,        // 11 000 000
  ONE_TILE,       // 11 tile 000
  THREE_TILES,    // 11 tile tile, and a third in VEX.vvvv
} operands;

enum { PREFIX_NONE, PREFIX_66, PREFIX_F3, PREFIX_F2 }; // VEX.pp

typedef struct encoding {
  const char *name;
  operation operation;
  operands operands;
  uint8_t prefix, opcode;
} encoding;

static const encoding encodings[] = {
    {"LDTILECFG", LOAD_CONFIGURATION, MEMORY, PREFIX_NONE, 0x49},
    {"STTILECFG", STORE_CONFIGURATION, MEMORY, PREFIX_66, 0x49},
    {"TILERELEASE", RELEASE, NOTHING, PREFIX_NONE, 0x49},
    {"TILEZERO", ZERO, ONE_TILE, PREFIX_F2, 0x49},
    {"TILELOADD", LOAD, STRIDED_MEMORY, PREFIX_F2, 0x4b},
    {"TILELOADDT1", LOAD, STRIDED_MEMORY, PREFIX_66, 0x4b},
    {"TILESTORED", STORE, STRIDED_MEMORY, PREFIX_F3, 0x4b},
    {"TDPBF16PS", DOT_BF16, THREE_TILES, PREFIX_F3, 0x5c},
    {"TDPBSSD", DOT_SS, THREE_TILES, PREFIX_F2, 0x5e},
    {"TDPBSUD", DOT_SU, THREE_TILES, PREFIX_F3, 0x5e},
    {"TDPBUSD", DOT_US, THREE_TILES, PREFIX_66, 0x5e},
    {"TDPBUUD", DOT_UU, THREE_TILES, PREFIX_NONE, 0x5e},
};

/// A decoded instruction.
typedef struct instruction {
  const encoding *encoding;
  int reg, rm, vvvv; // register numbers with their VEX extension bits
  uint64_t address;
  int64_t stride;
  uint64_t next; // address of the following instruction
} instruction;

/// The place of a fault's message.
typedef struct complaint {
  char *message;
  size_t capacity;
} complaint;

__attribute__((format(printf, 2, 3))) static fp_amx_outcome
refuse(const complaint *complaint, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(complaint->message, complaint->capacity, format, arguments);
  va_end(arguments);
  return FP_AMX_FAULT;
}

static int64_t read_displacement(const uint8_t **code, int bytes) {
  int8_t small = 0;
  int32_t large = 0;
  if (bytes == 1)
    memcpy(&small, *code, 1);
  else if (bytes == 4)
    memcpy(&large, *code, 4);
  *code += bytes;
  return bytes == 1 ? small : large;
}

/// Reads the address after a ModRM byte that names memory; returns whether it had a SIB byte.
static bool decode_address(instruction *found, const uint8_t **code, uint8_t modrm, bool extend_x,
                           bool extend_b, const fp_amx_registers *registers) {
  const int mod = modrm >> 6;
  const bool has_sib = (modrm & 7) == 4;
  int base = modrm & 7;
  if (has_sib) {
    const uint8_t sib = *(*code)++;
    const int index = ((sib >> 3) & 7) | (extend_x ? 8 : 0);
    base = sib & 7;
    if (index != 4) // rsp as index means none
      found->stride = (int64_t)(registers->general[index] << (sib >> 6));
  }
  const bool absent = mod == 0 && base == 5; // no base: disp32 alone, or from the next instruction
  const int displacement_bytes = absent || mod == 2 ? 4 : mod == 1 ? 1 : 0;
  found->address = (uint64_t)read_displacement(code, displacement_bytes);
  if (!absent)
    found->address += registers->general[base | (extend_b ? 8 : 0)];
  else if (!has_sib)
    found->address += (uint64_t)(uintptr_t)*code;
  return has_sib;
}

static const encoding *find_encoding(uint8_t prefix, uint8_t opcode, uint8_t modrm) {
  for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++) {
    const encoding *candidate = &encodings[i];
    const bool in_memory = candidate->operands == MEMORY || candidate->operands == STRIDED_MEMORY;
    if (candidate->prefix == prefix && candidate->opcode == opcode &&
        in_memory == (modrm >> 6 != 3))
      return candidate;
  }
  return NULL;
}

/// Whether `registers->rip` is at an AMX instruction.
static bool decode(instruction *found, const fp_amx_registers *registers) {
  const uint8_t *code = (const uint8_t *)(uintptr_t)registers->rip;
  enum { three_byte_vex = 0xc4, map_0f38 = 2 };
  if (code[0] != three_byte_vex || (code[1] & 0x1f) != map_0f38)
    return false;
  const bool extend_r = !(code[1] & 0x80), extend_x = !(code[1] & 0x40);
  const bool extend_b = !(code[1] & 0x20);
  const bool wide = code[2] & 0x80, long_vector = code[2] & 4;
  const uint8_t prefix = code[2] & 3, opcode = code[3], modrm = code[4];
  *found = (instruction){.encoding = find_encoding(prefix, opcode, modrm),
                         .reg = ((modrm >> 3) & 7) | (extend_r ? 8 : 0),
                         .rm = (modrm & 7) | (extend_b ? 8 : 0),
                         .vvvv = (~code[2] >> 3) & 15};
  if (found->encoding == NULL || wide || long_vector)
    return false;
  code += 5;
  const operands operands = found->encoding->operands;
  if (operands != THREE_TILES && found->vvvv != 0)
    return false;
  if ((operands == MEMORY || operands == NOTHING) && found->reg != 0)
    return false;
  if ((operands == NOTHING || operands == ONE_TILE) && found->rm != 0)
    return false;
  if (modrm >> 6 != 3) {
    const bool has_sib = decode_address(found, &code, modrm, extend_x, extend_b, registers);
    if (operands == STRIDED_MEMORY && !has_sib)
      return false;
  }
  found->next = (uint64_t)(uintptr_t)code;
  return true;
}

// MARK: Configuration

static bool all_zero(const uint8_t *bytes, int count) {
  for (int i = 0; i < count; i++)
    if (bytes[i] != 0)
      return false;
  return true;
}

/// Byte 0: palette, 1: start row, 16: 16-bit row bytes of each tile, 48: rows of each tile.
static fp_amx_outcome load_configuration(fp_amx_tiles *tiles, const void *source,
                                         const complaint *complaint) {
  uint8_t bytes[64];
  memcpy(bytes, source, sizeof bytes);
  memset(tiles, 0, sizeof *tiles);
  if (bytes[0] == 0)
    return FP_AMX_EXECUTED;
  if (bytes[0] != 1)
    return refuse(complaint, "LDTILECFG with palette %d: only 0 and 1 exist", bytes[0]);
  if (bytes[1] != 0)
    return refuse(complaint, "LDTILECFG with start_row=%d is not emulated", bytes[1]);
  if (!all_zero(bytes + 2, 14) || !all_zero(bytes + 32, 16) || !all_zero(bytes + 56, 8))
    return refuse(complaint, "LDTILECFG with reserved bytes that are not zero");
  for (int tile = 0; tile < FP_AMX_TILES; tile++) {
    memcpy(&tiles->colsb[tile], bytes + 16 + 2 * tile, 2);
    tiles->rows[tile] = bytes[48 + tile];
    const int rows = tiles->rows[tile], colsb = tiles->colsb[tile];
    if (rows > FP_AMX_ROWS || colsb > FP_AMX_ROW_BYTES || (rows == 0) != (colsb == 0))
      return refuse(complaint, "LDTILECFG with tile %d of rows=%d, colsb=%d: at most 16 and 64, "
                    "and both or none zero", tile, rows, colsb);
  }
  tiles->palette = 1;
  return FP_AMX_EXECUTED;
}

static void store_configuration(const fp_amx_tiles *tiles, void *target) {
  uint8_t bytes[64] = {tiles->palette};
  memcpy(bytes + 16, tiles->colsb, sizeof tiles->colsb);
  memcpy(bytes + 48, tiles->rows, sizeof tiles->rows);
  memcpy(target, bytes, sizeof bytes);
}

// MARK: Tiles

/// Whether an instruction may use a tile; says why not.
static bool usable(const fp_amx_tiles *tiles, const char *name, int tile,
                   const complaint *complaint) {
  if (tiles->palette == 0)
    refuse(complaint, "%s before LDTILECFG (or after TILERELEASE)", name);
  else if (tile >= FP_AMX_TILES)
    refuse(complaint, "%s of tile %d: there are 8", name, tile);
  else if (tiles->rows[tile] == 0)
    refuse(complaint, "%s of tile %d, which is not configured (rows=0, colsb=0)", name, tile);
  else if (tiles->colsb[tile] % 4 != 0)
    refuse(complaint, "%s of tile %d with colsb=%d: not a multiple of 4", name, tile,
           tiles->colsb[tile]);
  else
    return true;
  return false;
}

static fp_amx_outcome move_tile(fp_amx_tiles *tiles, const instruction *instruction,
                                const complaint *complaint) {
  const int tile = instruction->reg;
  if (!usable(tiles, instruction->encoding->name, tile, complaint))
    return FP_AMX_FAULT;
  const bool load = instruction->encoding->operation == LOAD;
  if (load)
    memset(tiles->data[tile], 0, sizeof tiles->data[tile]);
  uint64_t address = instruction->address;
  for (int row = 0; row < tiles->rows[tile]; row++) {
    void *memory = (void *)(uintptr_t)address;
    if (load)
      memcpy(tiles->data[tile][row], memory, tiles->colsb[tile]);
    else
      memcpy(memory, tiles->data[tile][row], tiles->colsb[tile]);
    address += (uint64_t)instruction->stride;
  }
  return FP_AMX_EXECUTED;
}

static fp_amx_outcome multiply(fp_amx_tiles *tiles, const instruction *instruction,
                               const complaint *complaint) {
  const char *name = instruction->encoding->name;
  const int c = instruction->reg, a = instruction->rm, b = instruction->vvvv;
  if (!usable(tiles, name, c, complaint) || !usable(tiles, name, a, complaint) ||
      !usable(tiles, name, b, complaint))
    return FP_AMX_FAULT;
  if (a == b || a == c || b == c)
    return refuse(complaint, "%s of tiles %d, %d, %d: they must differ", name, c, a, b);
  if (tiles->rows[c] != tiles->rows[a] || tiles->colsb[c] != tiles->colsb[b] ||
      tiles->colsb[a] / 4 != tiles->rows[b])
    return refuse(complaint,
                  "%s with a.rows=%d, a.colsb=%d, b.rows=%d, b.colsb=%d, c.rows=%d, c.colsb=%d: "
                  "a.rows and c.rows, b.colsb and c.colsb, a.colsb / 4 and b.rows must agree",
                  name, tiles->rows[a], tiles->colsb[a], tiles->rows[b], tiles->colsb[b],
                  tiles->rows[c], tiles->colsb[c]);
  const operation operation = instruction->encoding->operation;
  if (operation == DOT_BF16)
    fp_amx_dot_bf16(tiles, c, a, b);
  else
    fp_amx_dot_bytes(tiles, c, a, b, operation == DOT_SS || operation == DOT_SU,
                     operation == DOT_SS || operation == DOT_US);
  return FP_AMX_EXECUTED;
}

static fp_amx_outcome execute(fp_amx_tiles *tiles, const instruction *instruction,
                              const complaint *complaint) {
  void *memory = (void *)(uintptr_t)instruction->address;
  switch (instruction->encoding->operation) {
  case LOAD_CONFIGURATION:
    return load_configuration(tiles, memory, complaint);
  case STORE_CONFIGURATION:
    store_configuration(tiles, memory);
    return FP_AMX_EXECUTED;
  case RELEASE:
    memset(tiles, 0, sizeof *tiles);
    return FP_AMX_EXECUTED;
  case ZERO:
    if (!usable(tiles, "TILEZERO", instruction->reg, complaint))
      return FP_AMX_FAULT;
    memset(tiles->data[instruction->reg], 0, sizeof tiles->data[instruction->reg]);
    return FP_AMX_EXECUTED;
  case LOAD:
  case STORE:
    return move_tile(tiles, instruction, complaint);
  default:
    return multiply(tiles, instruction, complaint);
  }
}

fp_amx_outcome fp_amx_step(fp_amx_tiles *tiles, fp_amx_registers *registers, char *message,
                           size_t capacity) {
  instruction instruction;
  const complaint complaint = {message, capacity};
  if (!decode(&instruction, registers))
    return FP_AMX_FOREIGN;
  const fp_amx_outcome outcome = execute(tiles, &instruction, &complaint);
  if (outcome == FP_AMX_EXECUTED)
    registers->rip = instruction.next;
  return outcome;
}

#else
typedef int fp_amx_decode_is_for_x86;
#endif
