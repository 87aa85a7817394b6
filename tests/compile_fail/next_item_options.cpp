// expect: espalier: the options of NextItem are Sampled{...} and NewItems{}
#include "espalier/sequences.hpp"

namespace esp = espalier;

using Next = esp::NextItem<"film", 512>;
constexpr auto name = Next::name;
