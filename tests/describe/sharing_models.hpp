// SPDX-License-Identifier: Apache-2.0
// A small model of every sharing method, for tests that apply to all of them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "espalier/describe/model.hpp"
#include "espalier/describe/sharing/all.hpp"
#include "espalier/ops/cpu/program.hpp"
#include "espalier/ops/summary.hpp"

namespace espalier_test {

namespace esp = espalier;

using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<4>>;
using Buy = esp::Task<"buy", esp::BinaryCrossEntropy, esp::Weight{0.7}, esp::Tower<4>>;
using Watch = esp::Task<"watch", esp::MeanSquaredError, esp::Weight{0.5}, esp::Tower<3>>;
/// 6 values: two lookups of width 2 and two numbers.
using Inputs = esp::Inputs<esp::Numeric<"age">, esp::Categorical<"user", 2>, esp::Numeric<"hour">,
                           esp::Categorical<"item", 2>>;
using Act = esp::Layers<esp::Dense<5, esp::Activation::tanh>>;

template <class Sharing>
struct Model : esp::MultiTaskModel<Inputs, Sharing, Click, Buy, Watch> {};

/// Three tasks that follow each other.
using Cart = esp::Task<"cart", esp::BinaryCrossEntropy, esp::Weight{0.7}, esp::Tower<4>>;
template <class Sharing>
struct Chain : esp::MultiTaskModel<Inputs, Sharing, Click, Cart, Buy> {};

/// Which gradients the model stops; finite differences include these.
enum class Stops {
  nothing,
  between_tasks,  ///< checked task by task
  within_task,    ///< compared with PyTorch only
};

struct Entry {
  std::string name;
  esp::Program<double, esp::Cpu> program;
  std::string (*summary)();
  esp::Index parameters;  ///< from the paper's formula, without tables
  std::string golden;     ///< its name in tests/golden/architectures.py
  Stops stops = Stops::nothing;
};

template <class Sharing, template <class> class Of = Model>
Entry entry(esp::Index parameters, std::string golden = "", Stops stops = Stops::nothing) {
  return {std::string(Sharing::name),
          esp::program_of<Of<Sharing>, double, esp::Cpu>(),
          [] { return esp::summary<Of<Sharing>>(); },
          parameters,
          std::move(golden),
          stops};
}

/// Parameters of a Dense layer with `in` inputs and `out` units.
constexpr esp::Index dense(int in, int out) { return in * out + out; }
/// Parameters of the three tasks' towers and heads on `in` inputs each.
constexpr esp::Index towers(int in) {
  return 2 * (dense(in, 4) + dense(4, 1)) + dense(in, 3) + dense(3, 1);
}

inline const std::vector<Entry>& models() {
  using namespace esp;
  static const std::vector<Entry> all{
      entry<SingleTask<Act>>(3 * dense(6, 5) + towers(5)),
      entry<SharedBottom<Act>>(dense(6, 5) + towers(5)),
      entry<Branches<Act, Branch<Mlp<4>, "buy", "click">, Branch<Layers<>, "watch">>>(
          dense(6, 5) + dense(5, 4) + towers(4) + 3, "branches"),
      entry<OneGateMoe<3, Act>>(3 * dense(6, 5) + 3 * 6 + towers(5), "one_gate_moe"),
      entry<Mmoe<3, Act>>(3 * dense(6, 5) + 3 * 3 * 6 + towers(5), "mmoe"),
      entry<Cgc<2, 1, Act>>(7 * dense(6, 5) + 3 * 3 * 6 + towers(5), "cgc"),
      // Two levels of 3 · 2 + 1 experts; in each, three gates over 2 + 1 experts; in the first,
      // also a shared gate over all 7.
      entry<Ple<2, 1, Act, Layers<Dense<4, Activation::tanh>>>>(
          7 * dense(6, 5) + 3 * 3 * 6 + 7 * 6 + 7 * dense(5, 4) + 3 * 3 * 5 + towers(4), "ple"),
      entry<CrossStitch<Act, Layers<Dense<4, Activation::tanh>>>>(
          3 * dense(6, 5) + 9 + 3 * dense(5, 4) + 9 + towers(4), "cross_stitch"),
      // Two levels of 3 · 2 + 1 experts; per task a gate over 7 and two weights; in the first
      // level, also a gate for the shared experts.
      entry<AdaTT<2, 1, Act, Act>>(
          7 * dense(6, 5) + 4 * 7 * 6 + 3 * 2 + 7 * dense(5, 5) + 3 * 7 * 5 + 3 * 2 + towers(5),
          "adatt"),
      entry<AdaTT<1, 0, Act>>(3 * dense(6, 5) + 3 * 3 * 6 + towers(5), "adatt_sp"),
      entry<Stem<2, 1, Act>>(7 * dense(6, 5) + 3 * 7 * 6 + towers(5), "stem", Stops::between_tasks),
      entry<Esmm<Act, "click", "buy">>(dense(6, 5) + towers(5), "esmm"),
      entry<Escm2<Act, Ipw<>, "click", "buy">>(dense(6, 5) + towers(5), "escm2_ipw",
                                               Stops::within_task),
      entry<Escm2<Act, Dr<Weight{0.8}, Floor{0.5}>, "click", "buy">>(
          dense(6, 5) + towers(5) + dense(5, 4) + dense(4, 1), "escm2_dr", Stops::within_task),
      // T: 4 × 4 and bias; V, K, Q: 4 × 4.
      entry<Aitm<Act, "click", "buy">>(dense(6, 5) + towers(5) + dense(4, 4) + 3 * 16, "aitm"),
      entry<Aitm<Mmoe<2, Act>, "buy", "click">>(2 * dense(6, 5) + 3 * 2 * 6 + towers(5) +
                                                dense(4, 4) + 3 * 16),
      entry<Gated<Mmoe<3, Act>, BalancedLoad<Weight{0.3}>>>(3 * dense(6, 5) + 3 * 3 * 6 + towers(5),
                                                            "mmoe_balanced"),
      entry<Gated<OneGateMoe<3, Act>, GateDropout<Rate{0.4}>, BalancedLoad<Weight{0.2}>>>(
          3 * dense(6, 5) + 3 * 6 + towers(5)),
      entry<Gated<Ple<1, 1, Act>, GateDropout<Rate{0.2}>, BalancedLoad<Weight{0.2}>>>(
          4 * dense(6, 5) + 3 * 2 * 6 + towers(5)),
      entry<Gated<Aitm<Mmoe<2, Act>, "buy", "click">, BalancedLoad<Weight{0.2}>>>(
          2 * dense(6, 5) + 3 * 2 * 6 + towers(5) + dense(4, 4) + 3 * 16),
      // Each task masks two blocks: h^1, then h^2 together with its own a^1.
      entry<Mtan<Act, Layers<Dense<4, Activation::tanh>>>>(
          dense(6, 5) + dense(5, 4) + 3 * (2 * dense(5, 5) + dense(4 + 5, 4) + dense(4, 4)) +
              towers(4),
          "mtan"),
      entry<SubNetworkRouting<3, Act, Layers<Dense<4, Activation::tanh>>>>(
          3 * dense(6, 5) + 9 + 3 * dense(5, 4) + 3 * 3 + towers(4), "snr"),
      entry<DselectK<4, 2, Act>>(4 * dense(6, 5) + 3 * 2 * (2 + 1) * 6 + towers(5), "dselect_k"),
      // A gate on the 6 inputs from 2 + 6 values; then per task a layer and its gate from 2 + 6
      // values.
      entry<PepNet<Domain<"item">, Person<"user">, 5>>(
          dense(8, 6) + dense(6, 6) + 3 * (dense(6, 5) + dense(8, 5) + dense(5, 5)) + towers(5),
          "pepnet", Stops::within_task),
      // Levels of 1 + 2 and 1 + 2 + 3 groups of 2 experts with feature gates of rank 3; then the
      // gates and self-gates of each level.
      entry<Home<2, 3, 5, 4, Category<"buy", "click">, Category<"watch">>>(
          3 * 2 * (2 * 6 * 3 + 6 * 5 + 2 * 5) + (2 * 4 + 6) * 6 + 3 * 2 * 6 +
              6 * 2 * (2 * 5 * 3 + 5 * 4 + 2 * 4) + 3 * 6 * 10 + 3 * 2 * 5 + towers(4),
          "home"),
      entry<Home<1, 2, 5, 4, Category<"click", "watch", "buy">>>(
          2 * (2 * 6 * 2 + 6 * 5 + 2 * 5) + (2 + 2) * 6 + 2 * 6 + 5 * (2 * 5 * 2 + 5 * 4 + 2 * 4) +
              3 * 3 * 10 + 3 * 5 + towers(4),
          "home_single"),
      entry<Esmm<Home<2, 1, 3, 3, Category<"cart">, Category<"click">, Category<"buy">>, "click",
                 "cart", "buy">,
            Chain>(4 * 2 * (2 * 6 + 6 * 3 + 2 * 3) + (3 * 4 + 8) * 6 + 4 * 2 * 6 +
                   7 * 2 * (2 * 3 + 3 * 3 + 2 * 3) + 3 * 6 * 6 + 3 * 2 * 3 +
                   3 * (dense(3, 4) + dense(4, 1))),
      // Two gates of hidden width 5 on an embedding of width 3 and the inputs; two critics; the
      // regression task's own tower.
      entry<MetaHeac<3, 2, 3, Act>>(3 * dense(6, 5) + 3 * 3 + 2 * dense(3 + 6, 5) + dense(5, 3) +
                                        dense(5, 2) + 2 * (dense(5, 4) + dense(4, 1)) +
                                        dense(5, 3) + dense(3, 1),
                                    "meta_heac"),
      entry<MetaHeac<2, 3, 4, Layers<Dense<5, Activation::tanh>, Dropout<Rate{0.2}>>>, Chain>(
          2 * dense(6, 5) + 3 * 4 + 2 * dense(4 + 6, 5) + dense(5, 2) + dense(5, 3) +
          3 * (dense(5, 4) + dense(4, 1))),
      entry<Gated<MetaHeac<2, 2, 1, Act>, GateDropout<Rate{0.3}>, BalancedLoad<Weight{0.2}>>>(
          2 * dense(6, 5) + 3 + 2 * dense(1 + 6, 5) + 2 * dense(5, 2) +
          2 * (dense(5, 4) + dense(4, 1)) + dense(5, 3) + dense(3, 1)),
      // Two layers, each with shared weights and weights for each of the 4 items.
      entry<Star<"item", 4, Layers<Dense<5, Activation::tanh>, Dense<4, Activation::silu>>>>(
          5 * (dense(6, 5) + dense(5, 4)) + towers(4), "star"),
      entry<
          Star<"item", 4, Layers<Dense<5, Activation::tanh>, Dense<4, Activation::silu>>, Mlp<3>>>(
          5 * (dense(6, 5) + dense(5, 4)) + towers(4) + dense(6, 3) + 3 * dense(3, 1),
          "star_auxiliary"),
      entry<Star<"item", 4, Layers<Dropout<Rate{0.2}>, Dense<5, Activation::tanh>, LayerNorm>>>(
          5 * dense(6, 5) + 2 * 5 + towers(5)),
      entry<Esmm<Star<"user", 5, Act>, "click", "buy">>(6 * dense(6, 5) + towers(5)),
      entry<Hmoe<Mmoe<2, Act>, "click", "buy">>(2 * dense(6, 5) + 3 * 2 * 6 + towers(5) + 2 * 2 * 5,
                                                "hmoe", Stops::within_task),
      entry<Esmm<Act, "click", "cart", "buy">, Chain>(dense(6, 5) +
                                                      3 * (dense(5, 4) + dense(4, 1))),
      entry<Aitm<Act, "click", "cart", "buy">, Chain>(
          dense(6, 5) + 3 * (dense(5, 4) + dense(4, 1)) + 2 * (dense(4, 4) + 3 * 16)),
      entry<AitmWith<Act, Weight{0}, "buy", "cart", "click">, Chain>(
          dense(6, 5) + 3 * (dense(5, 4) + dense(4, 1)) + 2 * (dense(4, 4) + 3 * 16)),
      entry<Dbmtl<Act, Mlp<4>, Reads<"watch", "buy", "click">, Reads<"click", "buy">>>(
          dense(6, 5) + towers(5) + dense(8, 4) + dense(11, 4) + 1, "dbmtl"),
  };
  return all;
}

}  // namespace espalier_test
