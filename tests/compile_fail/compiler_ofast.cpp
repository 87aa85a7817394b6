// expect: espalier: NaN marks missing values: compile without -ffast-math, -Ofast, -ffinite-math-only
// flags: -Ofast -w
// lines: 9
#include <espalier/espalier.hpp>
