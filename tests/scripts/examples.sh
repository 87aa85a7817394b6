#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# examples.sh <folder of the example programs>
# The example trainers as a user meets them: options, simulated data, JSON, checkpoints, and ten kinds of broken files,
# each of which must give one line that names what is wrong, and a non-zero exit.
set -euo pipefail
bin=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
unset ESPALIER_DATA
export HOME=$work

fail() {
  printf 'examples.sh: %s\n' "$*" >&2
  exit 1
}

# refuses <text> <command>...: exits with 1, and says one line on standard error that holds the text.
refuses() {
  local text=$1 status=0
  shift
  "$@" >out 2>err </dev/null || status=$?
  [ "$status" = 1 ] || fail "$* exited with $status, expected 1: $(cat err)"
  [ "$(wc -l <err)" = 1 ] || fail "$* said $(wc -l <err) lines, expected 1: $(cat err)"
  grep -qF -- "$text" err || fail "$* said '$(cat err)', expected '$text'"
}

for program in quickstart short_video census_income adult movielens next_item; do
  "$bin/$program" --help >out
  for option in --data --model --balance --epochs --batch-size --learning-rate --seed --threads --checkpoint --json; do
    grep -q -- "$option" out || fail "$program --help does not list $option"
  done
  refuses "--epochs: 0, expected a number, 1 or more" "$bin/$program" --epochs 0
  refuses "--frobnicate" "$bin/$program" --frobnicate
  refuses "nowhere" "$bin/$program" --data nowhere
  refuses "--device: tpu not in {cpu,cuda}" "$bin/$program" --device tpu
done
refuses "scripts/fetch-data census-income" "$bin/census_income"
refuses "scripts/fetch-data adult" "$bin/adult"

# Programs that make up their data.
for program in synthetic_tasks funnel; do
  "$bin/$program" --help >out
  for option in --epochs --patience --batch-size --learning-rate --seed --seeds --threads --json --quiet; do
    grep -q -- "$option" out || fail "$program --help does not list $option"
  done
  refuses "--epochs: 0, expected a number, 1 or more" "$bin/$program" --epochs 0
done
refuses "--exposures" "$bin/funnel" --exposures 10
"$bin/synthetic_tasks" --epochs 1 --seeds 1 --quiet --json >out 2>err || fail "$(cat err)"
tail -n 1 out | grep -q '^{"example":"synthetic_tasks","seeds":1,"results":\[{"correlation":0.5,"shared_bottom":\[[0-9.]*\],"mmoe":\[' ||
  fail "the JSON line is $(tail -n 1 out)"
for threads in 1 3; do
  "$bin/funnel" --exposures 2000 --users 40 --items 20 --epochs 2 --seeds 2 --threads "$threads" --quiet --json >"out$threads" 2>err || fail "$(cat err)"
done
cmp out1 out3 || fail "funnel says other things with three threads"
tail -n 1 out1 | grep -q '^{"example":"funnel","seeds":2,"conversion_rate_error":\[{"model":"clicks_alone","values":\[' || fail "the JSON line is $(tail -n 1 out1)"
"$bin/pareto_toy" --balance equal,mgda --steps 300 --output toy.svg --json | tail -n 1 | grep -q '"mgda":\[' || fail "pareto_toy --json"
grep -q "Pareto front" toy.svg || fail "pareto_toy drew no front"
refuses "--steps" "$bin/pareto_toy" --steps 0
refuses "nowhere" "$bin/pareto_toy" --balance equal --steps 10 --output nowhere/toy.svg

# A few users and films: enough to train on.
mkdir films
ratings() {
  echo userId,movieId,rating,timestamp
  local user film
  for user in $(seq 1 12); do
    for film in $(seq $((1 + user % 2)) 2 40); do echo "$user,$film,$(((user * film) % 5 + 1)).0,$((1000 * user + film * 37 % 101))"; done
  done
}
{
  echo movieId,title,genres
  for film in $(seq 1 40); do echo "$film,\"Film, The $film ($((1950 + film)))\",Drama|Comedy"; done
} >films/movies.csv
ratings >films/ratings.csv

