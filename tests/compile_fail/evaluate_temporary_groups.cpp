// expect: espalier: weights and groups of EvaluateOptions are views: give a vector that lives as long, not a temporary one
#include <vector>

#include "espalier/metrics/evaluate.hpp"
const espalier::EvaluateOptions options{.groups = std::vector<int>{1, 2}};
