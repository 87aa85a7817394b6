// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cstdint>
#include <map>
#include <vector>

#include "cuda/gpu.hpp"
#include "espalier/kernels/cuda/rows.hpp"

using namespace espalier_test;
namespace esp = espalier;

namespace {

struct Table {
  std::int32_t rows, width;
};
struct Lookup {
  std::size_t table;
  bool pooled, mean;
};

/// Compares the sums of touched rows with a map, for samples of a batch of at most `capacity`.
void check_rows(const std::vector<Table>& tables, const std::vector<Lookup>& lookups, Index samples,
                Index capacity, std::uint64_t seed) {
  CAPTURE(samples);
  CAPTURE(seed);
  const Gpu gpu(seed);
  esp::Random random(seed);
  std::vector<std::int32_t> first_rows;
  std::int32_t all_rows = 0, widest = 0;
  for (const Table& t : tables) {
    first_rows.push_back(all_rows);
    all_rows += t.rows;
    widest = (std::max)(widest, t.width);
  }
  std::vector<TestVector<std::int32_t>> ids(lookups.size()), offsets(lookups.size());
  TestVector<float> gradients;
  TestVector<esp::cuda::LookupRows> described;
  std::map<std::uint32_t, std::vector<double>> expected;
  Index entries = 0;
  for (std::size_t l = 0; l < lookups.size(); ++l) {
    const Table& table = tables[lookups[l].table];
    const auto width = static_cast<std::size_t>(table.width);
    const std::size_t first_gradient = gradients.size();
    for (Index j = 0; j < samples * table.width; ++j)
      gradients.push_back(static_cast<float>(random.normal()));
    if (lookups[l].pooled) offsets[l].push_back(0);
    for (Index j = 0; j < samples; ++j) {
      const std::uint64_t count = lookups[l].pooled ? random.below(4) : 1;
      for (std::uint64_t k = 0; k < count; ++k) {
        // Half of the values are one row: a run over many chunks.
        const std::uint64_t id =
            random.below(2) == 0 ? 0 : random.below(static_cast<std::uint64_t>(table.rows));
        ids[l].push_back(static_cast<std::int32_t>(id));
        auto& sum = expected[static_cast<std::uint32_t>(first_rows[lookups[l].table]) +
                             static_cast<std::uint32_t>(id)];
        sum.resize(width);
        for (std::size_t i = 0; i < width; ++i) {
          const double g = static_cast<double>(
              gradients[first_gradient + static_cast<std::size_t>(j) * width + i]);
          sum[i] += lookups[l].mean ? g / static_cast<double>(count) : g;
        }
      }
      if (lookups[l].pooled) offsets[l].push_back(static_cast<std::int32_t>(ids[l].size()));
    }
    esp::cuda::LookupRows d;
    d.ids = ids[l].data();
    d.offsets = lookups[l].pooled ? offsets[l].data() : nullptr;
    d.gradient = static_cast<Index>(first_gradient);
    d.first_entry = entries;
    d.entries = lookups[l].pooled ? 4 * capacity : capacity;
    d.first_row = first_rows[lookups[l].table];
    d.width = table.width;
    d.mean = lookups[l].mean;
    entries += d.entries;
    described.push_back(d);
  }
  const auto n = static_cast<std::size_t>(entries);
  TestVector<std::uint32_t> rows(n), order(n), spare_rows(n), spare_order(n),
      counts(static_cast<std::size_t>(esp::cuda::sort_counts(entries)));
  TestVector<float> sums(n * static_cast<std::size_t>(widest)),
      carries(static_cast<std::size_t>(esp::cuda::chunks_of(entries) * widest));
  const esp::cuda::SortedRows sorted{described.data(),  static_cast<int>(described.size()),
                                     gradients.data(),  entries,
                                     all_rows,          widest,
                                     rows.data(),       order.data(),
                                     spare_rows.data(), spare_order.data(),
                                     counts.data(),     sums.data(),
                                     carries.data()};
  esp::cuda::sort_rows(gpu.device, sorted, samples);
  esp::cuda::sum_row_gradients(gpu.device, sorted, samples);

  std::size_t at = 0;
  for (const auto& [row, sum] : expected) {
    REQUIRE(at < n);
    CHECK(rows[at] == row);
    double most = 0;
    for (std::size_t i = 0; i < sum.size(); ++i) {
      const double got = static_cast<double>(sums[at * static_cast<std::size_t>(widest) + i]);
      most = (std::max)(most, std::abs(got - sum[i]));
    }
    CHECK(most <= 1e-4);
    const std::size_t first = at;
    while (at < n && rows[at] == row) {
      if (at > first) CHECK(order[at] > order[at - 1]);  // stable: in the order of the entries
      ++at;
    }
  }
  for (; at < n; ++at) CHECK(rows[at] == static_cast<std::uint32_t>(all_rows));
}

}  // namespace

TEST_CASE("cuda: gradients of rows, sorted and summed") {
  const std::vector<Table> one{{7, 3}}, several{{300, 4}, {5, 40}, {1, 1}};
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    for (const Index samples : {1, 31, 32, 33, 100}) {
      check_rows(one, {{0, false, false}}, samples, samples, seed);
      check_rows(several, {{0, false, false}, {1, true, true}, {0, true, false}, {2, false, false}},
                 samples, samples + 20, seed);
    }
  }
  // Several tiles of the sort.
  check_rows(several, {{0, false, false}, {1, false, false}}, 1100, 1100, 4);
}
