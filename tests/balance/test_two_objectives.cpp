// SPDX-License-Identifier: Apache-2.0
// The two-objective problem of the CAGrad and Nash-MTL papers: which methods reach the Pareto
// front.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "../../examples/common/two_objectives.hpp"
#include "espalier/balance/balance.hpp"

using namespace espalier;
using examples::Point;

TEST_CASE("two objectives: gradients against central differences") {
  for (const double scale : {0.1, 1.0}) {
    const examples::TwoObjectives problem{scale};
    for (const Point p : {Point{1.3, 2.2}, Point{-4, -3}, Point{8, 0.5}, Point{-6, 9}}) {
      for (std::size_t i = 0; i < 2; ++i) {
        Point up = p, down = p;
        up[i] += 1e-6;
        down[i] -= 1e-6;
        for (std::size_t k = 0; k < 2; ++k) {
          const double numeric = (problem.at(up).losses[k] - problem.at(down).losses[k]) / 2e-6;
          CHECK(problem.at(p).gradients[k][i] == doctest::Approx(numeric).epsilon(1e-6));
        }
      }
    }
  }
}

TEST_CASE("two objectives: no point of the front is worse than another") {
  const examples::TwoObjectives problem{0.1};
  const std::vector<Point> front = problem.front();
  for (std::size_t i = 1; i < front.size(); ++i) {
    const auto a = problem.at(front[i - 1]).losses, b = problem.at(front[i]).losses;
    CHECK(a[0] > b[0]);
    CHECK(a[1] < b[1]);
  }
  CHECK(problem.above_front({0, 0}) > 10);
}

namespace {

/// The final distance above the front for each of the five starts.
std::vector<double> ends(const LossWeighting& method, int steps) {
  const examples::TwoObjectives problem{0.1};
  std::vector<double> above;
  for (const Point& start : examples::two_objectives_starts) {
    above.push_back(problem.above_front(
        examples::trajectory(problem, method, start, steps, 1e-3, steps).back()));
  }
  return above;
}

struct Run {
  LossWeighting method;
  int steps;
};

}  // namespace

TEST_CASE("two objectives: the front is reached from all five starts") {
  const Run runs[] = {
      {Mgda{}, 50000},    {CaGrad{.c = 0.5}, 100000},
      {NashMtl{}, 50000}, {AlignedMtl{}, 50000},
      {UpGrad{}, 100000}, {Famo{.weight_decay = 1e-5, .ideal = {-2.1, -21}}, 100000}};
  for (const Run& run : runs) {
    const std::string name = run.method.describe();
    CAPTURE(name);
    for (const double t : ends(run.method, run.steps)) CHECK(t < 0.05);
  }
}

TEST_CASE("two objectives: equal weights stay in a valley; PCGrad leaves it late") {
  const std::vector<double> equal = ends(Equal{}, 100000), surgery = ends(PcGrad{}, 50000);
  CHECK(equal[2] > 10);
  CHECK(surgery[2] > 10);
  for (const std::size_t start : {0U, 1U, 3U, 4U}) {
    CHECK(equal[start] < 0.05);
    CHECK(surgery[start] < 0.05);
  }
  // Equal weights end at the same point of the front, the minimum of the sum, from every start.
  const examples::TwoObjectives problem{0.1};
  const Point a = examples::trajectory(problem, Equal{}, {0, 0}, 50000, 1e-3).back();
  const Point b = examples::trajectory(problem, Equal{}, {9, -1}, 50000, 1e-3).back();
  CHECK(std::abs(a[0] - b[0]) < 0.1);
}
