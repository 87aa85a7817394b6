// expect: espalier: behind a Label's column stand Equals, OneOf, AtLeast, ByName, Standardize, Log1p or AsIs
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
const double weight =
    esp::Task<"click", esp::BinaryCrossEntropy, esp::Label<"clicked", int>>::weight;
