# SPDX-License-Identifier: Apache-2.0
# Doxygen joins the lines of a paragraph. What a header's comment indents by two spaces more, a formula mostly, begins
# a line in the reference too, and so does the text behind it.
/^ *\/\/\/   [^ ]/ { sub(/\/\/\/   /, "/// <br>"); formula = 1; print; next }
/^ *\/\/\/    / { print; next }  # what goes on
formula && /^ *\/\/\/ [^ ]/ { sub(/\/\/\/ /, "/// <br>") }
{ formula = 0; print }
