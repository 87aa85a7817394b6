// SPDX-License-Identifier: Apache-2.0
// Executors that each process a part of every batch, compared with one that processes the whole
// batch.
#include "espalier/exec/reducer.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <barrier>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "espalier/balance/balance.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/describe/sharing/all.hpp"
#include "espalier/exec/executor.hpp"
#include "espalier/exec/random_batch.hpp"
#include "espalier/exec/task_gradients.hpp"
#include "espalier/losses/losses.hpp"
#include "espalier/optim/optim.hpp"
#include "support/worst.hpp"

namespace esp = espalier;
using esp::Index;

namespace {

using Inputs = esp::Inputs<esp::Numeric<"age">, esp::Categorical<"user", 4>,
                           esp::MultiCategorical<"tags", 3>, esp::Categorical<"tab", 4>>;
using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Tower<6>>;
using Watch = esp::Task<"watch", esp::MeanSquaredError, esp::Weight{0.5}, esp::Tower<5>>;
template <class... Ls>
struct Model
    : esp::MultiTaskModel<Inputs, esp::Mmoe<2, esp::Layers<esp::Dense<16>, Ls..., esp::Dense<8>>>,
                          Click, Watch> {};
/// Large matrices that belong to one task; tables of single tasks and shared tables.
struct Broad
    : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<16>>,
                          esp::Task<"click", esp::BinaryCrossEntropy, esp::Tower<128, 192>>,
                          esp::Task<"watch", esp::MeanSquaredError, esp::Tower<128, 192>>> {};
struct OwnTables : esp::MultiTaskModel<Inputs, esp::Stem<1, 1, esp::Mlp<8>>, Click, Watch> {};
using Dropping = Model<esp::Dropout<esp::Rate{0.3}>>;
// In large batches `tab` and `tags` are multiplied once per row.
const std::vector<Index> rows{400, 9, 3};

/// Ranks that are threads of this process.
template <class T>
class Threads {
 public:
  explicit Threads(int ranks)
      : ranks_(ranks), barrier_(ranks), at_(static_cast<std::size_t>(ranks)) {}

  class Rank final : public esp::Reducer<T> {
   public:
    Rank(Threads& all, int rank) : all_(all), rank_(rank) {}
    [[nodiscard]] int rank() const override { return rank_; }
    [[nodiscard]] int ranks() const override { return all_.ranks_; }
    void sum(std::span<double> values) override { add(values); }
    void sum_gradient(std::span<T> gradient) override { add(gradient); }
    void gather(std::span<const std::int32_t> own_rows, std::span<const T> sums,
                std::vector<std::int32_t>& all_rows, std::vector<T>& all_sums) override {
      const Part own{own_rows, sums};
      exchange(&own, [&](const std::vector<const void*>& parts) {
        all_rows.clear();
        all_sums.clear();
        for (const void* at : parts) {
          const Part& part = *static_cast<const Part*>(at);
          all_rows.insert(all_rows.end(), part.rows.begin(), part.rows.end());
          all_sums.insert(all_sums.end(), part.sums.begin(), part.sums.end());
        }
      });
    }

   private:
    struct Part {
      std::span<const std::int32_t> rows;
      std::span<const T> sums;
    };

    template <class U>
    void add(std::span<U> values) {
      std::vector<U> sum(values.size(), U{0});
      exchange(values.data(), [&](const std::vector<const void*>& parts) {
        for (const void* part : parts) {
          for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += static_cast<const U*>(part)[i];
        }
      });
      std::copy(sum.begin(), sum.end(), values.begin());
    }

    /// All ranks publish a pointer, all read, and none returns before all have read.
    template <class See>
    void exchange(const void* own, See see) {
      all_.at_[static_cast<std::size_t>(rank_)] = own;
      all_.barrier_.arrive_and_wait();
      see(all_.at_);
      all_.barrier_.arrive_and_wait();
    }

    Threads& all_;
    int rank_;
  };

 private:
  int ranks_;
  std::barrier<> barrier_;
  std::vector<const void*> at_;
};

/// Samples first … first + count − 1 of a batch.
template <class T>
struct Part {
  std::vector<esp::IdColumn> columns;
  esp::Batch<T> batch;

