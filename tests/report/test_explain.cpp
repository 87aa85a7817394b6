// SPDX-License-Identifier: Apache-2.0
// The steps of a training step as text.
#include "espalier/report/explain.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "espalier/balance/balance.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
#include "espalier/optim/optim.hpp"

namespace esp = espalier;

namespace {

using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<4>>;
using Watch = esp::Task<"watch", esp::MeanSquaredError>;
struct Small : esp::MultiTaskModel<esp::Inputs<esp::Categorical<"user", 8>, esp::Numeric<"age">>,
                                   esp::SharedBottom<esp::Mlp<16>>, Click, Watch> {};
struct Normed : esp::MultiTaskModel<esp::Inputs<esp::Numeric<"age">>,
                                    esp::SharedBottom<esp::BatchNorm>, Click> {};

/// Whether `text` has `line`; runs of spaces, which align columns, count as one.
bool has(std::string text, std::string_view line) {
  text.erase(
      std::unique(text.begin(), text.end(), [](char a, char b) { return a == ' ' && b == ' '; }),
      text.end());
  return text.find(line) != std::string::npos;
}

}  // namespace

TEST_CASE("explain: a step, its passes and its costs") {
  // For 100 samples. First layer per sample: 16 · 1 products of 2 flops for the number, plus 16
  // additions of the table's row. Table: 5 · 8 · 16 products of 2 flops.
  CHECK(esp::explain<Small>({.batch_size = 100, .vocabulary_rows = {5}}) ==
        R"(shared_bottom, 100 samples in 2 microbatches of 64 (2 accumulators)

pass                       fired  why
deferred_weight_gradients  no     no matrix is large beside what the batch leaves of its inputs and gradients
projected_embeddings       yes    tables: 1, their rows: 5, look-ups a sample: 1

scope       phase     step                     where          pass                   flops   bytes
2 pieces    forward   multiply tables                         projected_embeddings   1,280
microbatch  forward   start
microbatch  forward   numeric                  embedding      projected_embeddings             800
microbatch  forward   dense                    shared/dense0  projected_embeddings   4,800  10,000
microbatch  forward   dense                    click/dense0                         12,800   8,000
microbatch  forward   dense                    click/dense1                            800   2,000
microbatch  forward   dense                    watch/dense0                          3,200   6,800
microbatch  loss      losses
microbatch  backward  zero
microbatch  backward  dense                    watch/dense0                          6,400
microbatch  backward  dense                    click/dense1                          1,600
microbatch  backward  dense                    click/dense0                         25,600
microbatch  backward  dense                    shared/dense0  projected_embeddings   4,800
microbatch  backward  numeric                  embedding      projected_embeddings
2 pieces    backward  gradients of tables                     projected_embeddings   2,560
17 pieces   update    sum accumulators, learn
once        update    follow state
total                                                                               63,840
)");
}

TEST_CASE("explain: without a pass, and with what needs the whole batch") {
  const std::string plain = esp::explain<Small>(
      {.batch_size = 100, .vocabulary_rows = {5}, .without = {"projected_embeddings"}});
  CHECK_FALSE(has(plain, "multiply tables"));
  CHECK(has(plain, "microbatch forward embedding embedding"));
  CHECK(has(plain, "projected_embeddings no left out"));
  const std::string normed = esp::explain<Normed>({.batch_size = 8});
  CHECK(has(normed, "merge forward batch_moments"));
  CHECK(has(normed, "deferred_weight_gradients no an operation waits for the whole batch"));
  const std::string bf16 = esp::explain<Small>(
      {.batch_size = 100, .vocabulary_rows = {5}, .precision = esp::Precision::Bf16});
  CHECK(has(bf16, "projected_embeddings no products are made in bf16"));
  CHECK(has(bf16, "bf16 yes products read weights and activations as bf16"));
  CHECK_THROWS_AS(static_cast<void>(esp::explain<Small>({.batch_size = 0})), esp::ConfigError);
}

TEST_CASE("explain: each way to balance runs its own steps") {
  const std::string mgda = esp::explain<Small>(
      {.batch_size = 64, .vocabulary_rows = {5}, .balance = esp::Mgda{}, .clip = true});
  CHECK(has(mgda,
            "task_paths yes backward for each of 2 tasks, over the nodes that its loss reaches"));
  CHECK(has(mgda, "microbatch backward dense click/dense1 task_paths"));
  CHECK(has(mgda, "once update clip"));
  CHECK_FALSE(has(mgda, "losses"));
  const std::string by_values = esp::explain<Small>({.batch_size = 64,
                                                     .vocabulary_rows = {5},
                                                     .balance = esp::Mgda{},
                                                     .balance_on = esp::BalanceOn::representation});
  CHECK(has(by_values, "keep representation's gradient"));
  CHECK(has(by_values, "combine representations' gradients"));
  const std::string mean = esp::explain<Small>(
      {.batch_size = 64, .vocabulary_rows = {5}, .balance = esp::GeometricMean{}});
  CHECK(has(mean, "once loss weigh"));
  CHECK(
      has(mean, "projected_embeddings no the losses weigh the tasks between forward and backward"));
}

TEST_CASE("explain: what a predictor runs") {
  CHECK(esp::explain<Small>({.batch_size = 100, .vocabulary_rows = {5}, .inference = true}) ==
        R"(shared_bottom, 100 samples in 2 microbatches of 64

pass            fired  why
packed_weights  no     no matrix has enough rows for a panel
memory_reuse    yes    values of a sample: 25 instead of 31

scope       phase    step       where          pass   flops   bytes
microbatch  forward  embedding  embedding                     6,400
microbatch  forward  numeric    embedding                       800
microbatch  forward  dense      shared/dense0        28,800  10,000
microbatch  forward  dense      click/dense0         12,800   8,000
microbatch  forward  dense      click/dense1            800   2,000
microbatch  forward  dense      watch/dense0          3,200   6,800
total                                                45,600
)");
}
