// expect: espalier: a Label has one of Equals, OneOf, AtLeast and ByName, or transforms of numbers
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
const double weight = esp::Task<"click", esp::BinaryCrossEntropy,
                                esp::Label<"clicked", esp::Equals<"yes">, esp::Log1p>>::weight;
