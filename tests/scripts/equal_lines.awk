# SPDX-License-Identifier: Apache-2.0
# awk -v most=11 -f equal_lines.awk FILE…: no more than so many lines in a row stand twice. Blank lines, comments, includes and lines
# of braces alone do not count.
FNR == 1 { count = 0 }
{
  line = $0
  gsub(/^[ \t]+|[ \t]+$/, "", line)
  if (line == "" || line ~ /^\/\// || line ~ /^#include/ || line ~ /^[{}();]+$/) next
  kept[++count] = line
  if (count <= most) next
  window = ""
  for (i = count - most; i <= count; ++i) window = window kept[i] "\n"
  if (window in seen) {
    if (seen[window] != "" ) print FILENAME ":" FNR ": " most + 1 " lines as " seen[window]
    found = 1
  } else {
    seen[window] = FILENAME ":" FNR
  }
}
END { exit found }
