// SPDX-License-Identifier: Apache-2.0
// The same training steps and inference on libtorch, in two forms: --form=plain is the idiomatic
// program, one module per layer; --form=fused is optimized by hand: experts, gates and towers of
// all tasks in one product each, all tables in one. scripts/compare sets the environment in which
// libtorch is fastest.
#include <torch/torch.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "harness.hpp"

namespace {

namespace nn = torch::nn;
using torch::Tensor;

struct Losses {
  std::vector<double> weights;
  std::vector<bool> binary;
};

/// The inputs of a batch: dense (samples × n), and ids (samples × fields) if there are tables.
struct Input {
  Tensor dense, ids;
};

/// Base class of the models: forward() returns one column of logits per task.
struct Net : nn::Module {
  virtual std::vector<Tensor> forward(const Input& in) = 0;
  virtual std::vector<Tensor> tables() {
    return {};
  }  // not in parameters(): their gradients are sparse
};

Tensor bce(const Tensor& z, const Tensor& y) {
  return torch::binary_cross_entropy_with_logits(z, y, {}, {}, at::Reduction::Mean);
}

nn::Sequential tower(int in, int units) {
  return nn::Sequential(nn::Linear(in, units), nn::ReLU(), nn::Linear(units, 1));
}

/// Towers with one hidden layer of `units` units, on a shared input or on one input each: two
/// products for all tasks.
struct FusedTowers : nn::Module {
  Tensor w1, b1, w2, b2;
  int tasks, in, units;
  bool shared;

  FusedTowers(int task_count, int inputs, int hidden, bool share)
      : tasks(task_count), in(inputs), units(hidden), shared(share) {
    const double bound = 1 / std::sqrt(static_cast<double>(in));
    w1 =
        register_parameter("w1", shared ? torch::empty({tasks * units, in}).uniform_(-bound, bound)
                                        : torch::empty({tasks, in, units}).uniform_(-bound, bound));
    b1 = register_parameter(
        "b1", shared ? torch::zeros({tasks * units}) : torch::zeros({tasks, 1, units}));
    w2 = register_parameter("w2", torch::empty({tasks, units}).uniform_(-bound, bound));
    b2 = register_parameter("b2", torch::zeros({tasks}));
  }
  std::vector<Tensor> forward(const Tensor& x) {
    Tensor z;
    if (shared) {  // x: samples × in
      const Tensor h = torch::relu(torch::linear(x, w1, b1)).view({-1, tasks, units});
      z = (h * w2).sum(2) + b2;
    } else {  // x: tasks × samples × in
      const Tensor h = torch::relu(torch::baddbmm(b1, x, w1));
      z = (h * w2.unsqueeze(1)).sum(2).t() + b2;
    }
    return z.split(1, 1);
  }
};

struct SharedBottom : Net {
  nn::Sequential bottom{nullptr};
  std::vector<nn::Sequential> towers;
  std::shared_ptr<FusedTowers> fused_towers;

  SharedBottom(int inputs, int tasks, bool fused) {
    bottom = register_module("bottom", nn::Sequential(nn::Linear(inputs, 512), nn::ReLU(),
                                                      nn::Linear(512, 256), nn::ReLU()));
    if (fused) {
      fused_towers = register_module("towers", std::make_shared<FusedTowers>(tasks, 256, 64, true));
      return;
    }
    for (int k = 0; k < tasks; ++k)
      towers.push_back(register_module("tower" + std::to_string(k), tower(256, 64)));
  }
  std::vector<Tensor> forward(const Input& in) override { return from(in.dense); }
  std::vector<Tensor> from(const Tensor& x) {
    const Tensor h = bottom->forward(x);
    if (fused_towers) return fused_towers->forward(h);
    std::vector<Tensor> z;
    for (nn::Sequential& t : towers) z.push_back(t->forward(h));
    return z;
  }
};

struct Mmoe : Net {
  std::vector<nn::Linear> experts, gates;
  std::vector<nn::Sequential> towers;
  nn::Linear all{nullptr};  // fused: experts and gates in one product
  std::shared_ptr<FusedTowers> fused_towers;
  int units;

