// expect: espalier: Stitch gives parts of the width of its groups, as many steps as it takes, and has a weight for each pair of them
#include "wrong_shape.hpp"
struct Wrong : Emits<esp::ops::Stitch> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    Node n;
    n.in = in;
    n.groups = 2;
    n.parameters[0] = b.tensor("weight", 2, 2, esp::Init::stitch);
    n.out = b.block(4);
    return b.template emit<esp::ops::Stitch>(n);
  }
};
const auto program = esp::program_of<Model<Wrong>, float, esp::Cpu>();
