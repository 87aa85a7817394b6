// expect: espalier: MixtureLogit takes two blocks of as many values and steps, and gives one value a step
#include "wrong_shape.hpp"
struct Wrong : Emits<esp::ops::MixtureLogit> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    Node n;
    n.in = in.slice(0, 4);
    n.in2 = in.slice(4, 4);
    n.out = b.block(4);
    return b.template emit<esp::ops::MixtureLogit>(n);
  }
};
const auto program = esp::program_of<Model<Wrong>, float, esp::Cpu>();
