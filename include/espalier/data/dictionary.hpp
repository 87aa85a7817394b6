// SPDX-License-Identifier: Apache-2.0
// `Dictionary`: codes for distinct strings, in order of first appearance; fast enough for file
// readers.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/random.hpp"

namespace espalier {

namespace dictionary_detail {

/// The sizeof(Word) bytes at `p` as a little-endian number.
template <class Word>
[[nodiscard]] inline std::uint64_t load(const char* p) noexcept {
  if constexpr (std::endian::native == std::endian::little) {
    Word word;
    std::memcpy(&word, p, sizeof word);
    return word;
  } else {
    std::uint64_t word = 0;
    for (std::size_t k = 0; k < sizeof(Word); ++k) {
      word |= std::uint64_t{static_cast<unsigned char>(p[k])} << (8 * k);
    }
    return word;
  }
}

/// The same for the `n` < 8 bytes at `p`.
[[nodiscard]] inline std::uint64_t load_some(const char* p, std::size_t n) noexcept {
  if (n >= 4) {
    return load<std::uint32_t>(p) | load<std::uint32_t>(p + n - 4) << (8 * (n - 4));
  }
  if (n == 0) return 0;
  const auto byte = [p](std::size_t k) {
    return std::uint64_t{static_cast<unsigned char>(p[k])} << (8 * k);
  };
  return byte(0) | byte(n / 2) | byte(n - 1);
}

}  // namespace dictionary_detail

/// The hash of a text. It never changes, on any machine: hashed fields and splits by hash depend on
/// it.
[[nodiscard]] inline std::uint64_t hash_text(std::string_view text) noexcept {
  std::uint64_t h = 0x9E3779B97F4A7C15ULL ^ text.size();
  const char* p = text.data();
  std::size_t n = text.size();
  for (; n >= 8; p += 8, n -= 8) h = mix(h ^ dictionary_detail::load<std::uint64_t>(p));
  return mix(h ^ dictionary_detail::load_some(p, n));
}

/// Codes 0, 1, … for distinct strings. An open-addressing hash table with linear probing, at most
/// three quarters full. A slot stores a short text inline, so its lookup touches one cache line.
class Dictionary {
 public:
  /// The bytes and length of a short text, or the hash and length of a long one; `hash` is where
  /// probing starts.
  struct Key {
    std::uint64_t first = 0;
    std::uint32_t second = 0;
    std::uint64_t hash = 0;

    Key(std::uint64_t a, std::uint32_t b)
        : first(a), second(b), hash(mix(a ^ b * 0x9E3779B97F4A7C15ULL)) {}
  };

  [[nodiscard]] static Key key(std::string_view text) {
    const std::size_t n = text.size();
    if (n > longest_inline) return long_key(text);
    const auto length = static_cast<std::uint32_t>(n) << 24U;
    if (n < 8) return {dictionary_detail::load_some(text.data(), n), length};
    return {
        dictionary_detail::load<std::uint64_t>(text.data()),
        static_cast<std::uint32_t>(dictionary_detail::load_some(text.data() + 8, n - 8)) | length};
  }

  /// Number of bytes that padded_key() may read, however short the text is.
  static constexpr std::size_t padding = 12;

  /// As key(), but faster; `padding` bytes from the start of the text must be readable.
  [[nodiscard]] static Key padded_key(std::string_view text) {
    const std::size_t n = text.size();
    if (n > longest_inline) return long_key(text);
    const auto length = static_cast<std::uint32_t>(n) << 24U;
    const std::uint64_t first = dictionary_detail::load<std::uint64_t>(text.data());
    if (n < 8) return {first & ((std::uint64_t{1} << (8 * n)) - 1), length};
    const auto second =
        static_cast<std::uint32_t>(dictionary_detail::load<std::uint32_t>(text.data() + 8));
    return {first, (second & ((std::uint32_t{1} << (8 * (n - 8))) - 1)) | length};
  }

  /// Returns the code of `text`; a new text gets a new code.
  std::int32_t code(std::string_view text) { return code(text, key(text)); }
  std::int32_t code(std::string_view text, const Key& key) {
    if (4 * (values_.size() + 1) > 3 * slots_.size()) grow();
    Slot& slot = slots_[place(text, key)];
    if (slot.code < 0) {
      slot = {key.first, key.second, static_cast<std::int32_t>(values_.size())};
      values_.emplace_back(text);
    }
    return slot.code;
  }

  /// Returns −1 if `text` is not in the dictionary.
  [[nodiscard]] std::int32_t find(std::string_view text) const {
    return slots_.empty() ? -1 : slots_[place(text, key(text))].code;
  }

  /// Prefetches the slot that code() reads. Call it for many texts first, so that their cache
  /// misses overlap.
  void prefetch(const Key& key) const {
#if defined(__GNUC__) || defined(__clang__)
    if (!slots_.empty()) __builtin_prefetch(slots_.data() + (key.hash & (slots_.size() - 1)));
#else
    static_cast<void>(key);
#endif
  }

  [[nodiscard]] std::size_t size() const { return values_.size(); }
  [[nodiscard]] const std::vector<std::string>& values() const { return values_; }
  /// Moves the values out and leaves the dictionary empty.
  [[nodiscard]] std::vector<std::string> take() {
    slots_.clear();
    return std::exchange(values_, {});
  }

 private:
  static constexpr std::size_t longest_inline = 11;
  static constexpr std::uint32_t is_long = 0xFF000000U;

  struct Slot {
    std::uint64_t first = 0;
    std::uint32_t second = 0;
    std::int32_t code = -1;
  };
  static_assert(sizeof(Slot) == 16);

  [[nodiscard]] static Key long_key(std::string_view text) {
    return {hash_text(text), is_long | (static_cast<std::uint32_t>(text.size()) & ~is_long)};
  }

  /// The slot of `text`, or the free slot where it would be inserted.
  [[nodiscard]] std::size_t place(std::string_view text, const Key& key) const {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = key.hash & mask;; at = (at + 1) & mask) {
      const Slot& slot = slots_[at];
      if (slot.code < 0) return at;
      if (slot.first != key.first || slot.second != key.second) continue;
      if (key.second < is_long || values_[static_cast<std::size_t>(slot.code)] == text) return at;
    }
  }

  void grow() {
    std::vector<Slot> larger(slots_.empty() ? 64 : 2 * slots_.size());
    const std::size_t mask = larger.size() - 1;
    for (const Slot& slot : slots_) {
      if (slot.code < 0) continue;
      std::size_t at = Key(slot.first, slot.second).hash & mask;
      while (larger[at].code >= 0) at = (at + 1) & mask;
      larger[at] = slot;
    }
    slots_ = std::move(larger);
  }

  std::vector<std::string> values_;
  std::vector<Slot> slots_;
};

}  // namespace espalier
