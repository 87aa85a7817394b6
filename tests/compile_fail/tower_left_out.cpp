// expect: espalier: a task's tower, its fourth argument, is Tower or Layers
#include "espalier/espalier.hpp"
namespace esp = espalier;
const double weight = esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Label<"clicked">>::weight;
