// SPDX-License-Identifier: Apache-2.0
// The benchmarked models, and the minimum work of a step of each. bench/peers/ has the same models
// for other libraries.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "espalier/describe/model.hpp"
#include "espalier/exec/random_batch.hpp"
#include "espalier/kernels/precision.hpp"
#include "espalier/losses/losses.hpp"
#include "espalier/ops/cost.hpp"
#include "espalier/ops/cpu/program.hpp"
#include "espalier/optim/optim.hpp"
#include "espalier/sequences.hpp"

namespace bench {

namespace esp = espalier;
using esp::Index;

template <esp::FixedString Name, esp::Weight W = esp::Weight{1.0}, int Units = 64>
using Clicks = esp::Task<Name, esp::BinaryCrossEntropy, W, esp::Tower<Units>>;

/// 256 dense inputs → 512 → 256, three towers 64 → 1.
struct SharedBottom
    : esp::MultiTaskModel<
          esp::Inputs<esp::NumericVector<"x", 256>>, esp::SharedBottom<esp::Mlp<512, 256>>,
          Clicks<"click">, Clicks<"buy">,
          esp::Task<"time", esp::MeanSquaredError, esp::Weight{0.5}, esp::Tower<64>>> {
  static constexpr const char* label = "shared_bottom";
  static constexpr Index rows = 0;
};

/// 499 dense inputs, 8 experts of one layer; for each of two tasks a gate and a tower 8 → 1.
template <int Units>
struct BasicMmoe
    : esp::MultiTaskModel<esp::Inputs<esp::NumericVector<"x", 499>>, esp::Mmoe<8, esp::Mlp<Units>>,
                          Clicks<"income", esp::Weight{1.0}, 8>,
                          Clicks<"married", esp::Weight{1.0}, 8>> {
  static constexpr Index rows = 0;
};
struct Mmoe : BasicMmoe<16> {
  static constexpr const char* label = "mmoe";
};
struct MmoeWide : BasicMmoe<256> {
  static constexpr const char* label = "mmoe_wide";
};

template <int I>
struct FieldName {
  static constexpr char text[4] = {'c', static_cast<char>('0' + I / 10),
                                   static_cast<char>('0' + I % 10), '\0'};
};

template <std::size_t... I>
auto ctr_inputs(std::index_sequence<I...>)
    -> esp::Inputs<esp::NumericVector<"x", 13>,
                   esp::Categorical<FieldName<static_cast<int>(I)>::text, 16>...>;

/// 26 categorical fields with tables of 100,000 × 16 and 13 dense inputs → 512 → 256, two towers 64
/// → 1.
struct EmbeddingCtr
    : esp::MultiTaskModel<decltype(ctr_inputs(std::make_index_sequence<26>{})),
                          esp::SharedBottom<esp::Mlp<512, 256>>, Clicks<"click">, Clicks<"buy">> {
  static constexpr const char* label = "embedding_ctr";
  static constexpr Index rows = 100000;
};

/// Sequences of 50 of 10,000 tokens, 64 wide.
template <class... Parts>
using Tokens = esp::Inputs<esp::Sequence<esp::Categorical<"tokens", 64, esp::Last<50>>, Parts...>>;

/// Learnt positions and 2 post-norm layers of 2 heads and 256 hidden units, the mean; three towers
/// 64 → 1.
struct Transformer
    : esp::MultiTaskModel<
          Tokens<esp::Transformer<esp::Depth<2>, esp::Heads<2>, esp::FeedForward<256>>>,
          esp::SharedBottom<esp::Layers<>>, Clicks<"click">, Clicks<"buy">,
          esp::Task<"time", esp::MeanSquaredError, esp::Weight{0.5}, esp::Tower<64>>> {
  static constexpr const char* label = "transformer";
  static constexpr Index rows = 10000;
};
/// A GRU of 64 units, its last state; the same towers.
struct Gru : esp::MultiTaskModel<
                 Tokens<esp::Gru<64>, esp::LastStep>, esp::SharedBottom<esp::Layers<>>,
                 Clicks<"click">, Clicks<"buy">,
                 esp::Task<"time", esp::MeanSquaredError, esp::Weight{0.5}, esp::Tower<64>>> {
  static constexpr const char* label = "gru";
  static constexpr Index rows = 10000;
};
/// A candidate of the same table, an activation unit 80 → 40 → 1 over [x, t, x ∘ t] (DIN), and both
/// side by side → 200 → 80; the same towers.
struct Din
    : esp::MultiTaskModel<
          esp::Inputs<
              esp::Categorical<"item", 64>,
              esp::Sequence<esp::Categorical<"tokens", 64, esp::Last<50>, esp::SharedTable<"item">>,
                            esp::Din<"item", 80, 40>>>,
          esp::SharedBottom<esp::Mlp<200, 80>>, Clicks<"click">, Clicks<"buy">,
          esp::Task<"time", esp::MeanSquaredError, esp::Weight{0.5}, esp::Tower<64>>> {
  static constexpr const char* label = "din";
  static constexpr Index rows = 10000;
};

template <class Model>
std::vector<Index> vocabulary_rows() {
  return std::vector<Index>(esp::vocabulary_count(esp::plan_of<Model>()), Model::rows);
}

/// The minimum of arithmetic and of memory traffic.
struct Needs {
  double flops = 0;
  double bytes = 0;
};

/// Table rows that a batch touches, each counted once.
inline Index touched_rows(const esp::PlanView& plan, const esp::Batch<float>& batch, Index rows) {
  Index touched = 0;
  for (const esp::Node& node : plan.nodes) {
    if (node.lookup < 0) continue;
    std::vector<bool> seen(static_cast<std::size_t>(rows), false);
    const esp::IdColumn& column = batch.ids[static_cast<std::size_t>(node.field)];
    const Index values = column.offsets == nullptr ? batch.size : Index{column.offsets[batch.size]};
    for (Index j = 0; j < values; ++j) {
      const auto id = static_cast<std::size_t>(column.ids[j]);
      if (!seen[id]) ++touched;
      seen[id] = true;
    }
  }
  return touched;
}

template <class Model>
int table_width() {
  const esp::PlanView plan = esp::plan_of<Model>();
  return plan.tables.empty() ? 0 : plan.tables[0].width;
}

/// A training step with Adam: inputs and labels are read once; a parameter and its two moments are
/// read and written.
template <class Model>
Needs step_needs(const esp::Batch<float>& batch) {
  const esp::PlanView plan = esp::plan_of<Model>();
  const esp::PlanCost cost = esp::plan_cost(plan, esp::node_costs<Model>());
  const double samples = static_cast<double>(batch.size);
  const double learnt =
      static_cast<double>(cost.parameters) +
      static_cast<double>(touched_rows(plan, batch, Model::rows) * table_width<Model>());
  const double inputs = static_cast<double>(batch.numeric.rows) +
                        static_cast<double>(plan.sizes.lookups) +
                        static_cast<double>(plan.tasks.size());
  return {samples * cost.flops(), 4 * (samples * inputs + 6 * learnt)};
}

/// Inference: inputs, parameters and table rows are read once.
template <class Model>
Needs inference_needs(const esp::Batch<float>& batch, esp::Precision precision) {
  const esp::PlanView plan = esp::plan_of<Model>();
  const esp::PlanCost cost = esp::plan_cost(plan, esp::node_costs<Model>());
  const double samples = static_cast<double>(batch.size);
  const double rows =
      static_cast<double>(touched_rows(plan, batch, Model::rows) * table_width<Model>());
  const double inputs = static_cast<double>(batch.numeric.rows) +
                        static_cast<double>(plan.sizes.lookups) +
                        static_cast<double>(plan.tasks.size());
  const double read = static_cast<double>(cost.parameters) + rows;
  return {samples * cost.forward_flops,
          4 * samples * inputs + (precision.reduced() ? 2 : 4) * read};
}

/// "TrainStep/mmoe/batch:256/threads:2"; in bf16 "TrainStep/mmoe_bf16/…".
inline std::string case_name(const char* kind, const char* workload, Index batch, int threads,
                             esp::Precision precision = esp::Precision::Fp32) {
  return std::string(kind) + "/" + workload + (precision.reduced() ? "_bf16" : "") +
         "/batch:" + std::to_string(batch) + "/threads:" + std::to_string(threads);
}

}  // namespace bench
