// SPDX-License-Identifier: Apache-2.0
// The two-objective problem of the CAGrad and Nash-MTL papers: who reaches the Pareto front, and who does not.
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

/// How far above the front each of the five starts ends.
std::vector<double> ends(const Balance& method) {
  const examples::TwoObjectives problem{0.1};
  std::vector<double> above;
  for (const Point& start : examples::two_objectives_starts) {
    above.push_back(problem.above_front(examples::trajectory(problem, method, start, 100000, 1e-3, 100000).back()));
  }
  return above;
}

long reached(const std::vector<double>& above) {
  return std::count_if(above.begin(), above.end(), [](double t) { return t < 0.1; });
}

}  // namespace

TEST_CASE("two objectives: the front is reached from all five starts") {
  const Balance methods[] = {Mgda{}, CaGrad{.c = 0.5}, NashMtl{}, AlignedMtl{}, UpGrad{}, Famo{.ideal = {-2.1, -21}}};
  for (const Balance& method : methods) {
    const std::string name = method.describe();
    CAPTURE(name);
    for (const double t : ends(method)) CHECK(t < 0.1);
  }
}

TEST_CASE("two objectives: equal weights get stuck in the valley") {
  CHECK(reached(ends(Equal{})) <= 3);
}
