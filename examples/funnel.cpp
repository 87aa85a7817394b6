// SPDX-License-Identifier: Apache-2.0
// A simulated shop in which every probability is known: who sees what, clicks, buys. Clicks are
// rare and not a random sample of the exposures. Which model best estimates the purchase
// probability after a click, for all exposures? Needs no data; takes minutes.
#include <CLI/CLI.hpp>
#include <array>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/intervals.hpp"
#include "common/number_from.hpp"
#include "common/options.hpp"
#include "espalier/data/dataset.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/describe/sharing/all.hpp"
#include "espalier/train/trainer.hpp"

namespace {

namespace esp = espalier;

constexpr int tastes = 4;

struct Size {
  int users = 500, items = 200;
  esp::Index exposures = 60'000;  ///< for training; a tenth as many each for validation and test
};

using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<32>>;
// Clicked and bought.
using Buy = esp::Task<"buy", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<32>>;
// Labelled if clicked.
using Conversion =
    esp::Task<"conversion", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<32>>;
using Inputs = esp::Inputs<esp::Categorical<"user", 8>, esp::Categorical<"item", 8>>;
using Encoder = esp::Mlp<32>;
// Of Escm2's conversion loss, which weights each click by more than one.
constexpr esp::Weight strength{0.1};
constexpr esp::Floor least{0.1};

struct ClicksAlone : esp::MultiTaskModel<Inputs, esp::SharedBottom<Encoder>, Conversion> {};
struct Esmm : esp::MultiTaskModel<Inputs, esp::Esmm<Encoder, "click", "buy">, Click, Buy> {};
struct Ipw
    : esp::MultiTaskModel<Inputs, esp::Escm2<Encoder, esp::Ipw<strength, least>, "click", "buy">,
                          Click, Buy> {};
struct Dr
    : esp::MultiTaskModel<Inputs, esp::Escm2<Encoder, esp::Dr<strength, least>, "click", "buy">,
                          Click, Buy> {};
struct Independent : esp::MultiTaskModel<Inputs, esp::SingleTask<Encoder>, Click, Buy> {};
struct Aitm : esp::MultiTaskModel<Inputs, esp::Aitm<Encoder, "click", "buy">, Click, Buy> {};

using Vector = std::vector<double>;

double sigmoid(double z) { return 1 / (1 + std::exp(-z)); }

/// Tastes of users and properties of items for clicks and, correlated with these, for purchases.
struct World {
  std::vector<std::array<double, tastes>> user, item, user_buys, item_bought;
  Vector user_bias, item_bias, user_buys_bias, item_bought_bias;
  esp::Random random;

  World(const Size& size, std::uint64_t seed) : random(seed, 29) {
    const auto fill = [&](auto& vectors, Vector& bias, int count) {
      for (int i = 0; i < count; ++i) {
        vectors.emplace_back();
        for (double& v : vectors.back()) v = random.normal();
        bias.push_back(random.normal());
      }
    };
    // Tastes for clicks and for purchases have a correlation of 0.7, for users and for items.
    const auto fill_alike = [&](auto& vectors, Vector& bias, const auto& like,
                                const Vector& like_bias) {
      const double same = 0.7, rest = std::sqrt(1 - same * same);
      for (std::size_t i = 0; i < like.size(); ++i) {
        vectors.emplace_back();
        for (std::size_t t = 0; t < tastes; ++t)
          vectors[i][t] = same * like[i][t] + rest * random.normal();
        bias.push_back(same * like_bias[i] + rest * random.normal());
      }
    };
    fill(user, user_bias, size.users);
    fill(item, item_bias, size.items);
    fill_alike(user_buys, user_buys_bias, user, user_bias);
    fill_alike(item_bought, item_bought_bias, item, item_bias);
  }

