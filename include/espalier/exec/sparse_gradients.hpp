// SPDX-License-Identifier: Apache-2.0
// `SparseGradients<T>`: gradients of embedding tables, summed per touched row in sample order.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "espalier/core/buffer.hpp"
#include "espalier/core/config.hpp"
#include "espalier/data/batch.hpp"
#include "espalier/kernels/cpu/simd.hpp"
#include "espalier/ops/cpu/program.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

/// Weight of each of a sample's `count` values in its pooled row.
template <class T>
[[nodiscard]] T pool_scale(Pool pool, Index count) {
  return pool == Pool::mean && count > 0 ? T{1} / static_cast<T>(count) : T{1};
}

/// A table's rows are distributed over shards by row number, so that shards can be summed in
/// parallel. The number of shards depends only on the plan.
template <class T>
class SparseGradients {
 public:
  /// One shard's touched rows and the sums of their gradients (count × width).
  struct Shard {
    int table = 0;
    int part = 0;
    Index width = 0;
    std::vector<std::int32_t> rows;
    std::vector<T> sums;  ///< allocated for the maximum; the first count() rows are valid

    [[nodiscard]] Index count() const { return static_cast<Index>(rows.size()); }
  };

  SparseGradients() = default;

  /// `operations`: one per node; needed if a node scores all rows of a table.
  ESPALIER_COLD SparseGradients(const PlanView& plan, const std::vector<Index>& table_rows,
                                Index batch_capacity,
                                std::span<const OperationFunctions<T, Cpu>> operations = {})
      : plan_(plan), operations_(operations), table_rows_(table_rows) {
    const int tables = plan.sizes.tables;
    while (parts_ * tables < target_shards && tables > 0) parts_ *= 2;
    for (int t = 0; t < tables; ++t) {
      const auto at = static_cast<std::size_t>(t);
      slots_.emplace_back(static_cast<std::size_t>(table_rows[at]));
      // A batch touches at most as many rows as it has values; pooled fields have any number.
      Index values = 0;
      for (const Node& node : plan.nodes) {
        if (node.lookup < 0 || node.table != t) continue;
        const bool any = node.pool == Pool::sum || node.pool == Pool::mean ||
                         (node.scores_rows && node.draws == 0);
        values += any ? table_rows[at] : batch_capacity * lookup_steps(node) + node.draws;
      }
      for (int part = 0; part < parts_; ++part) {
        Shard shard;
        shard.table = t;
        shard.part = part;
        shard.width = plan.tables[at].width;
        const Index most = (std::min)(table_rows[at] / parts_ + 1, values);
        shard.rows.reserve(static_cast<std::size_t>(most));
        shard.sums.resize(static_cast<std::size_t>(most * shard.width));
        shards_.push_back(std::move(shard));
      }
    }
  }

  /// A shard has the rows whose number modulo parts() is `part`.
  [[nodiscard]] int parts() const { return parts_; }
  [[nodiscard]] Index shards() const { return static_cast<Index>(shards_.size()); }
  [[nodiscard]] Shard& shard(Index i) { return shards_[static_cast<std::size_t>(i)]; }

  /// Sums the gradients of shard `i` from `lookup_gradients`, where each lookup has width × samples
  /// values, or width × values of a sequence, from lookup_base · capacity on. `tables`, `key`: of
  /// the step, for nodes that score all rows.
  void collect(Index i, const Batch<T>& batch, const T* lookup_gradients, Index capacity,
               const T* const* tables = nullptr, std::uint64_t key = 0) {
    Shard& s = shard(i);
    std::int32_t* slots = slots_[static_cast<std::size_t>(s.table)].data();
    s.rows.clear();
    for (std::size_t n = 0; n < plan_.nodes.size(); ++n) {
      const Node& node = plan_.nodes[n];
      if (node.lookup < 0 || node.table != s.table) continue;
      if (node.scores_rows) {
        const auto at = static_cast<std::size_t>(s.table);
        const StoredRows<T> stored{&batch, lookup_gradients, capacity, tables[at], table_rows_[at],
                                   key,    s.part,           parts_};
        operations_[n].row_gradients(node, stored, [&](std::int32_t row, const T* gradient) {
          add(s, slots, row, gradient, T{1});
        });
        continue;
      }
      const IdColumn& column = batch.ids[static_cast<std::size_t>(node.field)];
      const T* gradient = lookup_gradients + node.lookup_base * capacity;
      if (node.pool == Pool::sequence) {
        for (Index k = 0; k < column.offsets[batch.size]; ++k, gradient += s.width)
          add(s, slots, column.ids[k], gradient, T{1});
        continue;
      }
      for (Index j = 0; j < batch.size; ++j, gradient += s.width) {
        if (column.offsets == nullptr) {
          if (j + ahead < batch.size) prefetch_row(slots + column.ids[j + ahead], 1);
          add(s, slots, column.ids[j], gradient, T{1});
          continue;
        }
        const std::int32_t begin = column.offsets[j], end = column.offsets[j + 1];
        const T scale = pool_scale<T>(node.pool, end - begin);
        for (std::int32_t k = begin; k < end; ++k) add(s, slots, column.ids[k], gradient, scale);
      }
    }
    for (const std::int32_t row : s.rows) slots[row] = 0;
  }

  /// Replaces the rows and sums of shard `i`; sums gradients of a repeated row in the given order.
  void replace(Index i, const std::vector<std::int32_t>& rows, const std::vector<T>& sums) {
    Shard& s = shard(i);
    std::int32_t* slots = slots_[static_cast<std::size_t>(s.table)].data();
    s.rows.clear();
    if (s.sums.size() < sums.size()) s.sums.resize(sums.size());
    const T* gradient = sums.data();
    for (const std::int32_t row : rows) {
      add(s, slots, row, gradient, T{1});
      gradient += s.width;
    }
    for (const std::int32_t row : s.rows) slots[row] = 0;
  }

 private:
  static constexpr int target_shards = 16;
  static constexpr Index ahead = 16;

  void add(Shard& s, std::int32_t* slots, std::int32_t row, const T* gradient, T scale) const {
    if ((row & (parts_ - 1)) != s.part) return;
    std::int32_t& slot = slots[row];
    if (slot == 0) {
      s.rows.push_back(row);
      slot = static_cast<std::int32_t>(s.rows.size());
      cpu::combine(s.sums.data() + (slot - 1) * s.width, gradient, s.width,
                   [scale](auto, auto g) { return scale * g; });
    } else {
      cpu::combine(s.sums.data() + (slot - 1) * s.width, gradient, s.width,
                   [scale](auto sum, auto g) { return sum + scale * g; });
    }
  }

  PlanView plan_;
  std::span<const OperationFunctions<T, Cpu>> operations_;
  std::vector<Index> table_rows_;
  int parts_ = 1;                            ///< a power of two
  std::vector<Buffer<std::int32_t>> slots_;  ///< per table row: 1 + its index in Shard::rows, or 0
  std::vector<Shard> shards_;
};

}  // namespace espalier
