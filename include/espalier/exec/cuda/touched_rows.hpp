// SPDX-License-Identifier: Apache-2.0
// `TouchedRows`: the tables of a model in device memory, and what sums the gradients of the rows
// that a batch touches.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "espalier/core/error.hpp"
#include "espalier/exec/cuda/device_batch.hpp"
#include "espalier/kernels/cuda/rows.hpp"
#include "espalier/kernels/cuda/runtime.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier::cuda {

class TouchedRows {
 public:
  /// Throws ConfigError if the tables have too many rows to be numbered.
  TouchedRows(const PlanView& plan, const std::vector<Index>& table_rows) {
    for (std::size_t t = 0; t < table_rows.size(); ++t) {
      const Index rows = table_rows[t];
      if (rows > std::numeric_limits<std::int32_t>::max() - sorted_.all_rows)
        throw ConfigError("the tables have more than 2³¹ rows in all, which a GPU cannot number");
      TableRows table;
      table.width = plan.tables[t].width;
      table.first_row = sorted_.all_rows;
      table.rows = static_cast<std::int32_t>(rows);
      table.shared = plan.tables[t].task == shared_by_tasks ? 1 : 0;
      values_.emplace_back(static_cast<std::size_t>(rows * table.width), "a table");
      table.values = values_.back().data();
      pointers_.push_back(table.values);
      sorted_.all_rows += table.rows;
      sorted_.width = (std::max)(sorted_.width, table.width);
      host_tables_.push_back(table);
    }
    device_tables_ = Memory<TableRows>(host_tables_.size(), "a list of tables");
  }

  [[nodiscard]] std::size_t count() const { return values_.size(); }
  [[nodiscard]] Memory<float>& values(std::size_t table) { return values_[table]; }
  [[nodiscard]] const Memory<float>& values(std::size_t table) const { return values_[table]; }
  /// The tables' values; the list is in host memory.
  [[nodiscard]] const float* const* pointers() const { return pointers_.data(); }

  /// What kernels read; the list of tables is in device memory.
  [[nodiscard]] const SortedRows& sorted() const { return sorted_; }
  [[nodiscard]] const TableRows* tables() const { return device_tables_.data(); }
  [[nodiscard]] bool any() const { return sorted_.lookup_count > 0; }

  /// Puts the sums of the gradients of touched rows on the stream.
  void sum_gradients(Device device, Index samples) const {
    if (!any()) return;
    sort_rows(device, sorted_, samples);
    sum_row_gradients(device, sorted_, samples);
  }

  /// Whether a table learns as this group of parameters does.
  [[nodiscard]] bool has_group(int group) const {
    return std::any_of(host_tables_.begin(), host_tables_.end(),
                       [group](const TableRows& table) { return table.group == group; });
  }

  /// Sets the group and the optimiser's states of every table: of(table) returns both.
  template <class Of>
  void learn_by(Stream* stream, Of of) {
    for (std::size_t t = 0; t < host_tables_.size(); ++t) of(t, host_tables_[t]);
    if (!host_tables_.empty()) device_tables_.set(stream, host_tables_.data(), host_tables_.size());
  }

  /// Describes the lookups of batches, when the memory of these is made or moved. Their gradients
  /// are in `gradients`.
  void describe(const PlanView& plan, DeviceBatch& batches, const float* gradients,
                Stream* stream) {
    std::vector<LookupRows> lookups;
    const Batch<float> batch = batches.of(batches.capacity(), false);
    sorted_.entries = 0;
    for (const Node& node : plan.nodes) {
      if (node.lookup < 0) continue;
      const auto field = static_cast<std::size_t>(node.field);
      const TableRows& table = host_tables_[static_cast<std::size_t>(node.table)];
      LookupRows lookup;
      lookup.ids = batch.ids[field].ids;
      lookup.offsets = batch.ids[field].offsets;
      lookup.gradient = node.lookup_base * batches.capacity();
      lookup.first_entry = sorted_.entries;
      lookup.entries = batches.room(field);
      lookup.first_row = table.first_row;
      lookup.width = table.width;
      lookup.mean = node.pool == Pool::mean;
      sorted_.entries += lookup.entries;
      lookups.push_back(lookup);
    }
    if (lookups.empty()) return;
    lookups_ = Memory<LookupRows>(lookups.size(), "a list of lookups");
    lookups_.set(stream, lookups.data(), lookups.size());
    sorted_.lookups = lookups_.data();
    sorted_.lookup_count = static_cast<int>(lookups.size());
    sorted_.gradients = gradients;
    allocate_sums();
  }

 private:
  void allocate_sums() {
    const auto n = static_cast<std::size_t>(sorted_.entries);
    const auto width = static_cast<std::size_t>(sorted_.width);
    for (Memory<std::uint32_t>& memory : sort_) memory = Memory<std::uint32_t>(n, "touched rows");
    counts_ = Memory<std::uint32_t>(static_cast<std::size_t>(sort_counts(sorted_.entries)),
                                    "touched rows");
    sums_ = Memory<float>(n * width, "gradients of touched rows");
    carries_ = Memory<float>(static_cast<std::size_t>(chunks_of(sorted_.entries)) * width,
                             "gradients of touched rows");
    sorted_.rows = sort_[0].data();
    sorted_.order = sort_[1].data();
    sorted_.spare_rows = sort_[2].data();
    sorted_.spare_order = sort_[3].data();
    sorted_.counts = counts_.data();
    sorted_.sums = sums_.data();
    sorted_.carries = carries_.data();
  }

  std::vector<Memory<float>> values_;
  std::vector<const float*> pointers_;
  std::vector<TableRows> host_tables_;
  Memory<TableRows> device_tables_;
  Memory<LookupRows> lookups_;
  Memory<std::uint32_t> sort_[4], counts_;
  Memory<float> sums_, carries_;
  SortedRows sorted_;
};

}  // namespace espalier::cuda