  [[nodiscard]] static double affinity(const std::array<double, tastes>& a,
                                       const std::array<double, tastes>& b) {
    double sum = 0;
    for (std::size_t t = 0; t < tastes; ++t) sum += a[t] * b[t];
    return sum / std::sqrt(static_cast<double>(tastes));
  }
  [[nodiscard]] double click(std::size_t u, std::size_t i) const {
    return sigmoid(-2.2 + 0.8 * affinity(user[u], item[i]) + 0.5 * user_bias[u] +
                   0.8 * item_bias[i]);
  }
  [[nodiscard]] double conversion(std::size_t u, std::size_t i) const {
    return sigmoid(-1.5 + 0.8 * affinity(user_buys[u], item_bought[i]) + 0.5 * user_buys_bias[u] +
                   0.8 * item_bought_bias[i]);
  }
};

struct Sample {
  std::array<esp::Dataset, 3> all, clicked;  ///< training, validation, test split
  Vector conversion;                         ///< true rates of the test split's rows
};

Sample make_sample(const Size& size, std::uint64_t seed) {
  World world(size, seed);
  const esp::Index rows = size.exposures + size.exposures / 5;
  std::vector<std::string> user, item;
  Vector click, buy, conversion, truth;
  for (esp::Index j = 0; j < rows; ++j) {
    const auto u = static_cast<std::size_t>(world.random.below(world.user.size())),
               i = static_cast<std::size_t>(world.random.below(world.item.size()));
    user.push_back("u" + std::to_string(u));
    item.push_back("i" + std::to_string(i));
    const bool clicked = world.random.bernoulli(world.click(u, i)),
               bought = world.random.bernoulli(world.conversion(u, i));
    click.push_back(clicked);
    buy.push_back(clicked && bought);
    conversion.push_back(clicked ? static_cast<double>(bought) : std::nan(""));
    truth.push_back(world.conversion(u, i));
  }
  esp::Table table;
  table.source = "made-up shop";
  table.add("user", user);
  table.add("item", item);
  table.add("click", click);
  table.add("buy", buy);
  table.add("conversion", conversion);
  Sample sample;
  sample.all = esp::Dataset(std::move(table)).split_by([&](esp::Index row) {
    return row < size.exposures ? 0 : row % 2 == 0 ? 1 : 2;
  });
  for (std::size_t part = 0; part < 3; ++part) {
    sample.clicked[part] = sample.all[part].filter(
        [&](esp::Index row) { return click[static_cast<std::size_t>(row)] > 0; });
  }
  for (const std::int32_t row : sample.all[2].rows())
    sample.conversion.push_back(truth[static_cast<std::size_t>(row)]);
  return sample;
}

esp::PlanTrainer trained(const esp::PlanTrainer::CpuProgram& program, const examples::Options& o,
                         std::uint64_t seed, const esp::Dataset& train, const esp::Dataset& valid) {
  esp::TrainerOptions options = examples::training_options({}, o, seed);
  options.optimizer = esp::Adam{.learning_rate = o.learning_rate};
  options.progress = esp::ShowProgress::never;
  esp::PlanTrainer trainer(program, options);
  trainer.fit(train, valid);
  return trainer;
}

/// Root mean squared error of the conversion rate over all exposures of the test split.
double error_of(const Vector& truth, const std::vector<float>& estimate) {
  double sum = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const double d = static_cast<double>(estimate[i]) - truth[i];
    sum += d * d;
  }
  return std::sqrt(sum / static_cast<double>(truth.size()));
}

struct Row {
  std::string name;
  Vector values;
};

void print(const char* title, const std::vector<Row>& rows, nlohmann::ordered_json& line,
           const char* key) {
  std::printf("\n%s\n%-14s %20s   %s\n", title, "model", "mean ± interval",
              ("difference to " + rows[0].name).c_str());
  line[key] = nlohmann::ordered_json::array();
  for (const Row& row : rows) {
    const examples::Interval own = examples::interval(row.values),
                             difference = examples::paired(rows[0].values, row.values);
    std::printf("%-14s    %8.4f ± %.4f", row.name.c_str(), own.mean, own.half);
    if (&row != &rows[0]) std::printf("   %+.4f ± %.4f", difference.mean, difference.half);
    std::printf("\n");
    line[key].push_back({{"model", row.name},
                         {"values", row.values},
                         {"difference", difference.mean},
                         {"interval", difference.half}});
  }
}

