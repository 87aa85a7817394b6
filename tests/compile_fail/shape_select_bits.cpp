// expect: espalier: Select takes groups of bits and a row for each group, and gives a weight for each number of so many bits, 8 at most
#include "wrong_shape.hpp"
struct Wrong : Emits<esp::ops::Select> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block, int) {
    Node n;
    n.groups = 1;
    n.in = b.block(10);  // nine bits and one row for the group
    n.out = b.block(512);
    return b.template emit<esp::ops::Select>(n);
  }
};
const auto program = esp::program_of<Model<Wrong>, float, esp::Cpu>();
