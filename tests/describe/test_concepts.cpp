// SPDX-License-Identifier: Apache-2.0
// Which types are accepted as parts of a model; a single layer where layers are expected.
#include <doctest/doctest.h>

#include <string>

#include "describe/sharing_models.hpp"

namespace esp = espalier;
using namespace espalier_test;

namespace {

struct OwnLayer {
  using Operations = esp::TypeList<esp::ops::Copy>;
  static constexpr int width(int in) { return in; }
  template <class Builder>
  static constexpr esp::Block fold(Builder& b, esp::Block in, int) {
    esp::Node node;
    node.in = in;
    node.out = b.block(in.rows);
    return b.template emit<esp::ops::Copy>(node);
  }
};

struct OwnExperts : esp::Layers<esp::Dense<6>, esp::LayerNorm> {};

struct OwnSharing {
  using Operations = esp::TypeList<>;
  static constexpr std::string_view name = "own";
  template <class InputsType, class... Tasks, class Builder>
  static constexpr std::array<esp::Block, sizeof...(Tasks)> fold(Builder& b) {
    std::array<esp::Block, sizeof...(Tasks)> out{};
    out.fill(InputsType::fold(b));
    return out;
  }
};

struct NotMade : OwnSharing {
  explicit NotMade(int);
};

struct OwnInputs : Inputs {};
struct OwnTask : Click {};
struct OwnModel : esp::MultiTaskModel<OwnInputs, OwnSharing, OwnTask> {};
struct Declared;

static_assert(esp::IsLayer<OwnLayer> && esp::IsLayer<esp::Dropout<>> && esp::IsLayer<esp::Mlp<4>> &&
              esp::IsLayer<OwnExperts>);
static_assert(!esp::IsLayer<int> && !esp::IsLayer<Inputs> && !esp::IsLayer<OwnSharing> &&
              !esp::IsLayer<Click>);
static_assert(esp::IsInputs<Inputs> && esp::IsInputs<OwnInputs> && !esp::IsInputs<esp::Mlp<4>> &&
              !esp::IsInputs<OwnModel>);
static_assert(esp::IsField<esp::Numeric<"age">> && !esp::IsField<Inputs>);
static_assert(esp::IsTask<Click> && esp::IsTask<OwnTask> && !esp::IsTask<esp::BinaryCrossEntropy> &&
              !esp::IsTask<OwnModel>);
static_assert(esp::IsSharing<OwnSharing, Inputs, Click> &&
              !esp::IsSharing<esp::Mlp<4>, Inputs, Click>);
static_assert(esp::plan_of<Model<NotMade>>().tasks.size() == 3);
static_assert(esp::IsModel<OwnModel> && !esp::IsModel<Inputs> && !esp::IsModel<int> &&
              !esp::IsModel<Declared>);

/// The names and shapes of all tensors.
template <class M>
std::string tensors() {
  std::string text;
  for (const esp::ParameterInfo& t : esp::plan_of<M>().tensors) {
    text += std::string(t.name.view()) + ' ' + std::to_string(t.rows) + 'x' +
            std::to_string(t.columns) + '\n';
  }
  return text;
}

}  // namespace

TEST_CASE("one layer is an encoder as a row of one is") {
  using One = esp::Dense<5>;
  using Row = esp::Mlp<5>;
  CHECK(tensors<Model<esp::SharedBottom<One>>>() == tensors<Model<esp::SharedBottom<Row>>>());
  CHECK(tensors<Model<esp::SingleTask<One>>>() == tensors<Model<esp::SingleTask<Row>>>());
  CHECK(tensors<Model<esp::Mmoe<3, One>>>() == tensors<Model<esp::Mmoe<3, Row>>>());
  CHECK(tensors<Model<esp::Ple<1, 2, One, One>>>() == tensors<Model<esp::Ple<1, 2, Row, Row>>>());
  CHECK(tensors<Model<esp::Mtan<One>>>() == tensors<Model<esp::Mtan<Row>>>());
  CHECK(tensors<Model<esp::Star<"user", 3, One>>>() == tensors<Model<esp::Star<"user", 3, Row>>>());
  CHECK(tensors<Model<esp::Esmm<One, "click", "buy">>>() ==
        tensors<Model<esp::Esmm<Row, "click", "buy">>>());
  CHECK(tensors<Model<esp::Branches<One, esp::Branch<One, "click">>>>() ==
        tensors<Model<esp::Branches<Row, esp::Branch<Row, "click">>>>());
  CHECK(tensors<Model<esp::SharedBottom<One>>>().rfind(
            "shared/dense0/weight 5x6\nshared/dense0/bias 5x0\n", 0) == 0);
}

TEST_CASE("parts of one's own, by what they have") {
  CHECK(tensors<OwnModel>() ==
        "click/dense0/weight 4x6\nclick/dense0/bias 4x0\nclick/dense1/weight "
        "1x4\nclick/dense1/bias 1x0\n");
  CHECK(tensors<Model<esp::Mmoe<2, OwnExperts>>>().rfind("expert0/dense0/weight 6x6\n", 0) == 0);
  CHECK(esp::plan_of<Model<esp::SharedBottom<esp::Layers<OwnLayer>>>>().nodes.size() > 0);
}
