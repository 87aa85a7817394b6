static_assert(false, "espalier: this file does not say what it expects");