"$bin/movielens" --data films --epochs 2 --checkpoint model.safetensors --log log --predictions p.csv --importance --json >out 2>err </dev/null || fail "$(cat err)"
tail -n 1 out | grep -q '^{"example":"movielens","model":"shared","balance":"equal","precision":"fp32","device":"cpu","seed":1,"epochs":2,.*"train_samples_per_second":.*"tasks":{"watched":{"auc":' ||
  fail "the JSON line is $(tail -n 1 out)"
mv out first
"$bin/next_item" --data films --epochs 2 --ranks ranks.csv --log log --quiet --json >out 2>err </dev/null || fail "$(cat err)"
tail -n 1 out | grep -q '"tasks":{"next":{"ndcg@10":.*"baseline":{"popularity":{"ndcg@10":.*"item_knn":' || fail "the JSON line is $(tail -n 1 out)"
[ "$(head -n 1 ranks.csv)" = userId,model,popularity,item_knn ] || fail "ranks of other columns: $(head -n 1 ranks.csv)"
[ "$(wc -l <ranks.csv)" = 13 ] || fail "ranks of $(wc -l <ranks.csv) lines"
refuses "--encoder is required" "$bin/language"
refuses "nowhere" "$bin/language" --encoder nowhere --data nowhere
for file in model.safetensors log/history.jsonl log/curves.svg log/calibration.svg log/confusion.svg log/importance.svg; do [ -s "$file" ] || fail "no $file"; done
[ "$(head -n 1 p.csv)" = userId,movieId,watched,liked,rating ] || fail "predictions of other columns: $(head -n 1 p.csv)"
[ "$(grep -c '^[0-9]*,[0-9]*,0\.[0-9e-]*,0\.[0-9e-]*,-*[0-9.e-]*$' p.csv)" = $(($(wc -l <p.csv) - 1)) ] || fail "predictions: $(head p.csv)"
grep -q "^predictions of $(($(wc -l <p.csv) - 1)) rows: p.csv$" first || fail "no word of the predictions: $(cat first)"
grep -q '^watched: auc [0-9.]*  *worse by  *95 % interval$' first || fail "no importance: $(cat first)"
[ ! -e log/diagnosis.jsonl ] || fail "diagnosis.jsonl without --diagnose"
"$bin/movielens" --data films --epochs 1 --model mmoe --diagnose=1 --explain --log measured --quiet >explained 2>err </dev/null || fail "$(cat err)"
grep -q "^microbatch  *backward  *dense" explained || fail "no steps: $(cat explained)"
grep -q '"gradient_cosine/all/watched~rating":.*"gate/gates/rating/entropy":' measured/diagnosis.jsonl || fail "no cosines and gates in diagnosis.jsonl"
[ -s measured/diagnosis.svg ] || fail "no diagnosis.svg"
refuses "--diagnose" "$bin/movielens" --data films --diagnose=0
refuses "--learning-rate: 0, expected a number, above 0" "$bin/movielens" --data films --learning-rate 0
refuses "--seed: -1, expected a number, 0 or more" "$bin/movielens" --data films --seed -1
refuses "--resamples is 1" "$bin/movielens" --data films --resamples 1
refuses "--checkpoint is for the training of one model" "$bin/movielens" --data films --compare --checkpoint kept.safetensors
refuses "--predictions is for the training of one model" "$bin/movielens" --data films --compare --predictions p.csv
refuses "--summary is for the training of one model" "$bin/movielens" --data films --search 2 --summary
refuses "--compare-balances excludes a search" "$bin/movielens" --data films --search 2 --compare-balances equal,mgda
refuses "--seeds is for comparisons" "$bin/movielens" --data films --search 2 --compare --seeds 2
refuses "--seeds is for comparisons" "$bin/movielens" --data films --seeds 7
refuses "--folds is for a search" "$bin/movielens" --data films --folds 5
touch afile
refuses "cannot make folder afile: Not a directory" "$bin/movielens" --data films --epochs 1 --quiet --log afile
same() { sed -e 's/"train_samples_per_second":[^,]*,//' <(tail -n 1 "$1"); }
for threads in 1 2 4; do
  "$bin/movielens" --data films --epochs 2 --threads "$threads" --log log --json --quiet >out 2>err </dev/null
  [ "$(same out)" = "$(same first)" ] || fail "with $threads threads: $(tail -n 1 out), expected $(tail -n 1 first)"
