// expect: espalier: Route gives parts of the width of its groups, as many steps as it takes, and has a gate for each pair of them, at most 4096
#include "wrong_shape.hpp"
struct Wrong : Emits<esp::ops::Route> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    Node n;
    n.in = in;
    n.groups = 2;
    n.parameters[0] = b.tensor("log_alpha", 2, 2, esp::Init::zeros);
    n.out = b.block(6);
    return b.template emit<esp::ops::Route>(n);
  }
};
const auto program = esp::program_of<Model<Wrong>, float, esp::Cpu>();
