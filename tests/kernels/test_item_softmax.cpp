// SPDX-License-Identifier: Apache-2.0
// Softmax over the rows of a table against its definition, in double, for tables that take several
// tiles and for small ones.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <vector>

#include "espalier/core/random.hpp"
#include "espalier/kernels/cpu/item_softmax.hpp"

namespace esp = espalier;
using esp::Index;
namespace cpu = esp::cpu;

namespace {

struct Problem {
  Index rows, width, columns;
  std::vector<double> table, h, dnll, labels;

  Problem(Index r, Index w, Index n) : rows(r), width(w), columns(n) {
    esp::Random random(static_cast<std::uint64_t>(r * 100 + w));
    for (Index i = 0; i < r * w; ++i) table.push_back(random.normal());
    for (Index i = 0; i < n * w; ++i) h.push_back(random.normal());
    for (Index j = 0; j < n; ++j) {
      dnll.push_back(random.normal());
      labels.push_back(
          j % 5 == 3   ? std::nan("")
          : j % 7 == 2 ? 0.0
                       : static_cast<double>(1 + random.below(static_cast<std::uint64_t>(r - 1))));
    }
  }
  [[nodiscard]] double score(Index column, Index row) const {
    double sum = 0;
    for (Index i = 0; i < width; ++i)
      sum += h[static_cast<std::size_t>(column * width + i)] *
             table[static_cast<std::size_t>(row * width + i)];
    return sum;
  }
};

/// Rows with their scores' corrections; the target's row is among them.
template <class Items>
std::vector<std::pair<Index, double>> classes(const Items& items, Index target) {
  std::vector<std::pair<Index, double>> found;
  for (Index i = 0; i < items.count; ++i) {
    const Index row = items.row(i);
    if constexpr (Items::sampled) {
      if (row != target) found.emplace_back(row, -items.log_expected(static_cast<int>(row)));
    } else {
      found.emplace_back(row, 0.0);
    }
  }
  if constexpr (Items::sampled)
    found.emplace_back(target, -items.log_expected(static_cast<int>(target)));
  return found;
}

template <class Items>
void check(const Problem& p, const Items& items) {
  CAPTURE(p.rows);
  CAPTURE(p.width);
  const auto size = [](Index n) { return static_cast<std::size_t>(n); };
  std::vector<double> nll(size(p.columns), 7.0), mean(size(p.columns * (p.width + 1)), 7.0),
      dh(size(p.columns * p.width), 0.5), kept(size(p.columns * (p.width + 2)), 7.0);
  const esp::View<const double> h{p.h.data(), p.width, p.columns, p.width};
  const esp::View<double> mean_view{mean.data(), p.width + 1, p.columns, p.width + 1};
  const esp::View<double> kept_view{kept.data(), p.width + 2, p.columns, p.width + 2};
  const cpu::ItemTargets<double> targets(p.labels.data());
  cpu::item_softmax_forward(cpu::Device{}, items, p.table.data(), h, targets,
                            {nll.data(), 1, p.columns, 1}, mean_view);
  cpu::item_softmax_backward(cpu::Device{}, p.table.data(), h, targets, as_const(mean_view),
                             {p.dnll.data(), 1, p.columns, 1},
                             {dh.data(), p.width, p.columns, p.width}, true, kept_view);
  std::vector<double> dtable(p.table.size()), wanted(p.table.size());
  for (int part = 0; part < 4; ++part) {
    cpu::item_row_gradients(cpu::Device{}, items, p.table.data(), as_const(kept_view), targets,
                            part, 4, [&](std::int32_t row, const double* gradient) {
                              CHECK(row % 4 == part);
                              for (Index i = 0; i < p.width; ++i)
                                dtable[size(row * p.width + i)] += gradient[i];
                            });
  }
  double worst = 0;
  const auto differ = [&](double a, double b) {
    if (!(std::abs(a - b) <= worst)) worst = std::abs(a - b);  // NaN counts
  };
  for (Index j = 0; j < p.columns; ++j) {
    const double label = p.labels[size(j)];
    std::vector<double> gradient(size(p.width));
    if (label > 0) {
      const auto y = static_cast<Index>(label);
      const auto rows = classes(items, y);
      double sum = 0, own = 0;
      for (const auto& [row, shift] : rows) sum += std::exp(p.score(j, row) + shift);
      for (const auto& [row, shift] : rows) {
        const double z = p.score(j, row) + shift;
        const double slope = p.dnll[size(j)] * (std::exp(z) / sum - (row == y ? 1 : 0));
        if (row == y) own = z;
        for (Index i = 0; i < p.width; ++i) {
          gradient[size(i)] += slope * p.table[size(row * p.width + i)];
          wanted[size(row * p.width + i)] += slope * p.h[size(j * p.width + i)];
        }
      }
      differ(nll[size(j)], std::log(sum) - own);
    } else {
      CHECK(nll[size(j)] == 0);
    }
    for (Index i = 0; i < p.width; ++i) differ(dh[size(j * p.width + i)], 0.5 + gradient[size(i)]);
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) differ(dtable[i], wanted[i]);
  CHECK(worst < 1e-10);
}

}  // namespace

