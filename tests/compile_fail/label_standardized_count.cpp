// expect: espalier: this loss takes labels as they are: Standardize and Log1p are for losses of numbers that scale their labels, such as MeanSquaredError
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
const double weight =
    esp::Task<"shares", esp::Poisson, esp::Label<"shares", esp::Standardize>>::weight;
