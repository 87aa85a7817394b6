// expect: espalier: Hstu has no feed-forward part and one place to normalise: FeedForward, FeedForwardActivation, PreNorm and Rotary are options of Transformer
#include "espalier/sequences.hpp"
namespace esp = espalier;
using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Tower<4>>;
using Watched = esp::Categorical<"watched", 4, esp::Last<50>>;
using Inputs = esp::Inputs<esp::Sequence<Watched, esp::Hstu<esp::FeedForward<8>>>>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<8>>, Click> {};
esp::Trainer<Model> trainer{{}};
