// Reads WebSocket frames (RFC 6455 section 5.2) from a byte stream that comes in any pieces, and keeps nothing of the payload
// but the first bytes of each message.
#pragma once

#include <cstdint>
#include <cstring>

#include <algorithm>

/// What the benchmark's messages carry, once each, near their beginning: sixteen digits of nanoseconds follow.
inline constexpr char MARKER[] = "\"at\":\"";
inline constexpr size_t MARKER_SIZE = sizeof MARKER - 1;
inline constexpr size_t STAMP_DIGITS = 16;

/// First bytes of a message that are kept: enough for the envelope of every contender and the time stamp after it.
inline constexpr size_t HEAD_SIZE = 256;

/// A frame of several messages, in threadcast's wire protocol.
inline constexpr char BATCH[] = "{\"t\":\"batch\"";
inline constexpr size_t BATCH_SIZE = sizeof BATCH - 1;

enum Opcode : uint8_t { CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

/// A whole message, as far as it was kept.
struct Message {
  const char *head;
  size_t headSize;
  uint64_t size;
  bool isCompressed;
  /// Markers in a batch frame; 0 for other messages.
  uint32_t markers;

  bool startsWith(const char *text) const {
    const size_t length = strlen(text);
    return headSize >= length && memcmp(head, text, length) == 0;
  }

  /// The time stamp of the (first) message, or 0 where there is none.
  uint64_t stamp() const {
    const void *found = memmem(head, headSize, MARKER, MARKER_SIZE);
    if (found == nullptr) return 0;
    const char *digit = static_cast<const char *>(found) + MARKER_SIZE;
    if (digit + STAMP_DIGITS > head + headSize) return 0;
    uint64_t value = 0;
    for (size_t i = 0; i < STAMP_DIGITS; i++) value = value * 10 + static_cast<uint64_t>(digit[i] - '0');
    return value;
  }
};

/// One connection's reader. `Sink` has `onMessage(const Message &)` and `onControl(Opcode, const char *, size_t)`.
class FrameReader {
public:
  /// Payload bytes that may be thrown away unread: the rest of a frame whose beginning has been kept.
  uint64_t discardable() const { return isInPayload_ && !isControl() && !isBatch_ && headSize_ == HEAD_SIZE ? left_ : 0; }

  /// Whether messages are so big here that reading more than their beginning is a waste.
  bool expectsBig() const { return lastSize_ > 8 * 1024; }

  /// Told that so many of the `discardable` bytes were thrown away.
  template <typename Sink> void discarded(uint64_t bytes, Sink &sink) {
    left_ -= bytes;
    size_ += bytes;
    if (left_ == 0) endFrame(sink);
  }

  template <typename Sink> void feed(const char *bytes, size_t count, Sink &sink) {
    while (count > 0) {
      const size_t taken = isInPayload_ ? takePayload(bytes, count, sink) : takeHeader(bytes, count, sink);
      bytes += taken;
      count -= taken;
    }
  }

private:
  bool isControl() const { return (opcode_ & 0x8) != 0; }

  template <typename Sink> size_t takeHeader(const char *bytes, size_t count, Sink &sink) {
    const size_t taken = std::min<size_t>(headerNeeded_ - headerSize_, count);
    memcpy(header_ + headerSize_, bytes, taken);
    headerSize_ += taken;
    if (headerSize_ < headerNeeded_) return taken;
    const uint8_t length = header_[1] & 0x7f;
    if (headerNeeded_ == 2 && length >= 126) {
      headerNeeded_ = length == 126 ? 4 : 10;
      return taken;
    }
    left_ = length;
    if (length >= 126) {
      left_ = 0;
      for (size_t i = 2; i < headerNeeded_; i++) left_ = left_ << 8 | header_[i];
    }
    headerSize_ = 0;
    headerNeeded_ = 2;
    beginFrame(sink);
    return taken;
  }

  template <typename Sink> void beginFrame(Sink &sink) {
    opcode_ = header_[0] & 0x0f;
    isFinal_ = (header_[0] & 0x80) != 0;
    isInPayload_ = true;
    if (isControl()) {
      controlSize_ = 0;
    } else if (opcode_ != CONTINUATION) {
      isCompressed_ = (header_[0] & 0x40) != 0;
      isBatch_ = false;
      headSize_ = 0;
      size_ = 0;
      markers_ = 0;
      matched_ = 0;
    }
    if (left_ == 0) endFrame(sink);
  }

  template <typename Sink> size_t takePayload(const char *bytes, size_t count, Sink &sink) {
    const size_t taken = std::min<uint64_t>(left_, count);
    left_ -= taken;
    if (isControl()) {
      const size_t kept = std::min(taken, sizeof control_ - controlSize_);
      memcpy(control_ + controlSize_, bytes, kept);
      controlSize_ += kept;
    } else {
      keep(bytes, taken);
      size_ += taken;
    }
    if (left_ == 0) endFrame(sink);
    return taken;
  }

  void keep(const char *bytes, size_t count) {
    const size_t before = headSize_;
    const size_t kept = std::min(count, HEAD_SIZE - headSize_);
    memcpy(head_ + headSize_, bytes, kept);
    headSize_ += kept;
    if (isBatch_) {
      countMarkers(bytes, count);
    } else if (before < BATCH_SIZE && headSize_ >= BATCH_SIZE && memcmp(head_, BATCH, BATCH_SIZE) == 0) {
      isBatch_ = true;
      // what came in earlier pieces is shorter than the word "batch" and holds no marker
      countMarkers(bytes, count);
    }
  }

  void countMarkers(const char *bytes, size_t count) {
    const char *end = bytes + count;
    while (bytes < end) {
      if (matched_ == 0) {
        const void *quote = memchr(bytes, MARKER[0], static_cast<size_t>(end - bytes));
        if (quote == nullptr) return;
        bytes = static_cast<const char *>(quote) + 1;
        matched_ = 1;
      } else if (*bytes == MARKER[matched_]) {
        bytes++;
        if (++matched_ == MARKER_SIZE) {
          markers_++;
          matched_ = 0;
        }
      } else {
        matched_ = 0;
      }
    }
  }

  template <typename Sink> void endFrame(Sink &sink) {
    isInPayload_ = false;
    if (isControl()) {
      sink.onControl(static_cast<Opcode>(opcode_), control_, controlSize_);
    } else if (isFinal_) {
      lastSize_ = size_;
      sink.onMessage(Message{head_, headSize_, size_, isCompressed_, markers_});
    }
  }

  uint64_t left_ = 0;
  uint64_t size_ = 0;
  uint64_t lastSize_ = 0;
  size_t headSize_ = 0;
  size_t controlSize_ = 0;
  size_t headerSize_ = 0;
  size_t headerNeeded_ = 2;
  uint32_t markers_ = 0;
  uint8_t matched_ = 0;
  uint8_t opcode_ = 0;
  bool isFinal_ = false;
  bool isInPayload_ = false;
  bool isCompressed_ = false;
  bool isBatch_ = false;
  uint8_t header_[10];
  char control_[125];
  char head_[HEAD_SIZE];
};
