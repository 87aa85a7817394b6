// SPDX-License-Identifier: Apache-2.0
// `Columns`: the columns of a table, in order and by name.
#pragma once

#include <cstddef>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "espalier/data/column.hpp"

namespace espalier {

/// A range of columns with distinct names. A column keeps its address until it is removed, even if
/// other columns change or the whole object is moved. Lookup by name takes constant time.
class Columns {
 public:
  class Iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = Column;
    using difference_type = std::ptrdiff_t;
    using pointer = const Column*;
    using reference = const Column&;

    Iterator() = default;
    explicit Iterator(const std::unique_ptr<Column>* at) : at_(at) {}

    reference operator*() const { return **at_; }
    pointer operator->() const { return at_->get(); }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    Iterator operator++(int) { return Iterator(at_++); }
    bool operator==(const Iterator&) const = default;

   private:
    const std::unique_ptr<Column>* at_ = nullptr;
  };

  Columns();
  Columns(const Columns& other);
  Columns(Columns&& other) noexcept;
  Columns& operator=(Columns other) noexcept {
    swap(other);
    return *this;
  }
  ~Columns();

  [[nodiscard]] std::size_t size() const { return all_.size(); }
  [[nodiscard]] bool empty() const { return all_.empty(); }
  [[nodiscard]] const Column& operator[](std::size_t i) const { return *all_[i]; }
  [[nodiscard]] Column& operator[](std::size_t i) { return *all_[i]; }
  [[nodiscard]] Iterator begin() const { return Iterator(all_.data()); }
  [[nodiscard]] Iterator end() const { return Iterator(all_.data() + all_.size()); }

  /// Returns null if there is no column of that name.
  [[nodiscard]] const Column* find(std::string_view name) const;

  /// The name must not be in use.
  void add(Column column);

  /// `from` must exist, `to` must not be in use.
  void rename(std::string_view from, std::string to);

  /// `name` must exist.
  void remove(std::string_view name);

 private:
  void swap(Columns& other) noexcept;

  std::vector<std::unique_ptr<Column>> all_;
  std::unordered_map<std::string_view, Column*> by_name_;  ///< keys refer to the columns' own names
};

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/data/columns_definitions.hpp"
#endif
