// expect: espalier: the one option behind a task's tower is Label
#include "espalier/espalier.hpp"
namespace esp = espalier;
const auto column = esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<8>,
                              esp::Dropout<esp::Rate{0.1}>>::column;