  Mmoe(int expert_units, bool fused) : units(expert_units) {
    if (fused) {
      all = register_module("all", nn::Linear(499, 8 * units + 16));
      fused_towers = register_module("towers", std::make_shared<FusedTowers>(2, units, 8, false));
      return;
    }
    for (int e = 0; e < 8; ++e)
      experts.push_back(register_module("expert" + std::to_string(e), nn::Linear(499, units)));
    for (int k = 0; k < 2; ++k) {
      gates.push_back(register_module("gate" + std::to_string(k),
                                      nn::Linear(nn::LinearOptions(499, 8).bias(false))));
      towers.push_back(register_module("tower" + std::to_string(k), tower(units, 8)));
    }
  }
  std::vector<Tensor> forward(const Input& in) override {
    const Tensor& x = in.dense;
    if (fused_towers) {
      const Tensor y = all->forward(x);
      const Tensor f = torch::relu(y.slice(1, 0, 8 * units)).view({-1, 8, units});
      const Tensor g = torch::softmax(y.slice(1, 8 * units).view({-1, 2, 8}), 2);
      return fused_towers->forward(torch::bmm(g, f).transpose(0, 1));
    }
    std::vector<Tensor> outputs;
    for (nn::Linear& e : experts) outputs.push_back(torch::relu(e->forward(x)));
    const Tensor f = torch::stack(outputs, 1);  // samples × experts × units
    std::vector<Tensor> z;
    for (std::size_t k = 0; k < 2; ++k) {
      const Tensor g = torch::softmax(gates[k]->forward(x), 1);
      z.push_back(towers[k]->forward(torch::bmm(g.unsqueeze(1), f).squeeze(1)));
    }
    return z;
  }
};

constexpr int ctr_fields = 26, ctr_rows = 100000, ctr_width = 16;

struct EmbeddingCtr : Net {
  std::vector<nn::Embedding> fields;
  nn::Embedding one{nullptr};
  Tensor offsets;
  std::shared_ptr<SharedBottom> net;

  explicit EmbeddingCtr(bool fused) {
    net = std::make_shared<SharedBottom>(13 + ctr_fields * ctr_width, 2, fused);
    register_module("net", net);
    const auto make = [](int rows) {
      nn::Embedding e(nn::EmbeddingOptions(rows, ctr_width).sparse(true));
      const torch::NoGradGuard no_grad;
      e->weight.normal_(0, 0.01);
      return e;
    };
    if (fused) {
      one = make(ctr_fields * ctr_rows);
      offsets = torch::arange(ctr_fields, torch::kLong) * ctr_rows;
      return;
    }
    for (int f = 0; f < ctr_fields; ++f) fields.push_back(make(ctr_rows));
  }
  std::vector<Tensor> forward(const Input& in) override {
    if (one) return net->from(torch::cat({in.dense, one->forward(in.ids + offsets).flatten(1)}, 1));
    std::vector<Tensor> parts{in.dense};
    for (std::size_t f = 0; f < fields.size(); ++f) {
      parts.push_back(fields[f]->forward(in.ids.select(1, static_cast<std::int64_t>(f))));
    }
    return net->from(torch::cat(parts, 1));
  }
  std::vector<Tensor> tables() override {
    if (one) return {one->weight};
    std::vector<Tensor> all;
    for (nn::Embedding& e : fields) all.push_back(e->weight);
    return all;
  }
};

/// Lazy Adam: updates only the touched rows, as PyTorch's SparseAdam does.
struct SparseAdam {
  std::vector<Tensor> tables, m, v;
  std::int64_t step = 0;

