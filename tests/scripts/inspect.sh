#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# inspect.sh <inspect> <inspect_me>
# What examples/inspect prints of a small model's file, of the state of its run, and of files that are none.
set -euo pipefail
inspect=$(realpath "$1") make=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() {
  printf 'inspect.sh: %s\n' "$*" >&2
  exit 1
}

# says <file> <line>: the file has exactly this line.
says() { grep -qFx -- "$2" "$1" || fail "no line '$2' in: $(cat "$1")"; }

refuses() {
  local text=$1 status=0
  shift
  "$inspect" "$@" >out 2>err </dev/null || status=$?
  [ "$status" = 1 ] || fail "$* exited with $status, expected 1"
  [ "$(wc -l <err)" = 1 ] || fail "$* said $(wc -l <err) lines, expected 1: $(cat err)"
  grep -qF -- "$text" err || fail "$* said '$(cat err)', expected '$text'"
}

"$make" m.safetensors
"$inspect" m.safetensors >out
says out "m.safetensors: a model, 232 parameters, 9 tensors"
says out "  sharing                        shared_bottom"
says out "  activation of 'shared/dense0'  relu"
says out "  click  binary_cross_entropy × 1"
says out "  stars  softmax_cross_entropy × 3"
grep -q "^  age     numeric × 1, standardize  *mean 24\.[0-9]*, deviation 2\.[0-9]*, 20 to 28$" out || fail "no normalisation: $(cat out)"
grep -q "^  v       numeric × 2  *mean 1\.[0-9]*, deviation 1\.[0-9]*, 0 to 3; mean 1" out || fail "no vector: $(cat out)"
says out "  friend  categorical × 4, table 'user'"
grep -q "^  user  3 values  .*?\[31mred" out || fail "no vocabulary, or a control character: $(cat -v out)"
says out "  page  none"
says out "  tags  3 values  drama, comedy, caf?"
grep -q "^metrics of epoch [12], validation split$" out || fail "no metrics: $(cat out)"
grep -q "^click  *27 " out || fail "no metrics of click: $(cat out)"
! grep -q "^tensors" out || fail "tensors without --tensors"
! grep -q "^run" out || fail "a model has no run"

"$inspect" m.safetensors --tensors >out
grep -q "^  shared/dense0/weight  \[8, 16\]  F32   128     -0\.[0-9]*  *-*[0-9.e-]*  *0\.[0-9]*  *0$" out || fail "no tensor: $(cat out)"

# The state of the run: more tensors, as many parameters.
"$inspect" m.safetensors.resume >out
grep -q "^m.safetensors.resume: the state of a run, 232 parameters, [0-9]* tensors$" out || fail "$(head -n 1 out)"
says out "  epoch            2"
says out "  batch_size         16"
grep -q "^metrics of epoch [12], validation split$" out || fail "no metrics of the run: $(cat out)"

"$inspect" m.safetensors --vocabulary friend >out
[ "$(sort out | tr '\n' ' ')" = "?[31mred ann bob " ] || fail "the vocabulary is $(cat -v out)"
"$inspect" m.safetensors --vocabulary tags --json >out
says out '["drama","comedy",{"hex":"636166e9"}]'
refuses "m.safetensors: no vocabulary 'age', expected one of 'user', 'page', 'tags'" m.safetensors --vocabulary age

"$inspect" m.safetensors --json --tensors >out
[ "$(wc -l <out)" = 1 ] || fail "JSON of $(wc -l <out) lines"
grep -q '^{"file":"m.safetensors","kind":"model","parameters":232,"model":{"sharing":"shared_bottom",' out || fail "$(cat out)"
grep -q '"tasks":\[{"name":"click","loss":"binary_cross_entropy × 1","label":{"log1p":false,"mean":0,"deviation":1,"classes":\[\],"texts":\[' out || fail "$(cat out)"
grep -q '{"name":"age","kind":"numeric","description":"numeric × 1, standardize","columns":\[{"name":"age","mean":24\.[0-9]*,"deviation":2\.[0-9]*,"least":20,"most":28}\]}' out || fail "$(cat out)"
grep -q '"columns":\[{"name":"v_0",.*"least":0,"most":3},{"name":"v_1",' out || fail "$(cat out)"
grep -q '{"name":"friend","kind":"categorical","description":"categorical × 4, table .user.","table":"user"}' out || fail "$(cat out)"
! grep -q '"lows"\|"highs"\|"labels"' out || fail "raw features: $(cat out)"
grep -q '"vocabularies":\[{"table":"user","values":3,"first":\["' out || fail "$(cat out)"
grep -q '"metrics":{"split":"validation","epoch":[12],"tasks":{"click":{"labelled":27,' out || fail "$(cat out)"
grep -q '{"name":"stars/dense0/bias","shape":\[3\],"type":"F32","values":3,"least":' out || fail "$(cat out)"

# Any safetensors file: a matrix of an infinity, a NaN, −2 and 1.5 in half precision.
header='{"h":{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]},"__metadata__":{"made by":"hand"}}'
{ printf "\\x$(printf %x ${#header})\\0\\0\\0\\0\\0\\0\\0%s" "$header"; printf '\x00\x7c\x01\x7e\x00\xc0\x00\x3e'; } >any.safetensors
"$inspect" any.safetensors --tensors >out
says out "any.safetensors: a safetensors file, 4 values, 1 tensor"
says out "  made by  hand"
says out "  h     [2, 2]  F16   4       -2     -0.25  1.5   2"

refuses "nowhere" nowhere
refuses "is required" --json
refuses "--frobnicate" m.safetensors --frobnicate
head -c 100 m.safetensors >part
refuses "part: " part
echo "words, no tensors, of more than a few bytes" >words
refuses "words: " words
sed 's/"click":{"labelled"/"click":{"lebelled"/; s/\\"click\\":{\\"labelled\\"/\\"click\\":{\\"lebelled\\"/' m.safetensors >odd
refuses "odd: metadata 'metrics' is damaged: its CRC-32C is " odd
echo "inspect: all as it should"
