// SPDX-License-Identifier: Apache-2.0
// `Dictionary`: distinct strings and their codes, in order of first appearance; fast, for readers.
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

/// The first `N` bytes at `p`, the first of them lowest.
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

/// The same of the `n` < 8 bytes at `p`.
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

/// The hash of a text, the same on every machine and for good: what hashed fields and splits by hash use.
[[nodiscard]] inline std::uint64_t hash_text(std::string_view text) noexcept {
  std::uint64_t h = 0x9E3779B97F4A7C15ULL ^ text.size();
  const char* p = text.data();
  std::size_t n = text.size();
  for (; n >= 8; p += 8, n -= 8) h = mix(h ^ dictionary_detail::load<std::uint64_t>(p));
  return mix(h ^ dictionary_detail::load_some(p, n));
}

/// Codes 0, 1, … for distinct strings. An open-addressing hash table with linear probing, at most half full.
class Dictionary {
 public:
  /// The code of `text`, a new one when it was not seen before.
  std::int32_t code(std::string_view text) {
    if (2 * (values_.size() + 1) > slots_.size()) grow();
    const std::uint64_t hash = hash_text(text);
    Slot& slot = slots_[place(text, hash)];
    if (slot.code < 0) {
      slot = {static_cast<std::uint32_t>(hash >> 32U), static_cast<std::int32_t>(values_.size())};
      values_.emplace_back(text);
    }
    return slot.code;
  }

  /// −1 when `text` is not there.
  [[nodiscard]] std::int32_t find(std::string_view text) const {
    return slots_.empty() ? -1 : slots_[place(text, hash_text(text))].code;
  }

  /// Forgets the value that came last.
  void pop() {
    // Whatever came later would probe past it; nothing did, so no chain is broken.
    slots_[place(values_.back(), hash_text(values_.back()))] = Slot{};
    values_.pop_back();
  }

  [[nodiscard]] std::size_t size() const { return values_.size(); }
  [[nodiscard]] const std::vector<std::string>& values() const { return values_; }
  /// The values, leaving the dictionary empty.
  [[nodiscard]] std::vector<std::string> take() {
    slots_.clear();
    return std::exchange(values_, {});
  }

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::int32_t code = -1;
  };

  /// Where `text` is, or the free slot where it would go.
  [[nodiscard]] std::size_t place(std::string_view text, std::uint64_t hash) const {
    const std::size_t mask = slots_.size() - 1;
    const auto high = static_cast<std::uint32_t>(hash >> 32U);
    for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
      const Slot& slot = slots_[at];
      if (slot.code < 0) return at;
      if (slot.hash == high && values_[static_cast<std::size_t>(slot.code)] == text) return at;
    }
  }

  void grow() {
    const std::size_t size = slots_.empty() ? 64 : 2 * slots_.size();
    slots_.assign(size, Slot{});
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const std::uint64_t hash = hash_text(values_[i]);
      std::size_t at = hash & (size - 1);
      while (slots_[at].code >= 0) at = (at + 1) & (size - 1);
      slots_[at] = {static_cast<std::uint32_t>(hash >> 32U), static_cast<std::int32_t>(i)};
    }
  }

  std::vector<std::string> values_;
  std::vector<Slot> slots_;
};

}  // namespace espalier
