// expect: espalier: a task's tower ends in one step of as many values as its loss has outputs
#include "wrong_shape.hpp"
struct Halves {
  using Operations = esp::TypeList<>;
  static constexpr int width(int in) { return in / 2; }
  template <class Builder>
  static constexpr Block fold(Builder&, Block in, int) {
    in.rows = in.stride = in.rows / 2;
    in.steps = 2;
    return in;
  }
};
struct Steps
    : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Layers<esp::Dense<4>, Halves>>, Click> {};
const auto& plan = esp::plan_of<Steps>();