done
"$bin/movielens" --data films --epochs 1 --compare --seeds 2 --quiet >out 2>/dev/null </dev/null
grep -q '^rating *mmoe *rmse' out || fail "no comparison: $(cat out)"
grep -q '^ *[0-9] mmoe *[+-][0-9.]* ± [0-9.]* *watched [+-]' out || fail "no transfer gain: $(cat out)"
(cd runs/movielens/compare && grep -q '"candidate":"mmoe","seed":2,"tasks":{"watched":' transfer.jsonl && [ -s transfer.svg ] && ls transfer/mmoe/events.out.tfevents.* >/dev/null) ||
  fail "no log, picture or events of the transfer gain: $(ls runs/movielens/compare)"

# Models and ways to balance, stopped while a line was written, and gone on with.
both() { "$bin/movielens" --data films --epochs 1 --compare-models shared,mmoe --compare-balances equal,mgda --log both --quiet --json "$@" </dev/null; }
both --seeds 1 >whole 2>err || fail "$(cat err)"
grep -q '^rating *mmoe + mgda *rmse' whole || fail "no comparison of balances: $(cat whole)"
grep -q '"monitor":"loss","validation":[0-9.]' both/runs.jsonl || fail "no monitor in runs.jsonl"
grep -q '^best on the validation split, by loss: ' whole || fail "no choice: $(cat whole)"
grep -q 'Pareto front' both/front.svg || fail "no picture of the front"
head -n 3 both/runs.jsonl >kept && tail -n 1 both/runs.jsonl | head -c 50 >>kept && mv kept both/runs.jsonl
both --seeds 1 --resume >out 2>err || fail "$(cat err)"
[ "$(grep -c '^---' err)" = 1 ] || fail "a comparison that lacks one run of four made $(grep -c '^---' err)"
cmp <(sed '$d' whole) <(sed '$d' out) || fail "a comparison that went on says other things"
sed -i '2s/"validation":[0-9.]*/"validation":null/' both/runs.jsonl
both --seeds 1 --resume >/dev/null 2>err || fail "a run without a validation value stops a comparison: $(cat err)"
"$bin/movielens" --data films --epochs 1 --compare-models shared --weights 1,2,1 --log both --quiet --seeds 1 --resume >/dev/null 2>err </dev/null || fail "$(cat err)"
[ "$(grep -c '^---' err)" = 1 ] || fail "a comparison with other weights took over runs without them"
grep -q '"balance":"weights-1-2-1"' both/runs.jsonl || fail "a run with weights of its own is called otherwise: $(cat both/runs.jsonl)"
refuses "excludes" both --seeds 1 --weights 1,2,1
sed -i '2s/.*/{}/' both/runs.jsonl
refuses "runs.jsonl:2: not a run of a comparison" both --seeds 1 --resume

# A search, which goes on from its scores.
for i in 1 2; do
  "$bin/movielens" --data films --epochs 3 --search 3 --folds 2 --log search --quiet >"found$i" 2>err </dev/null || fail "$(cat err)"
