// expect: espalier: fields that share a table must have the same kind, width and buckets
#include "espalier/text.hpp"
namespace esp = espalier;
using Small = esp::Bert<esp::Depth<1>, esp::Width<8>, esp::Heads<2>>;
using Seen = esp::Sequence<esp::Categorical<"topic", 8, esp::Last<8>, esp::SharedTable<"text">>>;
struct Model : esp::MultiTaskModel<esp::Inputs<Seen, esp::Text<"text", Small, esp::Length<8>>>,
                                   esp::SharedBottom<esp::Mlp<4>>,
                                   esp::Task<"click", esp::BinaryCrossEntropy>> {};
esp::Trainer<Model> trainer{{}};
