// expect: espalier: Target names another field of the same Inputs with one value a row: Target<"video_id"> a Categorical<"video_id", 16>
#include "espalier/sequences.hpp"
namespace esp = espalier;
using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Tower<4>>;
using Watched = esp::Categorical<"watched", 4, esp::Last<50>>;
using Inputs =
    esp::Inputs<esp::Categorical<"video", 4>, esp::Sequence<Watched, esp::Target<"film">>>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<8>>, Click> {};
esp::Trainer<Model> trainer{{}};
