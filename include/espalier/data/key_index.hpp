// SPDX-License-Identifier: Apache-2.0
// `KeyIndex`: numbers 0, 1, … for distinct 64-bit keys, in order of first appearance.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "espalier/core/random.hpp"

namespace espalier {

/// An open-addressing hash table with linear probing, at most half full. Keys must already be
/// hashes.
class KeyIndex {
 public:
  static constexpr std::int32_t none = -1;

  [[nodiscard]] std::int32_t find(std::uint64_t key) const {
    return slots_.empty() ? none : slots_[place(key)].number;
  }

  /// Returns the number of `key`; a new key gets a new number.
  std::int32_t add(std::uint64_t key) {
    if (2 * (keys_.size() + 1) > slots_.size()) grow();
    Slot& slot = slots_[place(key)];
    if (slot.number == none) {
      slot = {key, static_cast<std::int32_t>(keys_.size())};
      keys_.push_back(key);
    }
    return slot.number;
  }

  /// Prefetches the slot that find() and add() read. Call it for many keys first, so that their
  /// cache misses overlap.
  void prefetch(std::uint64_t key) const {
#if defined(__GNUC__) || defined(__clang__)
    if (!slots_.empty()) __builtin_prefetch(slots_.data() + (key & (slots_.size() - 1)));
#else
    static_cast<void>(key);
#endif
  }

  [[nodiscard]] std::size_t size() const { return keys_.size(); }
  [[nodiscard]] const std::vector<std::uint64_t>& keys() const { return keys_; }

 private:
  struct Slot {
    std::uint64_t key = 0;
    std::int32_t number = none;
  };

  /// The slot of `key`, or the free slot where it would be inserted.
  [[nodiscard]] std::size_t place(std::uint64_t key) const {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = key & mask;; at = (at + 1) & mask) {
      if (slots_[at].number == none || slots_[at].key == key) return at;
    }
  }

  void grow() {
    slots_.assign(slots_.empty() ? 64 : 2 * slots_.size(), {});
    for (std::size_t i = 0; i < keys_.size(); ++i)
      slots_[place(keys_[i])] = {keys_[i], static_cast<std::int32_t>(i)};
  }

  std::vector<Slot> slots_;
  std::vector<std::uint64_t> keys_;
};

}  // namespace espalier
