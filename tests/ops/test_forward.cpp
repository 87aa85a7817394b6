// SPDX-License-Identifier: Apache-2.0
// Predictions compared with plain implementations of the same formulas, which look up tensors by
// name.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "espalier/exec/executor.hpp"
#include "espalier/exec/inference.hpp"
#include "espalier/exec/random_batch.hpp"
#include "ops/gradients.hpp"

using namespace espalier_test;

namespace {

using Vector = std::vector<double>;

/// A model's random parameters and plain formulas that use them.
template <class Model>
struct Plain {
  esp::Program<double, esp::Cpu> program = esp::program_of<Model, double, esp::Cpu>();
  std::vector<esp::Index> rows;
  esp::Parameters<double> parameters;

  Plain() {
    rows.assign(esp::vocabulary_count(program.plan), 5);
    parameters = esp::Parameters<double>(program.plan, rows);
    esp::Random random(1);
    for (double& v : parameters.dense)
      v = random.uniform(0.1, 1) * (random.bernoulli(0.5) ? 1 : -1);
    for (esp::Buffer<double>& table : parameters.tables) {
      for (double& v : table) v = random.normal();
    }
    for (const esp::ParameterInfo& t : program.plan.tensors) {
      if (!t.name.view().ends_with("running_variance")) continue;
      for (esp::Index i = 0; i < t.size(); ++i) at(t, i) = random.uniform(0.5, 2);
    }
  }

  double& at(const esp::ParameterInfo& t, esp::Index i) {
    return parameters.dense[static_cast<std::size_t>(t.offset + i)];
  }

  [[nodiscard]] Vector tensor(const std::string& name) const {
    for (const esp::ParameterInfo& t : program.plan.tensors) {
      if (t.name.view() != name) continue;
      const double* begin = parameters.dense.data() + t.offset;
      return {begin, begin + t.size()};
    }
    FAIL("no tensor " << name);
    return {};
  }

  [[nodiscard]] Vector dense(const std::string& name, const Vector& x,
                             esp::Activation act = esp::Activation::relu, bool bias = true) const {
    const Vector w = tensor(name + "weight"),
                 b = bias ? tensor(name + "bias") : Vector(w.size() / x.size(), 0.0);
    Vector y;
    for (std::size_t o = 0; o < b.size(); ++o) {
      double sum = b[o];
      for (std::size_t i = 0; i < x.size(); ++i) sum += w[o * x.size() + i] * x[i];
      y.push_back(esp::activate(act, sum));
    }
    return y;
  }

  [[nodiscard]] Vector layer_norm(const std::string& name, const Vector& x) const {
    const Vector gain = tensor(name + "gain"), shift = tensor(name + "shift");
    double mean = 0, variance = 0;
    for (const double v : x) mean += v / static_cast<double>(x.size());
    for (const double v : x) variance += (v - mean) * (v - mean) / static_cast<double>(x.size());
    Vector y;
    for (std::size_t i = 0; i < x.size(); ++i)
      y.push_back(gain[i] * (x[i] - mean) / std::sqrt(variance + 1e-5) + shift[i]);
    return y;
  }

  [[nodiscard]] Vector batch_norm(const std::string& name, const Vector& x) const {
    const Vector gain = tensor(name + "gain"), shift = tensor(name + "shift"),
                 mean = tensor(name + "running_mean"), variance = tensor(name + "running_variance");
    Vector y;
    for (std::size_t i = 0; i < x.size(); ++i)
      y.push_back(gain[i] * (x[i] - mean[i]) / std::sqrt(variance[i] + 1e-5) + shift[i]);
    return y;
  }

  [[nodiscard]] Vector row(const std::string& table, std::int32_t id) const {
    for (std::size_t t = 0; t < parameters.tables.size(); ++t) {
      if (program.plan.tables[t].name.view() != table) continue;
      const esp::Index width = program.plan.tables[t].width;
      const double* begin = parameters.tables[t].data() + id * width;
      return {begin, begin + width};
    }
    FAIL("no table " << table);
    return {};
  }

