// expect: espalier: Sequence reads PastItems, or a categorical or hashed field with Last: Sequence<Categorical<"watched", 16, Last<50>>, ...>, and both have no other use
#include "espalier/sequences.hpp"
namespace esp = espalier;
using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Tower<4>>;
using Inputs = esp::Inputs<esp::Categorical<"watched", 4, esp::Last<50>>>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<8>>, Click> {};
esp::Trainer<Model> trainer{{}};