  Part(const esp::Batch<T>& whole, Index first, Index count)
      : columns(whole.ids.begin(), whole.ids.end()), batch(whole) {
    for (esp::IdColumn& column : columns)
      (column.offsets == nullptr ? column.ids : column.offsets) += first;
    batch.size = count;
    batch.numeric = {whole.numeric.data + first * whole.numeric.stride, whole.numeric.rows, count,
                     whole.numeric.stride};
    batch.ids = columns;
    batch.labels = {whole.labels.data + first, count, whole.labels.cols, whole.labels.stride};
    if (whole.weights != nullptr) batch.weights = whole.weights + first;
  }
};

struct Learnt {
  std::vector<std::vector<double>> losses;
  esp::Parameters<double> parameters;
};

constexpr int steps = 4;

/// A gradient balancing method and what its gradients refer to.
struct ByGradients {
  esp::GradientAggregator method;
  esp::BalanceOn on = esp::BalanceOn::parameters;
};

/// A pass with or without coordinates, as the method needs.
struct AnyPass {
  std::optional<esp::TaskGradientPass<double>> plain;
  std::optional<esp::TaskGradientPass<double, true>> coordinates;
  esp::GradientAggregator method;

  AnyPass(esp::TrainExecutor<double>& executor, const ByGradients& by) : method(by.method) {
    method.reset(executor.plan().tasks.size());
    if (method.needs_coordinates()) {
      coordinates.emplace(executor, by.on);
    } else {
      plain.emplace(executor, by.on);
    }
  }
  std::span<const double> forward_backward(const esp::Batch<double>& batch,
                                           std::span<const double> weights, std::uint64_t key) {
    return coordinates ? coordinates->forward_backward(batch, weights, key, method)
                       : plain->forward_backward(batch, weights, key, method);
  }
};

/// `cut`: where the batch is split into parts.
template <class M>
std::vector<Learnt> learn(Index samples, const std::vector<Index>& cut, double clip,
                          esp::TrainExecutor<double>::Weigh weigh = nullptr,
                          const std::optional<ByGradients>& by = {}) {
  const esp::PlanView& plan = esp::plan_of<M>();
  const int ranks = static_cast<int>(cut.size()) + 1;
  Threads<double> all(ranks);
  std::vector<Learnt> learnt(static_cast<std::size_t>(ranks));
  const auto work = [&](int rank) {
    const auto at = static_cast<std::size_t>(rank);
    const Index begin = rank == 0 ? 0 : cut[at - 1], end = rank + 1 == ranks ? samples : cut[at];
    esp::TrainExecutor<double> executor(esp::program_of<M, double, esp::Cpu>(), rows, samples, 1);
    esp::initialize(plan, 5, executor.parameters());
    executor.prepare(esp::Adam{.learning_rate = 0.01}, {});
    Threads<double>::Rank reducer(all, rank);
    if (ranks > 1) executor.set_reducer(&reducer);
    std::optional<AnyPass> pass;
    if (by) pass.emplace(executor, *by);
    for (int step = 1; step <= steps; ++step) {
      const esp::RandomBatch<double> whole(plan, samples, rows, static_cast<std::uint64_t>(step),
                                           0.3, true);
      const Part<double> part(whole.batch(), begin, end - begin);
      const std::vector<double> weights{1, 0.5};
      const auto key = static_cast<std::uint64_t>(step);
      const auto losses = pass ? pass->forward_backward(part.batch, weights, key)
                               : executor.forward_backward(part.batch, weights, key, weigh);
      learnt[at].losses.emplace_back(losses.begin(), losses.end());
      executor.update({step, 1, 1}, clip);
    }
    learnt[at].parameters = executor.parameters();
  };
  std::vector<std::thread> threads;
  for (int rank = 1; rank < ranks; ++rank) threads.emplace_back(work, rank);
  work(0);
  for (std::thread& thread : threads) thread.join();
  return learnt;
}

double difference(const Learnt& a, const Learnt& b) {
  double worst = 0;
  const auto compare = [&](double x, double y) {
    if (std::isnan(x) && std::isnan(y)) return;
    espalier_test::keep_worst(worst, std::abs(x - y));
  };
  for (std::size_t s = 0; s < a.losses.size(); ++s) {
    for (std::size_t k = 0; k < a.losses[s].size(); ++k) compare(a.losses[s][k], b.losses[s][k]);
  }
  for (std::size_t i = 0; i < a.parameters.dense.size(); ++i)
    compare(a.parameters.dense[i], b.parameters.dense[i]);
  for (std::size_t t = 0; t < a.parameters.tables.size(); ++t) {
    for (std::size_t i = 0; i < a.parameters.tables[t].size(); ++i)
      compare(a.parameters.tables[t][i], b.parameters.tables[t][i]);
  }
  return worst;
}

bool same_bits(const esp::Parameters<double>& a, const esp::Parameters<double>& b) {
  bool same = std::memcmp(a.dense.data(), b.dense.data(), a.dense.size() * sizeof(double)) == 0;
  for (std::size_t t = 0; t < a.tables.size(); ++t) {
    same = same && std::memcmp(a.tables[t].data(), b.tables[t].data(),
                               a.tables[t].size() * sizeof(double)) == 0;
  }
  return same;
}

template <class M>
void compare(Index samples, const std::vector<Index>& cut, double clip = 0,
             esp::TrainExecutor<double>::Weigh weigh = nullptr,
             const std::optional<ByGradients>& by = {}) {
  CAPTURE(samples);
  CAPTURE(cut.size());
  const std::vector<Learnt> one = learn<M>(samples, {}, clip, weigh, by),
                            parts = learn<M>(samples, cut, clip, weigh, by);
  for (const Learnt& part : parts) {
    CHECK(difference(part, one[0]) < 1e-10);
    CHECK(same_bits(part.parameters, parts[0].parameters));  // ranks stay synchronized
  }
}

}  // namespace

