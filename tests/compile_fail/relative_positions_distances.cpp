// expect: espalier: RelativePositions needs at least one distance
#include "espalier/sequences.hpp"
namespace esp = espalier;
using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Tower<4>>;
using Watched = esp::Categorical<"watched", 6, esp::Last<50>>;
using Inputs = esp::Inputs<esp::Sequence<Watched, esp::Transformer<esp::RelativePositions<0>>>>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<8>>, Click> {};
esp::Trainer<Model> trainer{{}};