  /// The encoded inputs of sample j; `prefix` selects the tables.
  [[nodiscard]] Vector inputs(const esp::Batch<double>& batch, esp::Index j,
                              const std::string& prefix = "") const {
    Vector x;
    const auto number = [&](esp::Index i) { x.push_back(batch.numeric(i, j)); };
    const auto append = [&](const Vector& v) { x.insert(x.end(), v.begin(), v.end()); };
    const auto look_up = [&](const std::string& table, std::size_t field) {
      const esp::IdColumn& ids = batch.ids[field];
      if (ids.offsets == nullptr) return append(row(prefix + "embedding/" + table, ids.ids[j]));
      Vector sum(table == "tags" ? 4 : 2, 0.0);
      const std::int32_t begin = ids.offsets[j], end = ids.offsets[j + 1];
      for (std::int32_t k = begin; k < end; ++k) {
        const Vector r = row(prefix + "embedding/" + table, ids.ids[k]);
        for (std::size_t i = 0; i < sum.size(); ++i)
          sum[i] += r[i] / (table == "tags" ? end - begin : 1);
      }
      append(sum);
    };
    number(0);
    look_up("movie", 0);
    number(1);
    number(2);
    look_up("movie", 1);
    look_up("tags", 2);
    look_up("words", 3);
    look_up("url", 4);
    return x;
  }
};

double sigmoid(double z) { return 1 / (1 + std::exp(-z)); }

/// `expected(plain, batch, j)` returns the tasks' predictions for sample j.
template <class Model, class Expected>
void check_forward(Expected expected) {
  const Plain<Model> plain;
  const esp::Index samples = 33;
  const esp::RandomBatch<double> data(plain.program.plan, samples, plain.rows, 4);
  const esp::InferenceExecutor<double> inference(plain.program, plain.parameters);
  esp::TrainExecutor<double> training(plain.program, plain.rows, samples, 1);
  training.parameters().copy_from(plain.parameters);
  auto workspace = inference.make_workspace();
  std::vector<Vector> a, b;
  std::vector<double*> to_a, to_b;
  for (const esp::TaskInfo& task : plain.program.plan.tasks) {
    a.emplace_back(static_cast<std::size_t>(samples * task.outputs));
    b.emplace_back(a.back().size());
  }
  for (std::size_t k = 0; k < a.size(); ++k) {
    to_a.push_back(a[k].data());
    to_b.push_back(b[k].data());
  }
  inference.run(data.batch(), workspace, to_a);
  training.predict(data.batch(), to_b);
  for (esp::Index j = 0; j < samples; ++j) {
    const std::vector<double> says = expected(plain, data.batch(), j);
    for (std::size_t k = 0; k < a.size(); ++k) {
      CHECK(a[k][static_cast<std::size_t>(j)] == doctest::Approx(says[k]).epsilon(1e-10));
      CHECK(b[k][static_cast<std::size_t>(j)] == doctest::Approx(says[k]).epsilon(1e-10));
    }
  }
}

template <class Sharing>
struct Model : esp::MultiTaskModel<Inputs, Sharing, Click, Buy, Content> {};

/// The predictions of the three towers; `h` has the block that each task reads.
template <class Plain>
Vector towers(const Plain& p, const std::vector<Vector>& h) {
  const auto tower = [&](const std::string& task, const Vector& x) {
    return p.dense(task + "/dense1/", p.dense(task + "/dense0/", x), esp::Activation::identity)[0];
  };
  return {sigmoid(tower("click", h[0])), sigmoid(tower("buy", h[1])), tower("content", h[2])};
}

/// Each task's gated mixture of the experts.
template <class Plain>
std::vector<Vector> mixtures(const Plain& p, const Vector& x, const std::vector<Vector>& experts) {
  std::vector<Vector> mixed;
  for (const char* task : {"click", "buy", "content"}) {
    Vector gate = p.dense(std::string(task) + "/gate/", x, esp::Activation::identity, false),
           sum(experts[0].size(), 0.0);
    double total = 0;
    for (double& g : gate) total += g = std::exp(g);
    for (std::size_t e = 0; e < experts.size(); ++e) {
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += gate[e] / total * experts[e][i];
    }
    mixed.push_back(sum);
  }
  return mixed;
}

}  // namespace