TEST_CASE("reducer: a batch cut over executors gives what one gives") {
  compare<Model<>>(100, {50});
  compare<Model<>>(101, {7});
  compare<Model<>>(90, {30, 31});  // the second part has one sample
  compare<Dropping>(100, {37});    // masks depend on the sample's index in the whole batch
  compare<Model<>>(100, {40}, 0.05);
  compare<Model<>>(600, {300});  // with table products; in the next line one part has none
  compare<Model<>>(600, {590});
}

TEST_CASE("reducer: weights found from the losses are those of the whole batch") {
  compare<Model<>>(64, {20}, 0,
                   [](void*, std::span<const double> losses, std::span<double> weights) {
                     for (std::size_t k = 0; k < losses.size(); ++k)
                       weights[k] = losses[k] > 0 ? 1 / losses[k] : 0;
                   });
}

TEST_CASE("reducer: what needs the whole batch in one place is refused") {
  Threads<double> all(1);
  Threads<double>::Rank reducer(all, 0);
  esp::TrainExecutor<double> normed(esp::program_of<Model<esp::BatchNorm>, double, esp::Cpu>(),
                                    rows, 8, 1);
  CHECK_THROWS_AS(normed.set_reducer(&reducer), esp::ConfigError);
}

TEST_CASE("reducer: gradients of tasks are compared over the whole batch") {
  for (const esp::BalanceOn on : {esp::BalanceOn::parameters, esp::BalanceOn::representation}) {
    const auto check = [&](auto method) {
      compare<Model<>>(100, {37}, 0, nullptr, ByGradients{method, on});
      compare<Dropping>(64, {20, 21}, 0.05, nullptr, ByGradients{method, on});
    };
    check(esp::Mgda{});
    check(esp::PcGrad{});
    check(esp::GradDrop{});  // per coordinate
    check(esp::MoCo{});      // also with memory
  }
  // Weight gradients are deferred on the first rank only.
  compare<Broad>(400, {64}, 0, nullptr, ByGradients{esp::Mgda{}});
  compare<OwnTables>(100, {37}, 0, nullptr, ByGradients{esp::Mgda{}});
  compare<OwnTables>(100, {37}, 0, nullptr, ByGradients{esp::GradDrop{}});
}

TEST_CASE("reducer: taken away, the executor learns alone") {
  Threads<double> all(1);
  Threads<double>::Rank reducer(all, 0);
  esp::TrainExecutor<double> executor(esp::program_of<Model<>, double, esp::Cpu>(), rows, 8, 1),
      plain(esp::program_of<Model<>, double, esp::Cpu>(), rows, 8, 1);
  const esp::RandomBatch<double> data(executor.plan(), 8, rows, 1);
  const std::vector<double> weights{1, 1};
  for (auto* e : {&executor, &plain}) {
    esp::initialize(e->plan(), 5, e->parameters());
    e->prepare(esp::Adam{}, {});
  }
  executor.set_reducer(&reducer);
  for (int step = 1; step <= 2; ++step) {
    if (step == 2) executor.set_reducer(nullptr);
    for (auto* e : {&executor, &plain}) {
      e->forward_backward(data.batch(), weights, 1);
      e->update({step, 1, 1});
    }
  }
  CHECK(same_bits(executor.parameters(), plain.parameters()));
}
