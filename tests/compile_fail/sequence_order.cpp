// expect: espalier: a Sequence has a source, then layers, then NextStep if its steps are to predict, then at most one way to pool its steps: Sequence<Source, Gru<32>, Target<"video_id">>
#include "espalier/sequences.hpp"
namespace esp = espalier;
using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Tower<4>>;
using Watched = esp::Categorical<"watched", 4, esp::Last<50>>;
using Inputs = esp::Inputs<esp::Sequence<Watched, esp::LastStep, esp::Gru<4>>>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<8>>, Click> {};
esp::Trainer<Model> trainer{{}};
