// SPDX-License-Identifier: Apache-2.0
// `Dictionary`: distinct strings and their codes, in order of first appearance; fast, for readers.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/random.hpp"

namespace espalier {

/// The hash of a text, the same on every machine: what hashed fields use.
[[nodiscard]] inline std::uint64_t hash_text(std::string_view text) noexcept {
  std::uint64_t h = 0x9E3779B97F4A7C15ULL ^ text.size();
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word = 0;
    for (std::size_t k = 0; k < 8; ++k) word |= std::uint64_t{static_cast<unsigned char>(text[i + k])} << (8 * k);
    h = mix(h ^ word);
  }
  std::uint64_t rest = 0;
  for (std::size_t k = 0; i + k < text.size(); ++k) rest |= std::uint64_t{static_cast<unsigned char>(text[i + k])} << (8 * k);
  return mix(h ^ rest);
}

class Dictionary {
 public:
  /// The code of `text`, a new one when it was not seen before.
  std::int32_t code(std::string_view text) {
    if (2 * (values_.size() + 1) > slots_.size()) grow();
    const std::uint64_t hash = hash_text(text);
    for (std::size_t at = hash & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
      Slot& slot = slots_[at];
      if (slot.code < 0) {
        slot = {static_cast<std::uint32_t>(hash >> 32U), static_cast<std::int32_t>(values_.size())};
        values_.emplace_back(text);
        return slot.code;
      }
      if (slot.hash == static_cast<std::uint32_t>(hash >> 32U) &&
          values_[static_cast<std::size_t>(slot.code)] == text) {
        return slot.code;
      }
    }
  }

  /// −1 when `text` is not there.
  [[nodiscard]] std::int32_t find(std::string_view text) const {
    if (slots_.empty()) return -1;
    const std::uint64_t hash = hash_text(text);
    for (std::size_t at = hash & (slots_.size() - 1); slots_[at].code >= 0; at = (at + 1) & (slots_.size() - 1)) {
      if (slots_[at].hash == static_cast<std::uint32_t>(hash >> 32U) &&
          values_[static_cast<std::size_t>(slots_[at].code)] == text) {
        return slots_[at].code;
      }
    }
    return -1;
  }

  [[nodiscard]] const std::vector<std::string>& values() const { return values_; }
  [[nodiscard]] std::vector<std::string> take() { return std::move(values_); }

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::int32_t code = -1;
  };

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
