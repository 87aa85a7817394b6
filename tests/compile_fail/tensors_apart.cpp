// expect: espalier: tensors that are read as one matrix are made one behind the other
#include "wrong_shape.hpp"
struct Apart : Emits<esp::ops::Dense> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    Node n;
    n.in = in;
    n.parameters[0] = b.tensor("first", 1, in.rows + 1, esp::Init::zeros);
    b.align();
    b.join(n.parameters[0], b.tensor("second", 1, in.rows + 1, esp::Init::zeros));
    n.out = b.block(2);
    return b.template emit<esp::ops::Dense>(n);
  }
};
const auto& plan = esp::plan_of<Model<Apart>>();