void compare(const examples::Options& o, const Size& size) {
  std::vector<Row> rates{{"clicks_alone", {}}, {"esmm", {}}, {"escm2_ipw", {}}, {"escm2_dr", {}}};
  std::vector<Row> last{{"independent", {}}, {"aitm", {}}};
  const auto program = []<class Model>() { return esp::program_of<Model, float, esp::Cpu>(); };
  for (int s = 0; s < o.seeds; ++s) {
    const std::uint64_t seed = o.seed + static_cast<std::uint64_t>(s);
    const Sample sample = make_sample(size, seed);
    {
      auto trainer =
          trained(program.operator()<ClicksAlone>(), o, seed, sample.clicked[0], sample.clicked[1]);
      rates[0].values.push_back(
          error_of(sample.conversion, trainer.predict(sample.all[2]).of("conversion")));
    }
    const std::array<esp::PlanTrainer::CpuProgram, 3> funnels{
        program.operator()<Esmm>(), program.operator()<Ipw>(), program.operator()<Dr>()};
    for (std::size_t m = 0; m < funnels.size(); ++m) {
      auto trainer = trained(funnels[m], o, seed, sample.all[0], sample.all[1]);
      const esp::Predictions p = trainer.predict(sample.all[2]);
      // P(click and buy) / P(click) = P(buy | click).
      std::vector<float> rate = p.of("buy");
      for (std::size_t i = 0; i < rate.size(); ++i) rate[i] /= p.of("click")[i];
      rates[m + 1].values.push_back(error_of(sample.conversion, rate));
    }
    last[0].values.push_back(
        trained(program.operator()<Independent>(), o, seed, sample.all[0], sample.all[1])
            .evaluate(sample.all[2])
            .value("buy", "auc"));
    last[1].values.push_back(
        trained(program.operator()<Aitm>(), o, seed, sample.all[0], sample.all[1])
            .evaluate(sample.all[2])
            .value("buy", "auc"));
    if (!o.quiet)
      std::fprintf(stderr,
                   "seed %d of %d: clicks_alone %.4f, esmm %.4f, escm2_ipw %.4f, escm2_dr %.4f; "
                   "independent %.4f, aitm %.4f\n",
                   s + 1, o.seeds, rates[0].values.back(), rates[1].values.back(),
                   rates[2].values.back(), rates[3].values.back(), last[0].values.back(),
                   last[1].values.back());
  }
  nlohmann::ordered_json line;
  line["example"] = "funnel";
  line["seeds"] = o.seeds;
  print("error of the conversion rate over all exposures (root mean square; lower is better)",
        rates, line, "conversion_rate_error");
  print("AUC of the last step, clicked and bought, over all exposures (higher is better)", last,
        line, "last_step_auc");
  if (o.json) std::cout << line.dump() << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  examples::Options o;
  o.seeds = 20;
  CLI::App app{
      "Models of a funnel, exposure to click to purchase, in a made-up shop whose probabilities "
      "are known.",
      "funnel"};
  const esp::TrainerOptions recipe{.epochs = 20,
                                   .batch_size = 512,
                                   .optimizer = esp::Adam{.learning_rate = 1e-3},
                                   .patience = 5};
  Size size;
  examples::add_training_options(app, o, recipe);
  app.add_option("--users", size.users, "Users of the shop")->check(examples::number_from(1));
  app.add_option("--items", size.items, "Its items")->check(examples::number_from(1));
  app.add_option("--exposures", size.exposures,
                 "Samples to train on; a tenth as many validate, another tests")
      ->check(CLI::Range(esp::Index{1000}, esp::Index{10'000'000}));
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    std::cerr << "funnel: " << error.what() << " (see --help)\n";
    return 1;
  }
  try {
    compare(o, size);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "funnel: " << error.what() << '\n';
    return 1;
  }
}