TEST_CASE("item softmax: value and gradients of vectors and rows, as defined") {
  for (const Index rows : {2, 3, 17, 129, 300}) {
    for (const Index width : {1, 5, 16, 200}) {
      const Problem p(rows, width, 139);
      check(p, cpu::AllItems{rows - 1});
      check(p, cpu::SampledItems{7, rows - 1, 3});
      check(p, cpu::SampledItems{140, rows - 1, 4});
    }
  }
}

TEST_CASE("item softmax: with large scores, and in float within 1e-4") {
  Problem p(200, 4, 20);
  for (double& x : p.h) x *= 300;  // e^z overflows, log Σ e^z does not
  const esp::View<const double> h{p.h.data(), 4, 20, 4};
  std::vector<double> nll(20);
  cpu::item_softmax_forward(cpu::Device{}, cpu::AllItems{199}, p.table.data(), h,
                            cpu::ItemTargets<double>(p.labels.data()), {nll.data(), 1, 20, 1}, {});
  const std::vector<float> h32(p.h.begin(), p.h.end()), table32(p.table.begin(), p.table.end()),
      labels32(p.labels.begin(), p.labels.end());
  std::vector<float> nll32(20);
  cpu::item_softmax_forward(cpu::Device{}, cpu::AllItems{199}, table32.data(),
                            esp::View<const float>{h32.data(), 4, 20, 4},
                            cpu::ItemTargets<float>(labels32.data()), {nll32.data(), 1, 20, 1}, {});
  for (std::size_t j = 0; j < 20; ++j) {
    CHECK(std::isfinite(nll[j]));
    CHECK(static_cast<double>(nll32[j]) == doctest::Approx(nll[j]).epsilon(1e-4));
  }
}

TEST_CASE("item softmax: draws follow Zipf's law, and log_expected is their expected number") {
  const Index draws = 200000, items = 40;
  const cpu::SampledItems sampled{draws, items, 11};
  std::vector<double> count(41);
  for (Index i = 0; i < draws; ++i) {
    const std::int32_t row = sampled.row(i);
    REQUIRE(row >= 1);
    REQUIRE(row <= items);
    ++count[static_cast<std::size_t>(row)];
  }
  double sum = 0;
  for (std::int32_t row = 1; row <= items; ++row) {
    const double expected = std::exp(sampled.log_expected(row));
    CHECK(std::abs(count[static_cast<std::size_t>(row)] - expected) < 5 * std::sqrt(expected));
    sum += expected;
  }
  CHECK(sum == doctest::Approx(static_cast<double>(draws)));
}

TEST_CASE("item softmax: the targets of steps are the values of the next steps") {
  const std::vector<std::int32_t> ids{9, 4, 5, 6, 7, 0, 8}, offsets{1, 4, 4, 5, 7};
  cpu::ItemTargets<float> targets(ids.data(), {4, offsets.data(), 9});
  std::vector<std::int32_t> found;
  for (int u = 0; u < 6; ++u) found.push_back(targets.next());
  CHECK(found == std::vector<std::int32_t>{5, 6, 0, 0, 8, 0});
}
