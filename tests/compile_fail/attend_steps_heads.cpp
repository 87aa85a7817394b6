// expect: espalier: the heads of Target and AttendSteps divide the width of a step
#include "espalier/sequences.hpp"
namespace esp = espalier;
using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Tower<4>>;
using Watched = esp::Categorical<"watched", 4, esp::Last<50>>;
using Inputs = esp::Inputs<esp::Sequence<Watched, esp::AttendSteps<3>>>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<8>>, Click> {};
esp::Trainer<Model> trainer{{}};
