// expect: espalier: Rotary turns pairs of values: the width of a step divided by Heads must be even
#include "espalier/sequences.hpp"
namespace esp = espalier;
using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Tower<4>>;
using Watched = esp::Categorical<"watched", 6, esp::Last<50>>;
using Inputs = esp::Inputs<esp::Sequence<Watched, esp::Transformer<esp::Heads<2>, esp::Rotary>>>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<8>>, Click> {};
esp::Trainer<Model> trainer{{}};
