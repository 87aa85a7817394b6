// expect: espalier: the model has an operation that this device cannot run yet: docs/gpu.md lists them
#include "espalier/describe/model.hpp"
#include "espalier/ops/cuda/program.hpp"
namespace esp = espalier;
using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<4>>;
struct Model
    : esp::MultiTaskModel<esp::Inputs<esp::Numeric<"age">>,
                          esp::SharedBottom<esp::Layers<esp::Dense<8>, esp::BatchNorm>>, Click> {};
const auto program = esp::program_of<Model, float, esp::Cuda>();
