// expect: espalier: this loss takes labels as they are: Standardize and Log1p are for squared, absolute and Huber loss
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
const double weight =
    esp::Task<"shares", esp::Poisson, esp::Label<"shares", esp::Standardize>>::weight;
