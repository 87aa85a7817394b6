// expect: espalier: a named value is a number, a text (std::string, std::string_view, const char*) or a std::optional of one: of a bool, a char or an enumeration say which number or text is meant
#include "espalier/data/named_value.hpp"
const espalier::NamedValue value("x", u8"text");