  explicit SparseAdam(std::vector<Tensor> t) : tables(std::move(t)) {
    for (const Tensor& table : tables) {
      m.push_back(torch::zeros_like(table));
      v.push_back(torch::zeros_like(table));
    }
  }
  void update() {
    const torch::NoGradGuard no_grad;
    ++step;
    const double c1 = 1 - std::pow(0.9, step), c2 = 1 - std::pow(0.999, step);
    for (std::size_t i = 0; i < tables.size(); ++i) {
      const Tensor gradient = tables[i].grad().coalesce();
      const Tensor rows = gradient.indices()[0], g = gradient.values();
      const Tensor mi = m[i].index_select(0, rows).mul_(0.9).add_(g, 0.1);
      const Tensor vi = v[i].index_select(0, rows).mul_(0.999).addcmul_(g, g, 0.001);
      m[i].index_copy_(0, rows, mi);
      v[i].index_copy_(0, rows, vi);
      tables[i].index_add_(0, rows, mi.div((vi / c2).sqrt_().add_(1e-8)), -1e-3 / c1);
    }
  }
};

struct Workload {
  const char* name;
  std::vector<std::int64_t> batches;
  std::shared_ptr<Net> (*make)(bool fused);
  int inputs;
  bool with_tables;
  Losses losses;
};

Input random_input(const Workload& w, std::int64_t samples) {
  Input in;
  in.dense = torch::randn({samples, w.inputs});
  if (w.with_tables) in.ids = torch::randint(ctr_rows, {samples, ctr_fields}, torch::kLong);
  return in;
}

void set_threads(int threads) {
  torch::manual_seed(1);
  at::set_num_threads(threads);
}

void train_step(benchmark::State& state, const Workload& w, std::int64_t samples, int threads,
                bool fused) {
  set_threads(threads);
  const std::shared_ptr<Net> net = w.make(fused);
  const std::vector<Tensor> tables = net->tables();
  torch::optim::Adam adam(net->parameters(),
                          torch::optim::AdamOptions(1e-3).betas({0.9, 0.999}).eps(1e-8));
  std::vector<Input> data;
  std::vector<std::vector<Tensor>> labels;
  for (int i = 0; i < (w.with_tables ? 8 : 1); ++i) {
    data.push_back(random_input(w, samples));
    labels.emplace_back();
    for (const bool binary : w.losses.binary) {
      labels.back().push_back(binary ? torch::bernoulli(torch::full({samples, 1}, 0.4))
                                     : torch::randn({samples, 1}));
    }
  }
  SparseAdam lazy(tables);
  std::size_t next = 0;
  const auto learn = [&] {
    const std::size_t at = next++ % data.size();
    // The fastest way to zero a gradient is to release it.
    for (Tensor& p : adam.param_groups()[0].params()) p.mutable_grad() = Tensor();
    for (Tensor& table : lazy.tables) table.mutable_grad() = Tensor();
    const std::vector<Tensor> z = net->forward(data[at]);
    Tensor loss;
    for (std::size_t k = 0; k < z.size(); ++k) {
      const Tensor& y = labels[at][k];
      Tensor term = w.losses.binary[k] ? bce(z[k], y) : 0.5 * torch::mse_loss(z[k], y);
      if (w.losses.weights[k] != 1) term = w.losses.weights[k] * term;
      loss = k == 0 ? term : loss + term;
    }
    loss.backward();
    adam.step();
    if (!lazy.tables.empty()) lazy.update();
  };
  for (int i = 0; i < 5; ++i) learn();
  for (auto _ : state) learn();
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * samples);
}

