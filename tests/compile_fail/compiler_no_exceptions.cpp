// expect: espalier: exceptions are needed: compile without -fno-exceptions
// flags: -fno-exceptions
// lines: 9
#include <espalier/espalier.hpp>
