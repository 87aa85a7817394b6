// expect: espalier: the model has an operation that this device cannot run yet: docs/gpu.md lists them
#include "espalier/ops/cuda/program.hpp"
#include "espalier/sequences.hpp"
namespace esp = espalier;
using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Tower<4>>;
using Inputs = esp::Inputs<esp::Sequence<esp::Categorical<"watched", 4, esp::Last<50>>>>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<8>>, Click> {};
const auto program = esp::program_of<Model, float, esp::Cuda>();
