// expect: espalier: this loss has no kernels for GPUs: it is not one of espalier::cuda (losses/cuda/library.hpp), and no ESPALIER_CUDA_LOSS names it
#include "espalier/describe/model.hpp"
#include "espalier/ops/cuda/program.hpp"
namespace esp = espalier;
using Click =
    esp::Task<"click", esp::BinaryCrossEntropyWith<esp::LabelSmoothing{0.1}>, esp::Tower<4>>;
struct Model
    : esp::MultiTaskModel<esp::Inputs<esp::Numeric<"age">>, esp::SharedBottom<esp::Mlp<8>>, Click> {
};
const auto program = esp::program_of<Model, float, esp::Cuda>();
