// SPDX-License-Identifier: Apache-2.0
// Models for comparing the forward pass with and without an optimization pass, and their
// predictions.
#pragma once

#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "espalier/exec/inference.hpp"
#include "espalier/exec/random_batch.hpp"
#include "support/made_up.hpp"
#include "support/worst.hpp"

namespace espalier_test {

using Rating = esp::Task<"rating", esp::SoftmaxCrossEntropy<5>, esp::Weight{1.0}, esp::Tower<6>>;
using Deep =
    esp::Layers<esp::Dense<11, esp::Activation::silu>,
                esp::Residual<esp::LayerNorm, esp::Dense<7>, esp::Dense<11>>,
                esp::Dropout<esp::Rate{0.3}>, esp::BatchNorm, esp::Dense<9, esp::Activation::tanh>>;
struct Mixed : esp::MultiTaskModel<MadeUpInputs, esp::Mmoe<3, Deep>, Click, Watch, Rating> {};
/// Layers of every panel height, with rows left after the last panel; the experts' second layers
/// are adjacent.
struct Broad
    : esp::MultiTaskModel<MadeUpInputs, esp::Mmoe<3, esp::Mlp<65, 48, 101>>, Click, Watch> {};
struct Straight
    : esp::MultiTaskModel<MadeUpInputs, esp::SharedBottom<esp::Layers<>>, Click, Rating> {};

inline const std::vector<esp::Index> vocabulary_rows{13, 5};

/// Random parameters that differ from the initial ones.
template <class T>
esp::Parameters<T> made_up_parameters(const esp::PlanView& plan) {
  esp::Parameters<T> parameters(plan, vocabulary_rows);
  esp::initialize(plan, 3, parameters);
  esp::Random random(4);
  for (T& v : parameters.dense) v += static_cast<T>(0.2 * random.uniform());
  for (esp::Buffer<T>& table : parameters.tables) {
    for (T& v : table) v = static_cast<T>(random.normal());
  }
  return parameters;
}

/// All tasks' predictions for a batch, concatenated task by task.
template <class T>
std::vector<T> predictions(const esp::InferenceExecutor<T>& executor, const esp::Batch<T>& batch,
                           typename esp::InferenceExecutor<T>::Workspace& workspace) {
  std::vector<std::vector<T>> values;
  std::vector<T*> out;
  for (const esp::TaskInfo& task : executor.plan().tasks) {
    values.emplace_back(static_cast<std::size_t>(batch.size * task.outputs),
                        std::numeric_limits<T>::quiet_NaN());
  }
  for (auto& v : values) out.push_back(v.data());
  executor.run(batch, workspace, out);
  std::vector<T> all;
  for (const auto& v : values) all.insert(all.end(), v.begin(), v.end());
  return all;
}

/// The same for random samples, with a workspace initialized to NaN.
template <class T>
std::vector<T> predictions(const esp::InferenceExecutor<T>& executor, esp::Index samples) {
  const esp::RandomBatch<T> data(executor.plan(), samples, vocabulary_rows, 7);
  auto workspace = executor.make_workspace();
  workspace.values.fill(std::numeric_limits<T>::quiet_NaN());
  return predictions(executor, data.batch(), workspace);
}

/// max |a − b| / (1 + |b|); infinity if the sizes differ or a difference is NaN.
template <class T>
double difference(const std::vector<T>& a, const std::vector<T>& b) {
  double worst = a.size() == b.size() ? 0 : std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    const double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]),
                 error = std::abs(x - y) / (1 + std::abs(y));
    espalier_test::keep_worst(worst, error);
  }
  return worst;
}

/// The note of `pass`; an empty note if there is none.
inline esp::PassNote note_of(const std::vector<esp::PassNote>& notes, std::string_view pass) {
  for (const esp::PassNote& note : notes) {
    if (note.pass == pass) return note;
  }
  return {};
}

}  // namespace espalier_test
