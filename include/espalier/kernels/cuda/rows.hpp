// SPDX-License-Identifier: Apache-2.0
// Gradients of embedding tables on a GPU: summed for each touched row, in the order of the lookups
// and samples, without atomics. All tables at once.
#pragma once

#include <cstdint>

#include "espalier/core/config.hpp"
#include "espalier/kernels/cuda/device.hpp"

namespace espalier::cuda {

/// One lookup of a plan. Its entries are the samples or, if it is pooled, the values.
struct LookupRows {
  const std::int32_t* ids = nullptr;
  const std::int32_t* offsets = nullptr;  ///< of samples + 1; null: one value per sample
  Index gradient = 0;                     ///< place of width × samples in SortedRows::gradients
  Index first_entry = 0;                  ///< number of its first entry among those of all lookups
  Index entries = 0;                      ///< at most
  std::int32_t first_row = 0;  ///< number of its table's first row among the rows of all tables
  std::int32_t width = 0;
  bool mean = false;  ///< of a sample's values, not their sum
};

/// One table. Rows are numbered over all tables, in order.
struct TableRows {
  float* values = nullptr;
  float* states[4] = {};
  std::int32_t first_row = 0;
  std::int32_t rows = 0;
  std::int32_t width = 0;
  std::int32_t group = 0;   ///< of parameters; negative: it does not learn
  std::int32_t shared = 0;  ///< whether it is of all tasks
};

/// The entries of a batch, sorted by row. All memory is the device's.
struct SortedRows {
  const LookupRows* lookups = nullptr;
  int lookup_count = 0;
  const float* gradients = nullptr;  ///< of the lookups
  Index entries = 0;                 ///< of all lookups, at most
  std::int32_t all_rows = 0;       ///< rows of all tables: the number of an entry that has no value
  std::int32_t width = 0;          ///< of the widest table: stride of sums
  std::uint32_t* rows = nullptr;   ///< entries values, sorted
  std::uint32_t* order = nullptr;  ///< the entry that each stands for
  std::uint32_t *spare_rows = nullptr, *spare_order = nullptr;  ///< of the same size
  std::uint32_t* counts = nullptr;                              ///< sort_counts(entries) values
  float* sums = nullptr;     ///< width × entries: at a row's first entry, the sum of its gradients
  float* carries = nullptr;  ///< width × chunks_of(entries)
};

inline constexpr Index sort_tile = 1024, sort_digits = 16, entries_of_chunk = 32;
[[nodiscard]] constexpr Index sort_counts(Index entries) {
  return (entries + sort_tile - 1) / sort_tile * sort_digits;
}
[[nodiscard]] constexpr Index chunks_of(Index entries) {
  return (entries + entries_of_chunk - 1) / entries_of_chunk;
}

/// Sorts the entries of a batch of `samples` by row.
void sort_rows(Device device, const SortedRows& sorted, Index samples);
/// Sums the gradients of each row, once the entries are sorted.
void sum_row_gradients(Device device, const SortedRows& sorted, Index samples);

}  // namespace espalier::cuda
