// expect: espalier: after a Text's Length stands how its tokens become one vector
#include "espalier/text.hpp"
namespace esp = espalier;
using Small = esp::Bert<esp::Depth<1>, esp::Width<8>, esp::Heads<2>>;
using Field = esp::Text<"text", Small, esp::Length<8>, esp::Dense<4>>;
constexpr auto info = Field::info();
