// SPDX-License-Identifier: Apache-2.0
// Definitions of columns.hpp.
#pragma once

#include "espalier/data/columns.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "espalier/core/config.hpp"

namespace espalier {

ESPALIER_INLINE Columns::Columns() = default;

ESPALIER_INLINE Columns::Columns(const Columns& other) {
  for (const Column& column : other) add(column);
}

ESPALIER_INLINE Columns::Columns(Columns&& other) noexcept { swap(other); }

ESPALIER_INLINE Columns::~Columns() = default;

ESPALIER_INLINE const Column* Columns::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

ESPALIER_INLINE void Columns::add(Column column) {
  all_.push_back(std::make_unique<Column>(std::move(column)));
  by_name_.emplace(all_.back()->name, all_.back().get());
}

ESPALIER_INLINE void Columns::rename(std::string_view from, std::string to) {
  const auto found = by_name_.find(from);
  Column& column = *found->second;
  by_name_.erase(found);  // before the name that its key refers to changes
  column.name = std::move(to);
  by_name_.emplace(column.name, &column);
}

ESPALIER_INLINE void Columns::remove(std::string_view name) {
  const auto found = by_name_.find(name);
  const Column* const column = found->second;
  by_name_.erase(found);
  all_.erase(
      std::find_if(all_.begin(), all_.end(), [&](const auto& c) { return c.get() == column; }));
}

ESPALIER_INLINE void Columns::swap(Columns& other) noexcept {
  all_.swap(other.all_);
  by_name_.swap(other.by_name_);
}

}  // namespace espalier
