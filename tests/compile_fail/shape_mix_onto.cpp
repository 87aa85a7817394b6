// expect: espalier: MixOnto takes groups of as many values as it gives, a weight for each group, and as many steps
#include "wrong_shape.hpp"
struct Wrong : Emits<esp::ops::MixOnto> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    Node n;
    n.in = in;
    n.in2 = in.slice(0, 3);
    n.groups = 2;
    n.out = b.block(4);
    return b.template emit<esp::ops::MixOnto>(n);
  }
};
const auto program = esp::program_of<Model<Wrong>, float, esp::Cpu>();
