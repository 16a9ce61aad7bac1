/// The formula's constants and its plain C form, which also serves the vector versions' ends.
#ifndef FP_PROCEDURAL_INTERNAL_H
#define FP_PROCEDURAL_INTERNAL_H

#include "fp_procedural.h"

#define FP_PROCEDURAL_STEP 0x9e3779b97f4a7c15u
#define FP_PROCEDURAL_MULTIPLY1 0xbf58476d1ce4e5b9u
#define FP_PROCEDURAL_MULTIPLY2 0x94d049bb133111ebu

void fp_procedural_fill_generic(void *target, fp_dtype type, uint64_t hash, uint64_t start,
                                size_t count, float offset, float scale, bool absolute);

#endif
