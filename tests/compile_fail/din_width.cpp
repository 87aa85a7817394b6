// expect: espalier: Din compares a step with a candidate of the same width: give both fields, or a Dense before it, that many values
#include "espalier/sequences.hpp"
namespace esp = espalier;
using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Tower<4>>;
using Watched = esp::Categorical<"watched", 6, esp::Last<50>>;
using Inputs =
    esp::Inputs<esp::Categorical<"video", 4>, esp::Sequence<Watched, esp::Din<"video", 8>>>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<8>>, Click> {};
esp::Trainer<Model> trainer{{}};
