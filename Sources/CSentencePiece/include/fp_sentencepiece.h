/// A plain C view of the part of libsentencepiece that a text encoder needs: text to piece numbers.
/// No C++ exception leaves these functions.
#ifndef FP_SENTENCEPIECE_H
#define FP_SENTENCEPIECE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A loaded model; several threads may encode with it at the same time.
typedef struct fp_sentencepiece fp_sentencepiece;

/// Loads a serialised `ModelProto`; the bytes are copied.
///
/// Returns NULL where the library refuses it, with the reason in `message` (cut to `capacity`
/// bytes, the closing zero included). The library trusts the offsets in the normaliser's table:
/// check them beforehand.
fp_sentencepiece *fp_sentencepiece_load(const void *bytes, size_t count, char *message,
                                        size_t capacity);

void fp_sentencepiece_free(fp_sentencepiece *model);

/// Encodes `count` bytes of UTF-8. Returns how many numbers the text has, of which the first
/// `capacity` are written; or -1 where the library fails, with the reason in `message`.
int64_t fp_sentencepiece_encode(const fp_sentencepiece *model, const char *text, size_t count,
                                int32_t *ids, int64_t capacity, char *message,
                                size_t message_capacity);

#ifdef __cplusplus
}
#endif

#endif