TEST_CASE("forward: shared bottom with every layer") {
  using Encoder = esp::Layers<esp::Dense<8, esp::Activation::gelu>, esp::LayerNorm,
                              esp::Dropout<esp::Rate{0.3}>,
                              esp::Residual<esp::Dense<5, esp::Activation::silu>, esp::Dense<8>>,
                              esp::BatchNorm, esp::Dense<6, esp::Activation::leaky_relu>>;
  check_forward<Model<esp::SharedBottom<Encoder>>>(
      [](const auto& p, const esp::Batch<double>& batch, esp::Index j) {
        Vector h = p.layer_norm("shared/layer_norm1/", p.dense("shared/dense0/", p.inputs(batch, j),
                                                               esp::Activation::gelu));
        const Vector inside =
            p.dense("shared/residual3/dense1/",
                    p.dense("shared/residual3/dense0/", h, esp::Activation::silu));
        for (std::size_t i = 0; i < h.size(); ++i) h[i] += inside[i];
        h = p.dense("shared/dense5/", p.batch_norm("shared/batch_norm4/", h),
                    esp::Activation::leaky_relu);
        return towers(p, {h, h, h});
      });
}

TEST_CASE("forward: nothing shared") {
  check_forward<Model<esp::SingleTask<esp::Mlp<6, 4>>>>(
      [](const auto& p, const esp::Batch<double>& batch, esp::Index j) {
        std::vector<Vector> h;
        for (const std::string task : {"click/", "buy/", "content/"}) {
          const Vector x = p.inputs(batch, j, task);
          h.push_back(p.dense(task + "encoder/dense1/", p.dense(task + "encoder/dense0/", x)));
        }
        return towers(p, h);
      });
}

TEST_CASE("forward: experts of several layers") {
  using Expert = esp::Layers<esp::Dense<6, esp::Activation::tanh>, esp::LayerNorm,
                             esp::Dense<5, esp::Activation::silu>, esp::BatchNorm>;
  check_forward<Model<esp::Mmoe<3, Expert>>>([](const auto& p, const esp::Batch<double>& batch,
                                                esp::Index j) {
    const Vector x = p.inputs(batch, j);
    std::vector<Vector> experts;
    for (int e = 0; e < 3; ++e) {
      const std::string name = "expert" + std::to_string(e) + "/";
      Vector h =
          p.layer_norm(name + "layer_norm1/", p.dense(name + "dense0/", x, esp::Activation::tanh));
      experts.push_back(
          p.batch_norm(name + "batch_norm3/", p.dense(name + "dense2/", h, esp::Activation::silu)));
    }
    return towers(p, mixtures(p, x, experts));
  });
}

TEST_CASE("forward: experts that begin with what they have in common") {
  // Inference ignores dropout: each expert's Dense layer still reads all inputs.
  using Expert = esp::Layers<esp::Dropout<esp::Rate{0.2}>, esp::Dense<5>>;
  check_forward<Model<esp::Mmoe<3, Expert>>>(
      [](const auto& p, const esp::Batch<double>& batch, esp::Index j) {
        const Vector x = p.inputs(batch, j);
        std::vector<Vector> experts;
        for (int e = 0; e < 3; ++e)
          experts.push_back(p.dense("expert" + std::to_string(e) + "/dense1/", x));
        return towers(p, mixtures(p, x, experts));
      });
  check_forward<Model<esp::Mmoe<2, esp::Layers<esp::Dropout<esp::Rate{0.2}>>>>>(
      [](const auto& p, const esp::Batch<double>& batch, esp::Index j) {
        const Vector x = p.inputs(batch, j);
        return towers(p, {x, x, x});  // the gate weights sum to 1
      });
  check_forward<Model<esp::Mmoe<2, esp::Layers<esp::LayerNorm, esp::Dense<5>>>>>(
      [](const auto& p, const esp::Batch<double>& batch, esp::Index j) {
        const Vector x = p.inputs(batch, j);
        std::vector<Vector> experts;
        for (const std::string name : {"expert0/", "expert1/"}) {
          experts.push_back(p.dense(name + "dense1/", p.layer_norm(name + "layer_norm0/", x)));
        }
        return towers(p, mixtures(p, x, experts));
      });
}
