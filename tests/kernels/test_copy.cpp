// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "espalier/kernels/cpu/kernels.hpp"
#include "kernels/padded.hpp"

using namespace espalier_test;
namespace esp = espalier;

namespace {
const auto exact = [](Index, Index) { return 1e-300; };
const auto last_places = [](Index, Index) { return 1e-6; };
}  // namespace

TEST_CASE_TEMPLATE("copy: over, and added", T, float, double) {
  for (Index rows = 1; rows <= 67; ++rows) {
    const Index cols = 1 + rows % 7;
    Padded<T> x(rows, cols, rows % 3, 1), y(rows, cols, rows % 4, rows % 5);
    x.randomize(1);
    // Y is NaN and must not be read.
    esp::cpu::copy(esp::Cpu{}, std::as_const(x).view(), y.view(), false);
    CHECK(worst_error(
              y, [&](Index i, Index j) { return x(i, j); }, exact) == 0);
    y.randomize(2);
    const Padded<T> before = y;
    esp::cpu::copy(esp::Cpu{}, std::as_const(x).view(), y.view(), true);
    CHECK(worst_error(
              y, [&](Index i, Index j) { return x(i, j) + before(i, j); }, last_places) <= 1);
    CHECK(y.fenced());
  }
}

TEST_CASE_TEMPLATE("gather: rows of a table, the last one too", T, float, double) {
  for (Index width = 1; width <= 67; ++width) {
    const Index rows = 11, cols = 1 + width % 29;
    Padded<T> table(width, rows, 0, width % 4), y(width, cols, width % 3, 1);
    table.randomize(1);
    esp::Random random(2);
    std::vector<std::int32_t> ids;
    for (Index j = 0; j < cols; ++j) ids.push_back(static_cast<std::int32_t>(random.below(11)));
    ids.back() = 10;
    esp::cpu::gather(esp::Cpu{}, table.data(), ids.data(), y.view());
    CHECK(worst_error(
              y, [&](Index i, Index j) { return table(i, ids[static_cast<std::size_t>(j)]); },
              exact) == 0);
    CHECK(y.fenced());
  }
}

TEST_CASE_TEMPLATE("gather_pooled: sums and means of none, one and many rows", T, float, double) {
  for (Index width = 1; width <= 67; ++width) {
    const Index rows = 5, cols = 1 + width % 13;
    Padded<T> table(width, rows, 0, width % 4);
    table.randomize(1);
    esp::Random random(static_cast<std::uint64_t>(width));
    // A microbatch: its first value is not at 0.
    std::vector<std::int32_t> ids{4, 4, 4}, offsets{3};
    for (Index j = 0; j < cols; ++j) {
      for (std::uint64_t n = j == 0 ? 0 : random.below(9); n > 0; --n)
        ids.push_back(static_cast<std::int32_t>(random.below(5)));
      offsets.push_back(static_cast<std::int32_t>(ids.size()));
    }
    for (const bool mean : {false, true}) {
      Padded<T> y(width, cols, width % 3, 1);
      esp::cpu::gather_pooled(esp::Cpu{}, table.data(), ids.data(), offsets.data(), mean, y.view());
      const auto expected = [&](Index i, Index j) {
        const std::int32_t begin = offsets[static_cast<std::size_t>(j)],
                           end = offsets[static_cast<std::size_t>(j) + 1];
        double sum = 0;
        for (std::int32_t k = begin; k < end; ++k)
          sum += table(i, ids[static_cast<std::size_t>(k)]);
        return mean && end > begin ? sum / (end - begin) : sum;
      };
      CHECK(worst_error(y, expected,
                        [](Index, Index) { return 2e-5 * 8 * epsilon_of<T> / 1e-7; }) <= 1);
      CHECK(y.fenced());
    }
  }
}
