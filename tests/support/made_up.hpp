// SPDX-License-Identifier: Apache-2.0
// Small synthetic data sets that models can learn, and such models.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/random.hpp"
#include "espalier/data/dataset.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/exec/start_heads.hpp"
#include "espalier/optim/optim.hpp"
#include "espalier/train/trainer.hpp"
#include "support/message_of.hpp"

namespace espalier_test {

namespace esp = espalier;

using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<8>>;
using Watch = esp::Task<"watch", esp::MeanSquaredError, esp::Weight{0.5}, esp::Tower<8>>;
using MadeUpInputs = esp::Inputs<esp::Numeric<"x">, esp::Numeric<"y">, esp::Categorical<"user", 4>,
                                 esp::MultiCategorical<"tags", 3>>;
using MadeUpEncoder =
    esp::Layers<esp::Dense<16>, esp::Dropout<esp::Rate{0.1}>, esp::Dense<8, esp::Activation::gelu>>;

struct Bottom : esp::MultiTaskModel<MadeUpInputs, esp::SharedBottom<MadeUpEncoder>, Click, Watch> {
};
struct Separate : esp::MultiTaskModel<MadeUpInputs, esp::SingleTask<MadeUpEncoder>, Click, Watch> {
};
struct Experts : esp::MultiTaskModel<MadeUpInputs, esp::Mmoe<3, MadeUpEncoder>, Click, Watch> {};
struct Normed : esp::MultiTaskModel<
                    MadeUpInputs,
                    esp::SharedBottom<esp::Layers<esp::Dense<12>, esp::BatchNorm, esp::LayerNorm>>,
                    Click, Watch> {};

/// `rows` samples: click depends on x and the user, watch on y and the tags. A fraction `missing`
/// of each label is missing.
inline esp::Table made_up_table(esp::Index rows, std::uint64_t seed, double missing = 0) {
  esp::Random random(seed);
  std::vector<double> x, y, click, watch, weight;
  std::vector<std::string> user, tags;
  for (esp::Index i = 0; i < rows; ++i) {
    const auto u = random.below(12);
    x.push_back(random.normal());
    y.push_back(3 + 2 * random.normal());
    user.push_back("u" + std::to_string(u));
    std::string tag;
    double effect = 0;
    for (int t = 0; t < 4; ++t) {
      if (!random.bernoulli(0.4)) continue;
      tag += (tag.empty() ? "" : "|") + std::string(1, static_cast<char>('a' + t));
      effect += t - 1.5;
    }
    tags.push_back(tag);
    const double logit = 2 * x.back() + (u % 3 == 0 ? 1.5 : -0.5);
    click.push_back(random.bernoulli(1 / (1 + std::exp(-logit))) ? 1 : 0);
    watch.push_back(0.7 * y.back() + effect + 0.3 * random.normal());
    weight.push_back(0.5 + random.uniform());
    if (random.bernoulli(missing)) click.back() = std::numeric_limits<double>::quiet_NaN();
    if (random.bernoulli(missing)) watch.back() = std::numeric_limits<double>::quiet_NaN();
  }
  esp::Table table;
  table.source = "made-up";
  table.add(esp::Column::number("x", std::move(x)));
  table.add(esp::Column::number("y", std::move(y)));
  table.add(esp::Column::text("user", user));
  table.add(esp::Column::text("tags", tags));
  table.add(esp::Column::number("click", std::move(click)));
  table.add(esp::Column::number("watch", std::move(watch)));
  table.add(esp::Column::number("weight", std::move(weight)));
  return table;
}

inline esp::Dataset made_up(esp::Index rows, std::uint64_t seed, double missing = 0) {
  return esp::Dataset(made_up_table(rows, seed, missing));
}

/// Options for quick, reproducible training without output.
inline esp::TrainerOptions quick_options() {
  esp::TrainerOptions o;
  o.epochs = 3;
  o.batch_size = 64;
  o.optimizer = esp::Adam{.learning_rate = 1e-2};
  o.threads = 2;
  o.progress = esp::ShowProgress::never;
  return o;
}

/// The initial parameters of a run.
template <class Model>
esp::Parameters<float> started(const esp::Dataset& train, std::uint64_t seed) {
  const auto program = esp::program_of<Model, float, esp::Cpu>();
  esp::Features features(program.plan.schema);
  features.fit(train);
  esp::Parameters<float> p(program.plan, features.vocabulary_rows());
  esp::initialize(program.plan, seed, p);
  esp::start_heads(program, features.encode(train), p.dense.span());
  return p;
}

inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](float p, float q) {
           return std::bit_cast<std::uint32_t>(p) == std::bit_cast<std::uint32_t>(q);
         });
}

inline bool same_bits(const esp::Parameters<float>& a, const esp::Parameters<float>& b) {
  bool same = same_bits(a.dense.span(), b.dense.span()) && a.tables.size() == b.tables.size();
  for (std::size_t t = 0; same && t < a.tables.size(); ++t)
    same = same_bits(a.tables[t].span(), b.tables[t].span());
  return same;
}

}  // namespace espalier_test
