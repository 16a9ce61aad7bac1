#include "fp_sentencepiece.h"

#include <sentencepiece_processor.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <string_view>
#include <vector>

struct fp_sentencepiece {
  sentencepiece::SentencePieceProcessor processor;
};

namespace {

void report(std::string_view text, char *message, size_t capacity) {
  if (capacity == 0) return;
  const size_t length = std::min(text.size(), capacity - 1);
  std::memcpy(message, text.data(), length);
  message[length] = 0;
}

/// Runs `body`; an exception becomes `fallback` and a message.
template <typename Result, typename Body>
Result guarded(Result fallback, char *message, size_t capacity, Body body) {
  try {
    return body();
  } catch (const std::exception &error) {
    report(error.what(), message, capacity);
  } catch (...) {
    report("unknown error", message, capacity);
  }
  return fallback;
}

} // namespace

fp_sentencepiece *fp_sentencepiece_load(const void *bytes, size_t count, char *message,
                                        size_t capacity) {
  return guarded<fp_sentencepiece *>(nullptr, message, capacity, [&]() -> fp_sentencepiece * {
    auto model = std::make_unique<fp_sentencepiece>();
    const std::string_view serialised(static_cast<const char *>(bytes), count);
    const auto status = model->processor.LoadFromSerializedProto(serialised);
    if (status.ok()) return model.release();
    report(status.error_message(), message, capacity);
    return nullptr;
  });
}

void fp_sentencepiece_free(fp_sentencepiece *model) { delete model; }

int64_t fp_sentencepiece_encode(const fp_sentencepiece *model, const char *text, size_t count,
                                int32_t *ids, int64_t capacity, char *message,
                                size_t message_capacity) {
  return guarded<int64_t>(-1, message, message_capacity, [&]() -> int64_t {
    std::vector<int> encoded;
    const auto status = model->processor.Encode(std::string_view(text, count), &encoded);
    if (!status.ok()) {
      report(status.error_message(), message, message_capacity);
      return -1;
    }
    const auto total = static_cast<int64_t>(encoded.size());
    std::copy_n(encoded.begin(), std::clamp<int64_t>(capacity, 0, total), ids);
    return total;
  });
}
