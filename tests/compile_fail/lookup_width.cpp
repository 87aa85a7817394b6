// expect: espalier: a look-up fills as many values as its table is wide
#include "wrong_shape.hpp"
struct Wide : Emits<esp::ops::Embedding> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block, int) {
    Node n;
    n.out = b.block(6);
    n.field = 0;
    n.table = 0;
    b.add_lookup(n);
    return b.template emit<esp::ops::Embedding>(n);
  }
};
const auto program = esp::program_of<Model<Wide>, float, esp::Cpu>();