done
cmp found1 found2 || fail "a search that was finished finds something else"
[ "$(wc -l <search/search.jsonl)" = 9 ] || fail "search.jsonl has $(wc -l <search/search.jsonl) lines, expected 9: $(cat search/search.jsonl)"
grep -q "best: trial" search/search.svg || fail "no picture of the search"
found=$(sed -n 's/^the best: //p' found1)
# shellcheck disable=SC2086  # it is several words
"$bin/movielens" --data films --log log --quiet $found >out 2>err </dev/null || fail "with $found: $(cat err)"
[[ "$found" = --learning-rate*" --epochs 3 --batch-size "*" --patience "* ]] || fail "the best is '$found'"
"$bin/movielens" --data films --epochs 2 --search 4 --folds 2 --compare-models shared,mmoe --log types --quiet >out 2>err </dev/null || fail "$(cat err)"
grep -q '^trial  score (lower is better)  *budget  model ' out || fail "no column of models: $(cat out)"
found=$(sed -n 's/^the best: //p' out)
[[ "$found" = "--model shared "* || "$found" = "--model mmoe "* ]] || fail "the best is '$found'"
# shellcheck disable=SC2086
"$bin/movielens" --data films --log log --quiet $found >out 2>err </dev/null || fail "with $found: $(cat err)"
refuses "search.jsonl: line 1: the file is of another search" "$bin/movielens" --data films --search 3 --folds 3 --log search --quiet
refuses "expected neither --balance nor --weights" "$bin/movielens" --data films --search 3 --balance mgda --quiet
refuses "fixed_weights: 1 weights" "$bin/movielens" --data films --weights 1 --quiet

# Broken files.
broken() {
  local text=$1
  refuses "$text" "$bin/movielens" --data films
  ratings >films/ratings.csv
}
ratings | sed '5s/,[0-9.]*,\([0-9]*\)$/,five,\1/' >films/ratings.csv
broken "ratings.csv:5: column 'rating': 'five' is not a number"
ratings | sed '7s/,[^,]*$//' >films/ratings.csv
broken "ratings.csv:7: 3 values, expected 4"
ratings | sed '9s/$/,1/' >films/ratings.csv
broken "ratings.csv:9: 5 values, expected 4"
ratings | sed '3s/^/"/' >films/ratings.csv
broken "ratings.csv:3: "
ratings | sed '4s/^\([0-9]*\),/\1"x,/' >films/ratings.csv
broken "ratings.csv:4: column 'userId': a quote inside"
ratings | sed '1s/rating/stars/' >films/ratings.csv
broken "no column 'rating'"
ratings | sed '1s/rating/userId/' >films/ratings.csv
broken "are both called 'userId'"
: >films/ratings.csv
broken "ratings.csv: the file is empty"
ratings | sed '6s/,/\x00,/' >films/ratings.csv
broken "ratings.csv:6: column 'userId': a NUL byte"
ratings | sed '8s/,[0-9.]*,\([0-9]*\)$/,1e999,\1/' >films/ratings.csv
broken "ratings.csv:8: column 'rating': '1e999'"
ratings | sed '2s/$/\r x/' >films/ratings.csv
broken "ratings.csv:2: "
printf '\xff\xfeu\x00' >films/ratings.csv
broken "UTF-16"
mv films/movies.csv films/elsewhere.csv
broken "no movies.csv"
mv films/elsewhere.csv films/movies.csv
head -c 100 model.safetensors >cut.safetensors.resume
refuses "cut.safetensors.resume" "$bin/movielens" --data films --checkpoint cut.safetensors --resume --quiet

# Without data and network: the simulated feed, and it says so.
"$bin/quickstart" --epochs 1 --json >out 2>err </dev/null || fail "$(cat err)"
grep -q SIMULATED err || fail "a simulated feed is not called so: $(cat err)"
grep -q '^quickstart, mmoe, SIMULATED: test split' out || fail "a simulated feed is not called so: $(cat out)"
tail -n 1 out | grep -q '"data":"simulated feed (seed ' || fail "a simulated feed is not called so: $(tail -n 1 out)"
[ -s runs/quickstart/simulated-mmoe-equal-1/curves.svg ] || fail "no folder for simulated data: $(ls runs/quickstart)"
tail -n 1 out | grep -q '"tasks":{"click":{"auc":0\.[67]' || fail "nothing learnt: $(tail -n 1 out)"
ESPALIER_DATA=$work/dta refuses "ESPALIER_DATA is '$work/dta', which is no folder" "$bin/quickstart" --epochs 1
echo "examples: all as they should"
