#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# no_avx_elsewhere.sh <objdump> <object file>
# In a unit that is compiled for the x86-64 baseline, only kernels in the namespaces cpu::avx2 and cpu::avx512 have
# instructions of AVX: a function that another unit may share, a template of the standard library above all, has none.
set -euo pipefail
with_avx=$("$1" --disassemble --demangle --no-show-raw-insn "$2" |
  awk '/^[0-9a-f]+ <.*>:$/ {name = $0; sub(/^[0-9a-f]+ /, "", name)} /\t(v[a-z0-9]+|kmov[bwdq])[ \t]/ {found[name] = 1}
       END {for (name in found) print name}')
kernels=$(grep -c 'espalier::cpu::avx\(2\|512\)::' <<<"$with_avx" || true)
[ "$kernels" -gt 10 ] || { echo "no_avx_elsewhere: $kernels kernels with AVX, expected more than 10" >&2; exit 1; }
if others=$(grep -v 'espalier::cpu::avx\(2\|512\)::' <<<"$with_avx"); then
  printf 'no_avx_elsewhere: AVX in functions that other units share:\n%s\n' "$others" >&2
  exit 1
fi
