// SPDX-License-Identifier: Apache-2.0
// `check_gradients<Model>()`: is every gradient of a model right? For the tests of new layers, losses, architectures.
#pragma once

#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "espalier/core/random.hpp"
#include "espalier/train/executor.hpp"

namespace espalier {

struct GradientCheckOptions {
  Index samples = 37;            ///< odd, and more than one slice
  Index rows = 5;                ///< of each table
  std::uint64_t seed = 1;
  double step = 1e-5;            ///< h of (f(x + h) − f(x − h)) / 2h
  Index values_per_tensor = 40;  ///< checked at most; spread over the tensor
  double missing = 0.2;          ///< share of labels that are masked
  bool sample_weights = true;
};

struct GradientCheckResult {
  double worst = 0;   ///< largest |analytic − numeric| / (1e-3 · largest |analytic| of the tensor + |numeric| + 1e-6)
  std::string where;  ///< its tensor and place
  Index checked = 0;
};

/// A random batch that fits a plan, for tests and benchmarks.
template <class T>
class RandomBatch {
 public:
  RandomBatch(const PlanView& plan, Index samples, const std::vector<Index>& vocabulary_rows, std::uint64_t seed,
              double missing = 0, bool sample_weights = false) {
    Random random(seed);
    Index numeric = 0;
    std::vector<std::string_view> tables;
    for (const FieldInfo& f : plan.schema.fields) {
      if (f.is_numeric()) {
        numeric += f.width;
        continue;
      }
      std::size_t v = 0;
      while (v < tables.size() && tables[v] != f.table) ++v;
      if (v == tables.size()) tables.push_back(f.table);
      const auto rows = static_cast<std::uint64_t>(vocabulary_rows[v]);
      std::vector<std::int32_t> ids, offsets;
      for (Index j = 0; j < samples; ++j) {
        const std::uint64_t values = f.pool == Pool::none ? 1 : random.below(4);
        if (f.pool != Pool::none) offsets.push_back(static_cast<std::int32_t>(ids.size()));
        for (std::uint64_t k = 0; k < values; ++k) ids.push_back(static_cast<std::int32_t>(random.below(rows)));
      }
      if (f.pool != Pool::none) offsets.push_back(static_cast<std::int32_t>(ids.size()));
      ids_.push_back(std::move(ids));
      offsets_.push_back(std::move(offsets));
    }
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      columns_.push_back({ids_[i].data(), offsets_[i].empty() ? nullptr : offsets_[i].data()});
    }
    numeric_.resize(static_cast<std::size_t>(numeric * samples));
    for (T& x : numeric_) x = static_cast<T>(random.normal());
    for (const LabelInfo& label : plan.schema.labels) {
      for (Index j = 0; j < samples; ++j) {
        double y = random.normal();
        if (label.kind == LabelKind::binary) y = random.bernoulli(0.4) ? 1 : 0;
        if (label.kind == LabelKind::count) y = static_cast<double>(random.below(6));
        if (label.kind == LabelKind::classes) y = static_cast<double>(random.below(static_cast<std::uint64_t>(label.classes)));
        labels_.push_back(random.bernoulli(missing) ? std::numeric_limits<T>::quiet_NaN() : static_cast<T>(y));
      }
    }
    for (Index j = 0; j < samples && sample_weights; ++j) weights_.push_back(static_cast<T>(random.uniform(0.5, 2)));
    batch_.size = samples;
    batch_.numeric = {numeric_.data(), numeric, samples, numeric};
    batch_.ids = columns_;
    batch_.labels = {labels_.data(), samples, static_cast<Index>(plan.schema.labels.size()), samples};
    batch_.weights = weights_.empty() ? nullptr : weights_.data();
  }

  RandomBatch(const RandomBatch&) = delete;
  RandomBatch& operator=(const RandomBatch&) = delete;

  [[nodiscard]] const Batch<T>& batch() const { return batch_; }

 private:
  std::vector<std::vector<std::int32_t>> ids_, offsets_;
  std::vector<IdColumn> columns_;
  std::vector<T> numeric_, labels_, weights_;
  Batch<T> batch_;
};

/// How many vocabularies the tables of a plan have.
[[nodiscard]] inline std::size_t vocabulary_count(const PlanView& plan) {
  int most = 0;
  for (const TableInfo& t : plan.tables) most = (std::max)(most, t.vocabulary + 1);
  return static_cast<std::size_t>(most);
}

