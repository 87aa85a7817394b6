#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# guide.sh <program of docs/guide.md>
# The guide's program on a file like the guide's: text labels, missing values, an id; from the CSV to a served row.
set -euo pipefail
program=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() {
  printf 'guide.sh: %s\n' "$*" >&2
  exit 1
}

# Users with an even number like what costs less than 50, those with an odd one what costs more.
awk 'BEGIN {
  srand(7); print "user_id,item_id,country,price,outcome,stars,seconds"
  for (i = 0; i < 3000; ++i) {
    user = int(rand() * 40); price = int(rand() * 1000) / 10
    likes = (user % 2 == 0) == (price < 50) ? 0.8 : 0.2
    outcome = rand() < likes ? (rand() < 0.5 ? "bought" : "clicked") : "ignored"
    country = rand() < 0.2 ? "?" : rand() < 0.5 ? "DE" : "FR"
    stars = outcome == "bought" ? 1 + int(likes * 4 + rand() * 1.99 - 0.5) : ""
    seconds = outcome == "ignored" ? "" : 30 + 200 * likes + 20 * rand()
    print user "," "i" int(price / 10) "," country "," (rand() < 0.1 ? "" : price) "," outcome "," (stars > 5 ? 5 : stars) "," seconds
  }
}' >events.csv

"$program" >out 2>err || fail "exited with $?: $(cat err)"
last=$(tail -n 1 out)
[[ $last =~ ^click\ (0\.[0-9]+)\ \ buy\ (0\.[0-9]+)\ \ 1\ stars\ .*\ \ 5\ stars\ .*\ \ ([0-9.]+)\ seconds$ ]] || fail "the last line is '$last'"
# User 77 is new: what it does is between the two kinds of users.
awk -v click="${BASH_REMATCH[1]}" -v seconds="${BASH_REMATCH[3]}" 'BEGIN { exit !(click > 0.1 && click < 0.95 && seconds > 40 && seconds < 260) }' ||
  fail "served: '$last'"
grep -qE '^click +[0-9]+ +0\.[0-9]+ +0\.[7-9]' out || fail "click learnt nothing: $(cat out)"
[ "$(head -n 1 predictions.csv)" = "user_id,item_id,click,buy,stars,stars_1,stars_2,stars_3,stars_4,stars_5,seconds" ] ||
  fail "predictions.csv begins with $(head -n 1 predictions.csv)"
[ "$(wc -l <predictions.csv)" = 301 ] || fail "predictions.csv has $(wc -l <predictions.csv) lines, expected 301"
[ -s curves.svg ] || fail "no curves.svg"
