// expect: espalier: AttendSteps takes steps of twice as many values as it gives, a multiple of its heads, and has a query of these values and a cache of one value per head and step
#include "espalier/kernels/cpu/target_attention.hpp"
#include "espalier/ops/attention.hpp"
#include "wrong_shape.hpp"
struct Wrong : Emits<esp::ops::AttendSteps> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block, int) {
    Node n;
    n.in = b.block(8);
    n.parameters[0] = b.tensor("query", 1, 5, esp::Init::zeros);
    n.cache = b.block(1);
    n.out = b.block(4);
    return b.template emit<esp::ops::AttendSteps>(n);
  }
};
const auto program = esp::program_of<Model<Wrong>, float, esp::Cpu>();