/// Compares the gradient of Σ weight_k · loss_k with central differences, in double, for every dense tensor and every
/// table of `Model`, on random data with masked labels and sample weights. Buffers are poisoned with NaN beforehand.
template <class Model>
[[nodiscard]] GradientCheckResult check_gradients(const GradientCheckOptions& options = {}) {
  const auto program = program_of<Model, double, cpu::Device>();
  const PlanView& plan = program.plan;
  const std::vector<Index> rows(vocabulary_count(plan), options.rows);
  const RandomBatch<double> data(plan, options.samples, rows, options.seed, options.missing, options.sample_weights);
  TrainExecutor<double> executor(program, rows, options.samples, 1);
  Parameters<double>& parameters = executor.parameters();
  initialize(plan, options.seed, parameters);
  Random random(options.seed, 7);
  for (Index i = 0; i < plan.sizes.parameters; ++i) {  // no value at a special place such as a zero bias
    parameters.dense[static_cast<std::size_t>(i)] += 0.1 * random.normal();
  }
  for (Buffer<double>& table : parameters.tables) {
    for (double& v : table) v = random.normal();
  }
  std::vector<double> weights;
  for (const TaskInfo& task : plan.tasks) weights.push_back(task.weight);
  const std::uint64_t key = 99;
  const auto loss = [&] {
    const auto losses = executor.forward_backward(data.batch(), weights, key);
    double sum = 0;
    for (std::size_t k = 0; k < weights.size(); ++k) sum += losses[k] == losses[k] ? weights[k] * losses[k] : 0;
    return sum;
  };
  executor.poison(std::numeric_limits<double>::quiet_NaN());
  executor.clear_gradient();
  static_cast<void>(loss());
  std::vector<double> gradient(static_cast<std::size_t>(plan.sizes.parameters));
  executor.read_gradient(gradient);

  std::vector<std::vector<double>> table_gradients;
  for (const Buffer<double>& table : parameters.tables) table_gradients.emplace_back(table.size(), 0.0);
  SparseGradients<double>& sparse = executor.collect_sparse();
  for (Index i = 0; i < sparse.shards(); ++i) {
    const auto& shard = sparse.shard(i);
    for (Index r = 0; r < shard.count(); ++r) {
      for (Index k = 0; k < shard.width; ++k) {
        table_gradients[static_cast<std::size_t>(shard.table)][static_cast<std::size_t>(
            shard.rows[static_cast<std::size_t>(r)] * shard.width + k)] =
            shard.sums[static_cast<std::size_t>(r * shard.width + k)];
      }
    }
  }

  GradientCheckResult result;
  const auto check = [&](double* values, const double* analytic, Index size, std::string_view name) {
    double largest = 0;
    for (Index i = 0; i < size; ++i) largest = (std::max)(largest, std::abs(analytic[i]));
    const Index every = (std::max)(Index{1}, size / options.values_per_tensor);
    for (Index i = 0; i < size; i += every) {
      const double before = values[i];
      values[i] = before + options.step;
      const double up = loss();
      values[i] = before - options.step;
      const double down = loss();
      values[i] = before;
      const double numeric = (up - down) / (2 * options.step);
      const double error = std::abs(analytic[i] - numeric) / (1e-3 * largest + std::abs(numeric) + 1e-6);
      ++result.checked;
      if (!(error <= result.worst)) {  // a NaN counts as worst
        result.worst = error == error ? error : std::numeric_limits<double>::infinity();
        result.where = std::string(name) + "[" + std::to_string(i) + "]: analytic " + std::to_string(analytic[i]) +
                       ", numeric " + std::to_string(numeric);
      }
    }
  };
  for (const ParameterInfo& t : plan.tensors) {
    if (!t.trainable) continue;
    check(parameters.dense.data() + t.offset, gradient.data() + t.offset, t.size(), t.name.view());
  }
  for (std::size_t t = 0; t < parameters.tables.size(); ++t) {
    check(parameters.tables[t].data(), table_gradients[t].data(), static_cast<Index>(parameters.tables[t].size()),
          plan.tables[t].name.view());
  }
  return result;
}

}  // namespace espalier
