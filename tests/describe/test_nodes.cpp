// SPDX-License-Identifier: Apache-2.0
// The nodes of every sharing architecture: their shapes, and cuts to some rows of their outputs.
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <string_view>
#include <vector>

#include "describe/sharing_models.hpp"
#include "espalier/exec/inference.hpp"
#include "espalier/exec/random_batch.hpp"
#include "support/worst.hpp"

using namespace espalier_test;

namespace {

using Values = std::vector<double>;

template <class... Ops>
struct ShapesOf {
  /// Whether the shape of the node's operation, one of Ops, accepts the node.
  static bool hold(const esp::Node& node) {
    bool known = false, holds = false;
    const auto ask = [&]<class Op>(const Op*) {
      if (node.op != esp::op_id<Op>) return;
      known = true;
      holds = Op::Shape::holds(node);
    };
    (ask(static_cast<const Ops*>(nullptr)), ...);
    CHECK_MESSAGE(known, "add the operation to Shapes");
    return holds;
  }
};
using Shapes =
    ShapesOf<esp::ops::Activate, esp::ops::Add, esp::ops::AttentionPool, esp::ops::BatchMoments,
             esp::ops::BatchNormalize, esp::ops::Broadcast, esp::ops::Calibrate, esp::ops::Copy,
             esp::ops::Dense, esp::ops::DomainDense, esp::ops::DoublyRobust, esp::ops::Dropout,
             esp::ops::Embedding, esp::ops::GateDropout, esp::ops::GateLoad,
             esp::ops::InversePropensity, esp::ops::LayerNorm, esp::ops::LoadBalance, esp::ops::Mix,
             esp::ops::MixOnto, esp::ops::MixtureLogit, esp::ops::Multiply, esp::ops::NumericInput,
             esp::ops::ProductLogit, esp::ops::Route, esp::ops::Select, esp::ops::Softmax,
             esp::ops::Stitch>;

}  // namespace

TEST_CASE("architectures: no node can have one more value, step or parameter unnoticed") {
  for (const Entry& model : models()) {
    CAPTURE(model.name);
    for (const esp::Node& node : model.program.plan.nodes) {
      CAPTURE(node.name.view());
      CHECK(Shapes::hold(node));
      const auto check = [&](auto change) {
        esp::Node wrong = node;
        change(wrong);
        CHECK_FALSE(Shapes::hold(wrong));
      };
      if (node.in.exists()) {
        check([](esp::Node& n) { ++n.in.rows; });
        check([](esp::Node& n) { n.in.steps = n.in.steps.most + 1; });
      } else {
        check([](esp::Node& n) { n.out.rows = 0; });
      }
      if (node.in2.exists()) {
        check([](esp::Node& n) { ++n.in2.rows; });
        check([](esp::Node& n) { n.in2.steps = n.in2.steps.most + 1; });
      }
      for (std::size_t p = 0; p < node.parameters.size(); ++p) {
        if (node.parameters[p].exists()) check([p](esp::Node& n) { ++n.parameters[p].size; });
      }
    }
  }
}

TEST_CASE("architectures: a node cut to some rows of its output computes these as the whole one") {
  const esp::Index samples = 5;
  const std::vector<std::string_view> without{"packed_weights", "memory_reuse"};
  const auto difference = [](const Values& a, const Values& b) {
    double worst = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
      espalier_test::keep_worst(worst, std::abs(a[i] - b[i]));
    return worst;
  };
  std::set<std::string_view> cut_operations;
  for (const Entry& model : models()) {
    CAPTURE(model.name);
    const esp::PlanView& plan = model.program.plan;
    const std::vector<esp::Index> vocabularies(esp::vocabulary_count(plan), 5);
    const esp::RandomBatch<double> data(plan, samples, vocabularies, 3);
    esp::Parameters<double> parameters(plan, vocabularies);
    esp::Random random(4);
    for (double& v : parameters.dense) v = random.uniform(0.1, 1);
    const esp::InferenceExecutor<double> executor(model.program, parameters, without);
    auto workspace = executor.make_workspace(samples);
    workspace.values.fill(0);
    // Afterwards all values of the forward pass are in the workspace.
    executor.each_microbatch(data.batch(), workspace, [&](auto c) {
      const Values values(workspace.values.begin(), workspace.values.end());
      Values gradients(values.size());
      for (double& v : gradients) v = random.uniform(-1, 1);
      /// What `run` leaves of activations, of their gradients, and of those of parameters.
      const auto after = [&](const auto& start, const auto& run) {
        std::array<Values, 3> made{values, gradients, Values(parameters.dense.size())};
        c.values = made[0].data();
        c.gradients = made[1].data();
        c.parameter_gradients = made[2].data();
        start();
        run();
        return made;
      };
      for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
        esp::Node whole = plan.nodes[i];
        const auto slice_rows = model.program.traits[i].slice_rows;
        if (slice_rows == nullptr) continue;
        CAPTURE(whole.name.view());
        whole.accumulate_in = whole.accumulate_in2 = true;
        const auto& operation = model.program.operations[i];
        for (int first = 0; first < whole.out.rows; ++first) {
          for (int rows = 1; first + rows < whole.out.rows + (first > 0 ? 1 : 0); ++rows) {
            CAPTURE(first);
            CAPTURE(rows);
            esp::Node cut = whole;
            const esp::Block part = whole.out.slice(first, rows);
            if (!slice_rows(plan, cut, part)) continue;
            cut_operations.insert(operation.name);
            const auto forward = after(
                [&] {
                  const auto y = c.value(part);
                  for (esp::Index j = 0; j < y.cols; ++j) {
                    for (esp::Index r = 0; r < y.rows; ++r)
                      y(r, j) = std::numeric_limits<double>::quiet_NaN();
                  }
                },
                [&] { operation.forward(cut, c); });
            CHECK(difference(forward[0], values) < 1e-12);
            // Only the part's gradient differs from 0.
            const auto only_part = [&] {
              const auto dy = c.gradient(whole.out);
              for (esp::Index j = 0; j < dy.cols; ++j) {
                for (esp::Index r = 0; r < dy.rows; ++r) {
                  if (r < first || r >= first + rows) dy(r, j) = 0;
                }
              }
            };
            const auto expected = after(only_part, [&] { operation.backward(whole, c); });
            const auto found = after(only_part, [&] { operation.backward(cut, c); });
            for (std::size_t k = 0; k < found.size(); ++k)
              CHECK(difference(found[k], expected[k]) < 1e-12);
          }
        }
      }
    });
  }
  CHECK(cut_operations == std::set<std::string_view>{"dense", "softmax"});
}