void infer(benchmark::State& state, const Workload& w, std::int64_t samples, int threads,
           bool fused) {
  set_threads(threads);
  const std::shared_ptr<Net> net = w.make(fused);
  net->eval();
  const c10::InferenceMode inference;
  std::vector<Input> data;
  for (int i = 0; i < 8; ++i) data.push_back(random_input(w, samples));
  std::size_t next = 0;
  const auto predict = [&] {
    std::vector<Tensor> z = net->forward(data[next++ % data.size()]);
    for (std::size_t k = 0; k < z.size(); ++k) {
      if (w.losses.binary[k]) z[k] = torch::sigmoid(z[k]);
      benchmark::DoNotOptimize(z[k].data_ptr<float>());
    }
  };
  for (int i = 0; i < 5; ++i) predict();
  bench::Latencies latencies;
  if (samples == 1) {
    for (auto _ : state) latencies.time(predict);
    latencies.report(state);
  } else {
    for (auto _ : state) predict();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * samples);
}

/// BCE with logits, value and gradient, over ten million elements.
void loss_kernel(benchmark::State& state, int threads) {
  set_threads(threads);
  const std::int64_t n = 10000000;
  const Tensor z = torch::randn({n}).mul_(3).requires_grad_(true);
  const Tensor y = torch::bernoulli(torch::full({n}, 0.4));
  for (auto _ : state) {
    z.mutable_grad() = Tensor();
    bce(z, y).backward();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * n);
}

std::string case_name(const char* kind, const char* workload, std::int64_t batch, int threads) {
  return std::string(kind) + "/" + workload + "/batch:" + std::to_string(batch) +
         "/threads:" + std::to_string(threads);
}

void add(const Workload& w, bool fused) {
  for (const int threads : {1, 2}) {
    for (const std::int64_t batch : w.batches) {
      benchmark::RegisterBenchmark(case_name("TrainStep", w.name, batch, threads).c_str(),
                                   [&w, batch, threads, fused](benchmark::State& state) {
                                     train_step(state, w, batch, threads, fused);
                                   })
          ->Unit(benchmark::kMillisecond);
    }
    for (const std::int64_t batch : {std::int64_t{1}, std::int64_t{1024}}) {
      if (batch == 1 && threads > 1) continue;
      benchmark::RegisterBenchmark(case_name("Infer", w.name, batch, threads).c_str(),
                                   [&w, batch, threads, fused](benchmark::State& state) {
                                     infer(state, w, batch, threads, fused);
                                   })
          ->Unit(benchmark::kMicrosecond);
    }
  }
}

const std::vector<Workload>& workloads() {
  static const std::vector<Workload> all{
      {"shared_bottom",
       {32, 256, 1024, 4096},
       [](bool f) -> std::shared_ptr<Net> { return std::make_shared<SharedBottom>(256, 3, f); },
       256,
       false,
       {{1, 1, 0.5}, {true, true, false}}},
      {"mmoe",
       {32, 256, 1024, 4096},
       [](bool f) -> std::shared_ptr<Net> { return std::make_shared<Mmoe>(16, f); },
       499,
       false,
       {{1, 1}, {true, true}}},
      {"mmoe_wide",
       {256, 1024, 4096},
       [](bool f) -> std::shared_ptr<Net> { return std::make_shared<Mmoe>(256, f); },
       499,
       false,
       {{1, 1}, {true, true}}},
      {"embedding_ctr",
       {1024, 4096},
       [](bool f) -> std::shared_ptr<Net> { return std::make_shared<EmbeddingCtr>(f); },
       13,
       true,
       {{1, 1}, {true, true}}},
  };
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  const bool fused = bench::take_form(argc, argv) == "fused";
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  at::set_num_interop_threads(1);
  benchmark::AddCustomContext("form", fused ? "fused" : "plain");
  benchmark::AddCustomContext("libtorch", TORCH_VERSION);
  for (const Workload& w : workloads()) add(w, fused);
  for (const int threads : {1, 2}) {
    benchmark::RegisterBenchmark(
        ("Loss/binary_cross_entropy/threads:" + std::to_string(threads)).c_str(),
        [threads](benchmark::State& state) { loss_kernel(state, threads); })
        ->Unit(benchmark::kMillisecond);
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
