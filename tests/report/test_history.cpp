// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "espalier/report/history.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier;

namespace {

History example() {
  History history;
  history.add({1, 200, {{"train/click/loss", 0.5}, {"odd, \"name\"", std::nan("")}}});
  history.add({2, 400, {{"train/click/loss", 0.1}, {"valid/click/auc", 0.725}}});
  history.add({3, 600, {{"valid/click/auc", std::numeric_limits<double>::infinity()}}});
  return history;
}

std::string message(auto&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("history as JSON lines and CSV") {
  CHECK(example().to_jsonl() ==
        "{\"epoch\":1,\"step\":200,\"train/click/loss\":0.5,\"odd, \\\"name\\\"\":null}\n"
        "{\"epoch\":2,\"step\":400,\"train/click/loss\":0.1,\"valid/click/auc\":0.725}\n"
        "{\"epoch\":3,\"step\":600,\"valid/click/auc\":null}\n");
  CHECK(example().to_csv() ==
        "epoch,step,train/click/loss,\"odd, \"\"name\"\"\",valid/click/auc\n"
        "1,200,0.5,,\n"
        "2,400,0.1,,0.725\n"
        "3,600,,,\n");
  CHECK(History().to_jsonl().empty());
  CHECK(History().to_csv() == "epoch,step\n");
}

TEST_CASE("the rows of a temporary history are the loop's own") {
  std::string epochs;
  for (const HistoryRow& row : example().rows())
    epochs += std::to_string(row.epoch) + ":" + std::to_string(row.step) + " ";
  CHECK(epochs == "1:200 2:400 3:600 ");
}

TEST_CASE("a resumed run goes on with its history") {
  const espalier_test::TemporaryFolder folder;
  for (const char* name : {"a.jsonl", "a.csv"}) {
    CAPTURE(name);
    const std::string path = folder / name;
    example().write(path);
    History history = History::read(path);
    REQUIRE(history.rows().size() == 3);
    CHECK(history.rows()[2].epoch == 3);
    CHECK(history.rows()[1].step == 400);
    CHECK(history.rows()[1].value("valid/click/auc") == 0.725);
    CHECK(std::isnan(history.rows()[0].value("odd, \"name\"")));
    history.truncate(1);
    history.add({2, 400, {{"train/click/loss", 0.25}, {"new", 1}}});
    history.write(path);
    const History again = History::read(path);
    REQUIRE(again.rows().size() == 2);
    CHECK(again.rows()[0].value("train/click/loss") == 0.5);
    CHECK(again.rows()[1].value("train/click/loss") == 0.25);
    CHECK(again.rows()[1].value("new") == 1);
    CHECK(again.columns().front() == "train/click/loss");
  }
}

TEST_CASE("a CSV history reads back as the same bytes, with columns that no row has a number in") {
  const std::string text = "epoch,step,a,b,c\n1,2,,,0.5\n2,4,,1,0.25\n";
  CHECK(History::parse_csv(text).to_csv() == text);
  const std::string odd = "epoch,step,a,\"b\r\"\n1,2,3,4\n";
  CHECK(History::parse_csv(odd).to_csv() == odd);
  const History from_excel = History::parse_csv("epoch,step,a,\"b\r\"\r\n1,2,3,\r\n2,4,5,6\r\n");
  CHECK(from_excel.columns() == std::vector<std::string>{"a", "b\r"});
  CHECK(std::isnan(from_excel.rows()[0].value("b\r")));
  CHECK(from_excel.rows()[1].value("a") == 5);
  CHECK(from_excel.rows()[1].value("b\r") == 6);
  CHECK(message([] { static_cast<void>(History::parse_csv("epoch,step\n,2\n", "f")); }) ==
        "f: line 2: epoch: expected a whole number, found null");
}

TEST_CASE("history files that are none are refused with the line") {
  CHECK(message([] { History().write("run.txt"); }) ==
        "history file 'run.txt': expected a name that ends in .csv or .jsonl");
  CHECK(message([] { static_cast<void>(History::parse_jsonl("{\"epoch\":1}\n[]\n", "f")); }) ==
        "f: line 2: expected an object of numbers, found something else");
  CHECK(message([] { static_cast<void>(History::parse_jsonl("{\"epoch\":1.5}\n", "f")); }) ==
        "f: line 1: epoch: expected a whole number, found 1.5");
  CHECK(message([] { static_cast<void>(History::parse_jsonl("{\"epoch\":1}\n{\"ep", "f")); }) ==
        "f: line 2: byte 1: string without a closing quote");
  CHECK(message([] { static_cast<void>(History::parse_csv("epoch,step\n1\n", "f")); }) ==
        "f: line 2: 1 values, expected 2");
  CHECK(message([] { static_cast<void>(History::parse_csv("epoch,x\n1,y\n", "f")); }) ==
        "f: line 2: x: byte 0: expected a value, found 'y'");
  CHECK(message([] { static_cast<void>(History::parse_csv("epoch,\"x\n1,y\n", "f")); }) ==
        "f: line 1: a quote is not closed");
}
