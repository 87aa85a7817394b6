// expect: espalier: Broadcast has a parameter for each value that it gives
#include "wrong_shape.hpp"
struct Wrong : Emits<esp::ops::Broadcast> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    Node n;
    n.parameters[0] = b.tensor("value", 7, 0, esp::Init::zeros);
    n.out = b.block(8);
    return b.template emit<esp::ops::Broadcast>(n);
  }
};
const auto program = esp::program_of<Model<Wrong>, float, esp::Cpu>();
