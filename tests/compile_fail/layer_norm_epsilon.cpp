// expect: espalier: the epsilon of a layer normalisation must be more than 0
#include "espalier/espalier.hpp"
namespace esp = espalier;
using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Tower<4>>;
using Inputs = esp::Inputs<esp::Numeric<"a">>;
using Encoder = esp::Layers<esp::Dense<4>, esp::LayerNormOf<esp::Epsilon{0}>>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<Encoder>, Click> {};
esp::Trainer<Model> trainer{{}};
