// expect: espalier: a sentence that no compiler says, since nothing is wrong here
#include "espalier/core/config.hpp"
