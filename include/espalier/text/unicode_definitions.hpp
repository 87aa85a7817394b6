// SPDX-License-Identifier: Apache-2.0
// Definitions of unicode.hpp.
#pragma once

#include "espalier/text/unicode.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "espalier/core/config.hpp"
#include "espalier/text/unicode_tables.hpp"

namespace espalier {

namespace unicode_detail {

inline constexpr std::uint32_t page_size = 256;
inline constexpr std::uint32_t first_hangul = 0xAC00, hangul_count = 11172;

/// One page while it is filled.
class Page {
 public:
  explicit Page(std::uint32_t start) : start_(start) {}

  [[nodiscard]] const std::array<UnicodeEntry, page_size>& entries() const { return entries_; }

  /// Calls `change` for the entries of the page that are in one of the sorted ranges.
  template <class Range, std::size_t n>
  void each(const Range (&ranges)[n], auto&& change) {
    const std::uint32_t last = start_ + page_size - 1;
    auto range = std::partition_point(std::begin(ranges), std::end(ranges),
                                      [&](const Range& r) { return r.last < start_; });
    for (; range != std::end(ranges) && range->first <= last; ++range) {
      const std::uint32_t end = (std::min)(range->last, last);
      for (std::uint32_t c = (std::max)(range->first, start_); c <= end; ++c) {
        change(entries_[c - start_], *range, c);
      }
    }
  }

  [[nodiscard]] bool has(std::uint32_t code) const {
    return code / page_size == start_ / page_size;
  }
  [[nodiscard]] UnicodeEntry& at(std::uint32_t code) { return entries_[code - start_]; }

 private:
  std::uint32_t start_;
  std::array<UnicodeEntry, page_size> entries_{};
};

ESPALIER_COLD inline void fill_flags(Page& page) {
  using Entry = UnicodeEntry;
  page.each(removed, [](Entry& e, const auto&, std::uint32_t) { e.removed = true; });
  page.each(white_space, [](Entry& e, const auto&, std::uint32_t) { e.white_space = true; });
  page.each(punctuation, [](Entry& e, const auto&, std::uint32_t) { e.punctuation = true; });
  page.each(chinese, [](Entry& e, const auto&, std::uint32_t) { e.chinese = true; });
  page.each(starter_marks, [](Entry& e, const auto&, std::uint32_t) { e.mark = true; });
  page.each(marks, [](Entry& e, const auto&, std::uint32_t) {
    e.mark = true;
    e.starter = false;
  });
  page.each(kept_classes, [](Entry& e, const ClassRange& range, std::uint32_t) {
    e.combining_class = static_cast<std::uint8_t>(range.combining_class);
    e.starter = false;
  });
  page.each(lower_runs, [](Entry& e, const LowerRun& run, std::uint32_t c) {
    if ((c - run.first) % run.step != 0) return;
    e.lower_difference = run.difference;
  });
}

ESPALIER_COLD inline void fill_bases(Page& page) {
  std::size_t at = 0;
  for (const BaseRun& run : base_runs) {
    const CodeRange range[] = {{run.first, run.first + run.count - 1}};
    page.each(range, [&](UnicodeEntry& e, const CodeRange&, std::uint32_t c) {
      e.base_difference =
          static_cast<std::int32_t>(bases[at + c - run.first]) - static_cast<std::int32_t>(c);
    });
    at += run.count;
  }
  for (std::size_t k = 0; k < std::size(several); ++k) {
    if (!page.has(several[k].from)) continue;
    page.at(several[k].from).several = true;
    page.at(several[k].from).base_difference = static_cast<std::int32_t>(k);
  }
  constexpr CodeRange hangul[] = {{first_hangul, first_hangul + hangul_count - 1}};
  page.each(hangul, [](UnicodeEntry& e, const auto&, std::uint32_t) { e.several = true; });
}

/// The jamo of a syllable: The Unicode Standard, section 3.12.
[[nodiscard]] constexpr UnicodeBases jamo(std::uint32_t code) {
  const std::uint32_t index = code - first_hangul, tail = index % 28;
  return {tail == 0 ? 2U : 3U, {0x1100 + index / 588, 0x1161 + index % 588 / 28, 0x11A7 + tail}};
}

}  // namespace unicode_detail

ESPALIER_COLD ESPALIER_INLINE UnicodePages::UnicodePages() {
  using unicode_detail::page_size;
  for (std::uint32_t k = 0; k < starts_.size(); ++k) {
    unicode_detail::Page page(k * page_size);
    unicode_detail::fill_flags(page);
    unicode_detail::fill_bases(page);
    std::size_t at = 0;
    while (at < entries_.size() && !std::equal(page.entries().begin(), page.entries().end(),
                                               entries_.begin() + static_cast<Index>(at))) {
      at += page_size;
    }
    starts_[k] = static_cast<std::uint32_t>(at);
    if (at == entries_.size()) {
      entries_.insert(entries_.end(), page.entries().begin(), page.entries().end());
    }
  }
}

ESPALIER_INLINE const UnicodePages& unicode_pages() {
  static const UnicodePages pages;
  return pages;
}

ESPALIER_INLINE UnicodeBases several_bases(std::uint32_t code, const UnicodeEntry& entry) {
  if (code - unicode_detail::first_hangul < unicode_detail::hangul_count) {
    return unicode_detail::jamo(code);
  }
  const unicode_detail::Several& found =
      unicode_detail::several[static_cast<std::size_t>(entry.base_difference)];
  return {found.count, {found.to[0], found.to[1], found.to[2]}};
}

}  // namespace espalier
