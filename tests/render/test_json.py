"""JSON, as the interface promises it to scripts."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from time import perf_counter
from typing import Any

import pytest
from reports import (
    AGREE,
    CHECKED,
    FAILED,
    REPORTS,
    SECOND_ORDER,
    UNCHECKED,
    UNDEFINED,
    VALUES,
    WRONG,
    draw,
    entry,
    of_tensor,
    tensor,
)

from gradcalc.results.report import Report, nested


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_json_is_strict_and_jsonl_is_the_same_on_one_line(report: Report) -> None:
    def refuse(constant: str) -> None:
        pytest.fail(f"bare {constant}")

    read = json.loads(draw("json", report), parse_constant=refuse)
    line = draw("jsonl", report)
    assert line.count("\n") == 1
    assert json.loads(line) == read
    assert read["expression"] == report.expression


def test_json_has_the_promised_fields_in_order() -> None:
    read = json.loads(draw("json", SECOND_ORDER))
    assert " ".join(read) == (
        "schema expression canonical bindings dtype value verdict gradients hessian "
        "tensors graph value_check warnings error"
    )
    for derivative in (read["gradients"][0], read["hessian"][1]):
        assert " ".join(derivative) == (
            "wrt formula symbolic autograd limit ulps verdict proved blame note"
        )
    assert read["gradients"][0]["wrt"] == "u"
    assert read["hessian"][1]["wrt"] == ["u", "v"]
    read = json.loads(draw("json", AGREE))
    assert " ".join(read["tensors"][0]) == (
        "name shape is_leaf requires_grad retains_grad grad_fn grad"
    )
    assert " ".join(read["graph"][0]) == "id grad_fn source inputs"


def test_json_of_a_batch_begins_with_id_and_line() -> None:
    read = json.loads(draw("json", replace(AGREE, line=3)))
    assert list(read)[:4] == ["schema", "id", "line", "expression"]
    assert read["id"] is None
    read = json.loads(draw("jsonl", replace(AGREE, line=3, id={"n": [math.nan]})))
    assert read["id"] == {"n": ["nan"]}


def test_json_error_says_where() -> None:
    in_batch = {"kind": "name", "message": "unknown function 'sqr'", "line": 3, "column": 1}
    hint = {"hint": "did you mean `sqrt`? try `sqrt(x) + 1`"}
    read = json.loads(draw("json", FAILED))
    assert read["error"] == in_batch | hint
    assert read["value"] is read["verdict"] is None
    assert read["gradients"] == read["graph"] == []
    read = json.loads(draw("json", replace(FAILED, line=None)))
    assert read["error"]["line"] == 1


def test_json_writes_non_finite_numbers_as_strings() -> None:
    read = json.loads(draw("json", UNDEFINED))
    first = read["gradients"][0]
    assert [read["value"], first["symbolic"], first["autograd"]] == ["nan", "inf", "-inf"]


@pytest.mark.parametrize("value", [0.1 + 0.2, 5e-324, 1.7976931348623157e308, 0.1])
def test_json_numbers_round_trip(value: float) -> None:
    assert json.loads(draw("jsonl", replace(AGREE, value=value)))["value"] == value


def test_json_of_a_tensor_is_nested_and_tells_its_findings() -> None:
    changed = {1: {"symbolic": -math.inf}, 4: WRONG, 5: {"formula": None, "limit": None}}
    read = json.loads(draw("json", of_tensor(tensor("x", (2, 3), changed))))["gradients"][0]
    assert " ".join(read) == (
        "wrt formula symbolic autograd limit ulps verdict proved blame note shape findings"
    )
    assert read["formula"][1] == ["2*x[1,0]", "2*x[1,1]", None]
    assert read["symbolic"][0] == [0.0, "-inf", 2 / 7]
    assert read["autograd"][1] == [3 / 7, "nan", 5 / 7]
    assert read["limit"][1][2] is None
    assert read["ulps"] == [[0.0, 0.0, 0.0], [0.0, "inf", 0.0]]
    assert (read["verdict"], read["blame"]) == ("disagree", "autograd")
    assert read["note"] == f"x[1,1]: {WRONG['note']}"
    assert read["shape"] == [2, 3]
    finding = {"verdict": "disagree", "proved": True, "blame": "autograd", "note": WRONG["note"]}
    assert read["findings"] == [{"index": [1, 1]} | finding]


@pytest.mark.parametrize(("changed", "proved"), [({}, True), ({2: CHECKED}, False)])
def test_json_of_a_tensor_is_proved_if_all_entries_are(changed: Any, proved: bool) -> None:
    read = json.loads(draw("json", of_tensor(tensor("x", (2, 2), changed))))["gradients"][0]
    assert (read["proved"], read["findings"]) == (proved, [])


def test_json_tells_what_the_value_is_held_against() -> None:
    assert json.loads(draw("json", UNCHECKED))["value_check"] is None
    whole = {"exact": 6.61, "ulps": 0, "verdict": "agree", "note": None}
    assert json.loads(draw("json", AGREE))["value_check"] == whole
    check = json.loads(draw("json", VALUES))["value_check"]
    assert (check["exact"], check["verdict"]) == (["inf", 1.0], "undefined")


def test_json_of_a_tensor_may_lack_everything() -> None:
    lacking = dict.fromkeys(("formula", "symbolic", "limit"))
    report = of_tensor(tensor("x", (2,), {0: lacking, 1: lacking}))
    read = json.loads(draw("json", report))["gradients"][0]
    assert (read["formula"], read["symbolic"], read["limit"]) == (None, None, None)
    read = json.loads(draw("json", of_tensor(tensor("x", (2, 0)))))["gradients"][0]
    assert (read["formula"], read["autograd"], read["shape"]) == ([[], []], [[], []], [2, 0])


def test_json_of_jacobians_and_hessians_counts_all_axes() -> None:
    report = of_tensor(tensor("x", (2,), {3: WRONG}, output=(3,)))
    read = json.loads(draw("json", report))["gradients"][0]
    assert (read["shape"], read["findings"][0]["index"]) == ([3, 2], [1, 1])
    report = of_tensor(entry("x", "1", 1.0), hessian=(tensor("x", (2,), {2: WRONG}, second=True),))
    read = json.loads(draw("json", report))["hessian"][0]
    assert (read["wrt"], read["shape"]) == (["x", "x"], [2, 2])
    assert read["findings"][0]["index"] == [1, 0]


def test_json_puts_a_row_on_a_line() -> None:
    wide = nested([k / 7 for k in range(200)], (10, 20))
    lines = draw("json", Report("x", bindings=(("x", wide), ("y", ((1.0, 2.0),))))).split("\n")
    assert '    "y": [[1.0, 2.0]]' in lines
    assert sum(line.startswith("      [") for line in lines) == 10


@pytest.mark.parametrize("name", ["json", "jsonl", "csv", "table"])
def test_large_tensor_is_written_in_no_time(name: str) -> None:
    report = of_tensor(tensor("x", (50_000,), {9: WRONG}), value=(0.5,) * 50_000)
    start = perf_counter()
    assert "disagree" in draw(name, report, width=80)
    assert perf_counter() - start < 10
