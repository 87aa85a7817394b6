// expect: espalier: behind a task's loss stand Weight{...}, Tower<...> (or Layers<...>{}) and Label<...>, in any order
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
const double weight = esp::Task<"click", esp::BinaryCrossEntropy, 7>::weight;
