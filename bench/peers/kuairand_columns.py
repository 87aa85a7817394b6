# SPDX-License-Identifier: Apache-2.0
"""KuaiRand-Pure as examples/common/kuairand.hpp prepares it, written anew with pandas: rows, splits, and every input of the rows
before. bench/peers/trees_kuairand.py --check holds the two against each other."""
from collections import Counter

import numpy as np
import pandas as pd

from real_data import find_file

FIRST_DAY, VALIDATION_DAY, TEST_DAY = 20220425, 20220505, 20220507
LABELS = ["is_click", "long_view", "log_watch_seconds"]
KEYS = [["user_id"], ["video_id"], ["author_id"], ["first_tag"], ["duration_step"], ["user_id", "tab"],
        ["user_id", "duration_fifth"], ["user_id", "first_tag"]]
SMOOTHING = 20
TWENTIETHS = [9.2, 12.7, 15.3, 20.6, 25.9, 32.1, 39.7, 48.2, 60.9, 70.6,
              85.0, 97.8, 112.7, 130.2, 156.4, 180.2, 212.8, 259.2, 309.7]  # of the videos' seconds


def read(data):
    """The rows in the order in which they are told: by time, then as they stand in the files. Their index is that place."""
    layouts = ["kuairand-pure/KuaiRand-Pure/data", "KuaiRand-Pure/data", "data"]
    first = find_file(data, "kuairand-pure", ["log_standard_0425_0430.csv", "log_standard_4_22_to_5_08_pure.csv"], layouts)
    folder = first.parent
    beside = lambda name: pd.read_csv(find_file(folder, "kuairand-pure", [name]))
    log = [pd.read_csv(first)]
    if "0425" in first.name:
        log.append(beside("log_standard_0501_0508.csv"))
    rows = pd.concat(log).drop_duplicates(["user_id", "video_id", "time_ms"]).reset_index(drop=True)
    rows = rows.sort_values("time_ms", kind="stable")
    users, videos, before = beside("user_features_pure.csv"), beside("video_features_basic_pure.csv"), beside("user_history_before_0425.csv")
    watched, longer, liked = (before[name].fillna("").str.split() for name in ("watch_seq", "long_watch_seq", "like_seq"))
    before = before[["user_id", "history_len", "last_time_ms"]].assign(watched=watched.str.len(), longer=longer.str.len(), liked=liked.str.len())
    for name, lists in (("video_watched", watched), ("video_watched_long", longer)):
        counts = Counter(int(video) for videos_of_one in lists for video in videos_of_one)
        videos[name] = videos.video_id.map(counts).fillna(0)
    place = rows.index
    rows = rows.merge(users, on="user_id", how="left").merge(videos, on="video_id", how="left").merge(before, on="user_id", how="left")
    return derive(rows.set_index(place))


def derive(rows):
    seconds = rows.duration_ms / 1000
    step = np.searchsorted(TWENTIETHS, seconds, side="right")
    return rows.assign(
        hour=rows.hourmin // 100, log_watch_seconds=np.log1p(rows.play_time_ms / 1000), log_duration=np.log1p(seconds),
        duration_step=step, duration_fifth=step // 4, first_tag=rows.tag.astype("string").str.split(",").str[0],
        long_share=(rows.longer.fillna(0) + 0.3 * 3) / (rows.watched.fillna(0) + 3), history_age=rows.time_ms - rows.last_time_ms,
        video_long_share=(rows.video_watched_long + 0.4 * 5) / (rows.video_watched + 5))


def splits(rows):
    return ((FIRST_DAY <= rows.date) & (rows.date < VALIDATION_DAY), (VALIDATION_DAY <= rows.date) & (rows.date < TEST_DAY),
            rows.date >= TEST_DAY)


def earlier_days(rows):
    """A row of a day knows the rows told before it that are of earlier days: day by day, running sums in which only those count."""
    made = {}
    values = rows[LABELS].assign(rows=1.0)
    for keys in KEYS:
        key = rows.groupby(keys, dropna=False, sort=False).ngroup()
        known, overall = [], []
        for day in sorted(rows.date.unique()):
            earlier = values.where(rows.date < day, 0.0)
            now = rows.date == day
            known.append(earlier.groupby(key).cumsum()[now])
            overall.append(earlier.cumsum()[now])
        known, overall = pd.concat(known).loc[rows.index], pd.concat(overall).loc[rows.index]
        by = "_by_" + "_".join(keys)
        made["count" + by] = known.rows
        for label in LABELS:
            mean = overall[label] / overall.rows
            made[f"mean_{label}{by}"] = (known[label] + SMOOTHING * mean) / (known.rows + SMOOTHING)
    return pd.DataFrame(made)


def session(rows):
    """Of this user until now, labels apart."""
    time = rows.groupby("user_id").time_ms
    return pd.DataFrame({
        "since_previous_by_user_id": rows.time_ms - time.shift(1), "since_previous_2_by_user_id": rows.time_ms - time.shift(2),
        "earlier_rows_by_user_id_date": rows.groupby(["user_id", "date"]).cumcount(),
        "earlier_rows_by_user_id_video_id": rows.groupby(["user_id", "video_id"]).cumcount()})


def static(rows):
    """What is known of user, video and place whatever has happened. Ids of users, videos and authors, which trees do not take well,
    are left out; texts are numbered in their order."""
    kept = ["tab", "hour", "user_active_degree", "is_lowactive_period", "is_live_streamer", "is_video_author", "follow_user_num_range",
            "fans_user_num_range", "friend_user_num_range", "register_days_range", *(f"onehot_feat{i}" for i in range(18)),
            "follow_user_num", "fans_user_num", "friend_user_num", "register_days", "video_type", "upload_type", "music_type",
            "first_tag", "log_duration", "watched", "longer", "liked", "history_len", "long_share", "history_age", "video_watched",
            "video_watched_long", "video_long_share"]
    numbered = lambda column: column if pd.api.types.is_numeric_dtype(column) else column.astype("category").cat.codes
    return rows[kept].apply(numbered)
