#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Kills a program that writes checkpoints, at random moments; the file must be a whole old or a whole new one each time.
#   kill_checkpoint.sh <program made of tests/model/kill_checkpoint.cpp> [times, 200]
set -eu
program=$1
times=${2:-200}
folder=$(mktemp -d "${TMPDIR:-/tmp}/espalier_kill.XXXXXX")
writer=
trap '[ -z "$writer" ] || kill -9 "$writer" 2>/dev/null || true; rm -rf "$folder"' EXIT
file=$folder/model.safetensors

"$program" once "$file"
last=1 halfway=0 moved=0
for ((i = 1; i <= times; ++i)); do
  "$program" write "$file" &
  writer=$!
  sleep "0.0$(printf '%02d' $((RANDOM % 60)))"
  kill -9 "$writer"
  wait "$writer" 2>/dev/null || true
  writer=
  set -- "$folder"/model.safetensors.tmp-*
  [ ! -e "$1" ] || halfway=$((halfway + 1))
  if [ $# -gt 1 ]; then
    echo "kill $i: $# temporary files, those of earlier writers were not removed" >&2
    exit 1
  fi
  version=$("$program" check "$file") || { echo "kill $i: the checkpoint is damaged" >&2; exit 1; }
  if [ "$version" -lt "$last" ]; then
    echo "kill $i: version $version after version $last" >&2
    exit 1
  fi
  [ "$version" -eq "$last" ] || moved=$((moved + 1))
  last=$version
done

if [ "$halfway" -eq 0 ] || [ "$moved" -eq 0 ]; then
  echo "no kill came in the middle of a write ($halfway) or after one ($moved): this showed nothing" >&2
  exit 1
fi
"$program" once "$file"
set -- "$folder"/*
if [ $# -ne 1 ]; then
  echo "left behind: $*" >&2
  exit 1
fi
echo "$times kills, $halfway in the middle of a write: every time a whole checkpoint, of version $last at the end"
