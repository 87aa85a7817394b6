// expect: espalier: fields that share a table must have the same kind, width and buckets
#include "espalier/espalier.hpp"
namespace esp = espalier;
using Inputs = esp::Inputs<esp::Categorical<"video", 8>, esp::Categorical<"last", 4, esp::SharedTable<"video">>>;
const int width = Inputs::width;
