// expect: espalier test: Halve takes an even number of values
// A rule of a user-defined layer is reported like the library's rules.
#include "wrong_shape.hpp"
struct EvenWidth {
  template <bool Holds, esp::Where At>
  static constexpr void say() {
    static_assert(Holds, "espalier test: Halve takes an even number of values");
  }
};
struct Halve {
  using Operations = esp::TypeList<esp::ops::Copy, EvenWidth>;
  static constexpr int width(int in) { return in / 2; }
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    b.template require<EvenWidth>(in.rows % 2 == 0);
    Node n;
    n.in = in.slice(0, in.rows / 2);
    n.out = b.block(in.rows / 2, in.steps);
    return b.template emit<esp::ops::Copy>(n);
  }
};
struct Odd
    : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Layers<esp::Dense<7>, Halve>>, Click> {};
const auto& plan = esp::plan_of<Odd>();
