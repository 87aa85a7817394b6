// expect: espalier: C++20 is needed: compile with -std=c++20
// flags: -std=gnu++98
// lines: 9
#include <espalier/espalier.hpp>
int main() { return espalier::plan_of<int>().sizes.nodes; }
