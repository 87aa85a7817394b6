// SPDX-License-Identifier: Apache-2.0
// Two synthetic regressions with adjustable similarity (Ma et al., KDD 2018, section 3): does a
// mixture of experts suffer less than a shared encoder with the same number of parameters if the
// tasks have little in common? Needs no data; takes minutes.
#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/intervals.hpp"
#include "common/options.hpp"
#include "espalier/data/dataset.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/train/trainer.hpp"

namespace {

namespace esp = espalier;

constexpr int dimensions = 100;
constexpr int experts = 8, units = 16, tower = 8;
// sin(α_i s + β_i), α_i = i / 2, β_i = i: the same for all seeds
constexpr int sines = 5;
constexpr double scale = 1;          // c of the paper
constexpr double noise = 0.1;        // standard deviation; the paper's variance is 0.01
constexpr esp::Index rows = 40'000;  // half for training, a quarter each for validation and test
constexpr double correlations[] = {0.5, 0.9, 1.0};

using First = esp::Task<"first", esp::MeanSquaredError, esp::Weight{1.0}, esp::Tower<tower>>;
using Second = esp::Task<"second", esp::MeanSquaredError, esp::Weight{1.0}, esp::Tower<tower>>;
using Inputs = esp::Inputs<esp::NumericVector<"x", dimensions, esp::AsIs>>;

// The number of units with which the shared encoder model has as many parameters as the MMoE;
// counts experts, gates, encoder and the input weights of the towers.
constexpr int mmoe_parameters =
    experts * units * (dimensions + 1) + 2 * experts * dimensions + 2 * units * tower;
constexpr int shared_units =
    (mmoe_parameters + (dimensions + 1 + 2 * tower) / 2) / (dimensions + 1 + 2 * tower);

struct Mmoe : esp::MultiTaskModel<Inputs, esp::Mmoe<experts, esp::Mlp<units>>, First, Second> {};
struct Shared
    : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<shared_units>>, First, Second> {};

using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// y_k = s_k + Σ_i sin(α_i s_k + β_i) + ε, s_k = w_kᵀ x, where w_1 and w_2 are at an angle whose
/// cosine is `correlation`.
esp::Dataset make_data(double correlation, std::uint64_t seed) {
  esp::Random random(seed, 17);
  Vector first(dimensions), other(dimensions), second(dimensions);
  for (double& v : first) v = random.normal();
  for (double& v : other) v = random.normal();
  const double length = std::sqrt(dot(first, first));
  for (double& v : first) v /= length;
  const double along = dot(first, other);
  for (std::size_t i = 0; i < first.size(); ++i) other[i] -= along * first[i];
  const double rest = std::sqrt(dot(other, other));
  for (std::size_t i = 0; i < first.size(); ++i) {
    second[i] = scale * (correlation * first[i] +
                         std::sqrt(1 - correlation * correlation) * other[i] / rest);
    first[i] *= scale;
  }
  std::vector<Vector> x(dimensions, Vector(rows));
  Vector y[2];
  Vector point(dimensions);
  for (esp::Index j = 0; j < rows; ++j) {
    for (std::size_t i = 0; i < point.size(); ++i) {
      point[i] = random.normal();
      x[i][static_cast<std::size_t>(j)] = point[i];
    }
    for (int k = 0; k < 2; ++k) {
      const double s = dot(k == 0 ? first : second, point);
      double value = s + noise * random.normal();
      for (int i = 1; i <= sines; ++i) value += std::sin(0.5 * i * s + i);
      y[k].push_back(value);
    }
  }
  esp::Table table;
  table.source = "made-up tasks";
  for (int i = 0; i < dimensions; ++i)
    table.add("x_" + std::to_string(i), x[static_cast<std::size_t>(i)]);
  table.add("first", y[0]);
  table.add("second", y[1]);
  return esp::Dataset(std::move(table));
}

/// The mean squared error on the test split, averaged over the two tasks.
double run(const esp::PlanTrainer::CpuProgram& program, const examples::Options& o,
           const std::array<esp::Dataset, 3>& splits, std::uint64_t seed) {
  esp::TrainerOptions options = examples::training_options({}, o, seed);
  options.optimizer = esp::Adam{.learning_rate = o.learning_rate};
  options.progress = esp::ShowProgress::never;
  esp::PlanTrainer trainer(program, options);
  trainer.fit(splits[0], splits[1]);
  const esp::Report report = trainer.evaluate(splits[2]);
  const double a = report.value("first", "rmse"), b = report.value("second", "rmse");
  return (a * a + b * b) / 2;
}

}  // namespace

int main(int argc, char** argv) {
  examples::Options o;
  o.seeds = 20;
  CLI::App app{
      "A mixture of experts against a shared encoder on two made-up tasks of known correlation.",
      "synthetic_tasks"};
  const esp::TrainerOptions recipe{.epochs = 30,
                                   .batch_size = 256,
                                   .optimizer = esp::Adam{.learning_rate = 2e-3},
                                   .patience = 5};
  examples::add_training_options(app, o, recipe);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    std::cerr << "synthetic_tasks: " << error.what() << " (see --help)\n";
    return 1;
  }
  try {
    nlohmann::ordered_json line;
    line["example"] = "synthetic_tasks";
    line["seeds"] = o.seeds;
    line["results"] = nlohmann::ordered_json::array();
    std::printf(
        "test mean squared error, mean and 95 %% interval over %d seeds (two tasks, %d experts of "
        "%d, shared encoder of %d)\n",
        o.seeds, experts, units, shared_units);
    std::printf("%-12s %18s %18s %26s\n", "correlation", "shared_bottom", "mmoe",
                "mmoe - shared_bottom");
    for (const double correlation : correlations) {
      Vector shared, mmoe;
      for (int s = 0; s < o.seeds; ++s) {
        const std::uint64_t seed = o.seed + static_cast<std::uint64_t>(s);
        const auto splits = make_data(correlation, seed).split(0.5, 0.25, 0.25, seed);
        shared.push_back(run(esp::program_of<Shared, float, esp::Cpu>(), o, splits, seed));
        mmoe.push_back(run(esp::program_of<Mmoe, float, esp::Cpu>(), o, splits, seed));
        if (!o.quiet)
          std::fprintf(stderr, "correlation %.1f, seed %d of %d: shared %.4f, mmoe %.4f\n",
                       correlation, s + 1, o.seeds, shared.back(), mmoe.back());
      }
      const examples::Interval a = examples::interval(shared), b = examples::interval(mmoe),
                               d = examples::paired(shared, mmoe);
      std::printf("%-12.1f %9.4f ± %.4f %9.4f ± %.4f %+17.4f ± %.4f\n", correlation, a.mean, a.half,
                  b.mean, b.half, d.mean, d.half);
      line["results"].push_back({{"correlation", correlation},
                                 {"shared_bottom", shared},
                                 {"mmoe", mmoe},
                                 {"difference", d.mean},
                                 {"interval", d.half}});
    }
    if (o.json) std::cout << line.dump() << '\n';
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "synthetic_tasks: " << error.what() << '\n';
    return 1;
  }
}
