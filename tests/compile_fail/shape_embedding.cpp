// expect: espalier: Embedding names its field and table, numbers its look-up with add_lookup, and has no steps
#include "wrong_shape.hpp"
struct Wrong : Emits<esp::ops::Embedding> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    Node n;
    n.field = 0;
    n.table = 0;
    n.out = b.block(8);
    return b.template emit<esp::ops::Embedding>(n);
  }
};
const auto program = esp::program_of<Model<Wrong>, float, esp::Cpu>();
