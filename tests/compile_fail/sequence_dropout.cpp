// expect: espalier: Dropout's rate must lie in [0, 1)
#include "espalier/sequences.hpp"
namespace esp = espalier;
using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Tower<4>>;
using Watched = esp::Categorical<"watched", 4, esp::Last<50>>;
using Inputs =
    esp::Inputs<esp::Sequence<Watched, esp::Transformer<esp::SequenceDropout<esp::Rate{1.0}>>>>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<8>>, Click> {};
esp::Trainer<Model> trainer{{}};
