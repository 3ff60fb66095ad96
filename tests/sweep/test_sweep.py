"""Sweeps: a verdict at each of many points, the same as `grad`'s."""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from gradcalc import grad
from gradcalc.base.options import Options
from gradcalc.commands import sweep as command
from gradcalc.language.bindings import Binding
from gradcalc.language.parser import parse
from gradcalc.results.report import Verdict
from gradcalc.sweep import sweep
from gradcalc.sweep.points import grid, parse_axis
from gradcalc.sweep.sweep import Sweep

Run = Callable[..., tuple[int, str, str]]


def table(out: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(out)))


def swept(run: Run, *words: str) -> list[dict[str, str]]:
    return table(run("sweep", *words)[1])


# --- Answers --------------------------------------------------------------------------------------


def test_columns_are_the_variables_the_derivatives_and_the_verdict(run: Run) -> None:
    code, out, err = run("sweep", "u**3+v**2+4*u*v", "--over", "u=1:2:2", "--at", "v=1.1")
    assert out == (
        "u,v,value,df/du,df/du symbolic,df/du ulps,df/dv,df/dv symbolic,df/dv ulps,verdict,note\n"
        "1.0,1.1,6.61,7.4,7.4,0,6.2,6.2,0,agree,\n"
        "2.0,1.1,18.01,16.4,16.4,0,10.2,10.2,0,agree,\n"
    )
    assert code == 0
    assert err.startswith("2 points, 2 judged one by one: 2 agree in ")


CASES = {
    "kink": ("abs(x)*y + 2*relu(x)", 3),
    "domain": ("log(x)*sqrt(y)", 3),
    "pole": ("y/x", 3),
    "wrong": ("log(1 + exp(1000*x))*y", 1),
    "saturated": ("tanh(30*x)*y", 0),
    "cancels": ("(1 - cos(x*1e-3))*y", 0),
    "smooth": ("exp(-x*x)*sin(y)", 0),
    "statements": ("a = x*y; b = sin(a); b*a", 0),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("text", "code"), CASES.values(), ids=CASES)
def test_verdicts_are_those_of_grad(run: Run, text: str, code: int, dtype: str) -> None:
    words = ("--over", "x=-1:1:5", "--over", "y=-0.5:2:3", "--dtype", dtype)
    ended, out, _ = run("sweep", text, *words)
    worst = []
    for row in table(out):
        report = grad(text, {"x": row["x"], "y": row["y"]}, dtype=dtype)
        assert row["verdict"] == report.verdict
        worst.append(report.verdict)
        said = [entry for entry in report.entries if entry.verdict is not Verdict.AGREE]
        assert row["note"].count("df/d") == len(said)
        assert all(f"df/d{entry.wrt[0]}: {entry.verdict}" in row["note"] for entry in said)
        for entry in report.entries:
            exact = row[f"df/d{entry.wrt[0]} symbolic"]
            assert (exact == "") == (entry.symbolic is None)
    assert ended == code
    assert len(worst) == 15


#: Formulas of which nearly everything is settled in bulk.
BULK = {
    "outside": "log(u)*v",
    "outside of several": "sqrt(u)*asin(v) + (u + v)**0.3",
    "branch": "where(u > 0, log(u), v)*v",
    "unknown accuracy": "lgamma(u)*v",
    "remainder": "(u % 0.7)*v",
    "cancels": "log(1 + u**2)*cos(u*v)",
    "power": "u**v",
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("text", BULK.values(), ids=BULK)
@pytest.mark.sampled(3)
def test_random_points_are_judged_as_grad_does(text: str, dtype: str) -> None:
    """Many points, of which few are judged by themselves; some of all are asked of `grad`."""
    rng = np.random.default_rng(3)
    chunk = [rng.uniform(-2, 2, 1500) for _ in "uv"]
    options = Options(thorough=False, timeout=10, dtype=dtype)
    made = Sweep(parse(text), ("u", "v"), {}, options)
    (answers,) = made.tables([chunk])
    # Beside rounding that is worth a note, spot checks, and a few.
    assert made.summary.one_by_one <= made.summary.counts[Verdict.ROUNDING] + 8
    for number in rng.choice(1500, 12, replace=False).tolist():
        at = {name: float(answers.columns[name][number]) for name in "uv"}
        report = grad(text, at, dtype=dtype)
        verdict, note = answers.findings.get(number, (Verdict.AGREE, ""))
        assert verdict is report.verdict
        for name, entry in zip(made.names, report.entries, strict=True):
            symbolic = answers.cell(f"{name} symbolic", number)
            assert (symbolic is None) == (entry.symbolic is None)
            if entry.verdict is not Verdict.AGREE:
                assert f"{name}: {entry.verdict}: {entry.note}" in note


def test_power_that_is_whole_only_to_float64_ends_at_0(run: Run) -> None:
    rows = swept(run, "x**(0.1*20)*y", "--over", "x=-2:2:4", "--over", "y=1:2:2")
    assert [row["verdict"] for row in rows] == ["undefined"] * 4 + ["agree"] * 4


def test_hessian_and_wrt(run: Run) -> None:
    (row,) = swept(
        run, "x**3*y*z", "--second-order", "--wrt", "y,x", "--over", "x=2:2:1", "--at", "y=3,z=1"
    )
    numbers = {name: float(row[name]) for name in row if name.startswith("d")}
    assert {name: value for name, value in numbers.items() if " " not in name} == {
        "df/dy": 8,
        "df/dx": 36,
        "d2f/dydy": 0,
        "d2f/dydx": 12,
        "d2f/dxdx": 36,
    }


def test_second_derivative_that_torch_lacks_is_undecided(run: Run) -> None:
    (row,) = swept(run, "hardsigmoid(x)", "--second-order", "--over", "x=5:5:1")
    assert (row["verdict"], row["d2f/dxdx"], row["d2f/dxdx ulps"]) == ("undecided", "", "")
    assert "torch has no such derivative" in row["note"]


def test_ulps_beyond_counting_are_the_numbers_between(run: Run) -> None:
    (row,) = swept(run, "u*tan(pi*v)", "--over", "v=1:1:1", "--at", "u=0.5")
    assert row["verdict"] == "rounding"
    assert re.fullmatch(r"\d\.\d+e\+18", row["df/du ulps"])


def test_float32_points_are_those_that_torch_sees(run: Run) -> None:
    (row,) = swept(run, "x*x", "--dtype", "float32", "--over", "x=0.1:0.1:1")
    assert float(row["x"]) == float(np.float32(0.1))


def test_numbers_round_trip(run: Run) -> None:
    for row in swept(run, "x/3", "--over", "x=0.1:0.9:7"):
        report = grad("x/3", {"x": row["x"]})
        assert float(row["value"]) == report.value
        assert float(row["df/dx symbolic"]) == report.gradients[0].symbolic == 1 / 3


def test_chunks_make_no_difference(run: Run, monkeypatch: Any) -> None:
    words = ("sin(x*y)/x + abs(y)", "--over", "x=-1:1:9", "--over", "y=-1:1:9")
    whole = run("sweep", *words)[1]
    monkeypatch.setattr(sweep, "CHUNK", 7)
    assert run("sweep", *words)[1] == whole


def test_expression_from_standard_input(run: Run) -> None:
    _, out, _ = run("sweep", "-", "--over", "x=1:2:2", stdin="x**2\n")
    assert [row["value"] for row in table(out)] == ["1.0", "4.0"]


# --- Spot checks ----------------------------------------------------------------------------------


def number(end: Binding) -> float:
    return float(end.text[slice(*end.span)])


def asked(text: str, *axes: str) -> tuple[Sweep, list[sweep.Table]]:
    points = grid([parse_axis(axis, number) for axis in axes])
    made = Sweep(parse(text), points.names, {}, Options(thorough=False, timeout=10))
    return made, list(made.tables(points.chunks(50)))


def test_few_points_are_judged_where_all_is_well() -> None:
    made, _ = asked("exp(-x**2)*y", "x=-1:1:20", "y=-1:1:20")
    assert made.summary.total == 400
    # The first point, the last, and the worst of each derivative.
    assert 2 <= made.summary.one_by_one <= 4


def test_false_certificate_is_told(monkeypatch: Any) -> None:
    monkeypatch.setattr(sweep.Vectors, "_certify_rounding", lambda *_: None)
    check = sweep.Vectors.check

    def careless(*args: Any) -> Any:
        checked = check(*args)
        checked.certified[:] = True
        return checked

    monkeypatch.setattr(sweep.Vectors, "check", careless)
    made, tables = asked("abs(x)*y", "x=0:1:3", "y=1:1:1")
    assert made.summary.exit_code == 1
    verdict, note = tables[0].findings[0]
    assert verdict is Verdict.DISAGREE
    assert "judged alone the point is nondifferentiable" in note


def test_false_proof_that_there_is_no_value_is_told(monkeypatch: Any) -> None:
    def careless(_: Any, columns: Any, __: Any) -> Any:
        return columns[0].to(int) * 0 + 1

    monkeypatch.setattr(sweep, "undefined_at", careless)
    made, tables = asked("log(x)", "x=0:1:3")
    assert made.summary.exit_code == 3
    monkeypatch.setattr(sweep.Vectors, "_certify_rounding", lambda *_: None)
    check = sweep.Vectors.check

    def doubtful(*args: Any) -> Any:
        checked = check(*args)
        checked.certified[:] = False
        return checked

    monkeypatch.setattr(sweep.Vectors, "check", doubtful)
    made, tables = asked("log(x)", "x=1:2:3")
    assert made.summary.exit_code == 1
    verdict, note = tables[0].findings[0]
    assert verdict is Verdict.DISAGREE
    assert "the sweep is certain of `undefined`, but judged alone the point is agree" in note


def test_what_torch_does_not_differentiate_is_an_error(run: Run) -> None:
    code, _, err = run("sweep", "x > 1", "--over", "x=0:2:3")
    assert code == 2
    assert "does not require grad" in err


# --- Files ----------------------------------------------------------------------------------------


@pytest.fixture
def points(tmp_path: Path) -> str:
    path = tmp_path / "points.csv"
    path.write_text("v,u\n1.1,1\n0,2\n3,0.5\n")
    return str(path)


def test_points_of_a_file(run: Run, points: str) -> None:
    rows = swept(run, "abs(v)*u", "--points", points)
    assert [(row["u"], row["v"]) for row in rows] == [
        ("1.0", "1.1"),
        ("2.0", "0.0"),
        ("0.5", "3.0"),
    ]
    assert [row["verdict"] for row in rows] == ["agree", "nondifferentiable", "agree"]


def test_answers_in_every_kind_of_file(run: Run, points: str, tmp_path: Path) -> None:
    """The same numbers, whatever the file."""
    code, out, _ = run("sweep", "abs(v)*u", "--points", points)
    rows = table(out)
    for kind in ("csv", "parquet", "npy"):
        name = str(tmp_path / f"out.{kind}")
        assert run("sweep", "abs(v)*u", "--points", points, "-o", name)[:2] == (code, "")
    assert (tmp_path / "out.csv").read_text() == out
    columns = pq.read_table(tmp_path / "out.parquet").to_pydict()
    assert list(columns) == list(rows[0])
    array = np.load(tmp_path / "out.npy")
    assert list(array.dtype.names) == [name for name in rows[0] if name != "note"]
    for number, row in enumerate(rows):
        for name, text in row.items():
            wanted: Any = text if name in {"verdict", "note"} else float(text) if text else None
            assert columns[name][number] == wanted
            if name != "note":
                cell = array[name][number]
                assert np.isnan(cell) if wanted is None else cell == wanted


def test_answers_are_points_again(run: Run, points: str, tmp_path: Path) -> None:
    for kind in ("csv", "parquet", "npy"):
        name = str(tmp_path / f"out.{kind}")
        run("sweep", "v*u", "--points", points, "-o", name)
        assert swept(run, "v*u", "--points", name) == swept(run, "v*u", "--points", points)


@pytest.mark.parametrize("kind", ["csv", "parquet", "npy"])
def test_what_is_answered_before_an_error_can_be_read(
    run: Run, tmp_path: Path, monkeypatch: Any, kind: str
) -> None:
    monkeypatch.setattr(sweep, "CHUNK", 2)
    points, out = tmp_path / "points.csv", tmp_path / f"out.{kind}"
    points.write_text("x\n1\n2\n3\n4\nfive\n")
    code, _, err = run("sweep", "x*x", "--points", str(points), "-o", str(out))
    assert (code, out.exists()) == (2, False)
    partial = tmp_path / f"out.{kind}.partial"
    assert f"{partial} holds" in err
    partial.rename(out)
    # The chunk before the bad one waits for it: it might have been the last.
    assert [row["x"] for row in swept(run, "x", "--points", str(out))] == ["1.0", "2.0"]


def test_array_needs_a_file(run: Run, tmp_path: Path) -> None:
    pipe = tmp_path / "out.npy"
    os.mkfifo(pipe)
    code, _, err = run("sweep", "x", *GRID, "-o", str(pipe))
    assert (code, err.splitlines()[0]) == (
        2,
        f"error: {pipe} is no file; the beginning of this format is written when all is known",
    )


def test_torch_has_one_thread(run: Run, monkeypatch: Any) -> None:
    threads, seen = torch.get_num_threads(), []
    tables = Sweep._table

    def watched(*args: Any, **kwargs: Any) -> Any:
        seen.append(torch.get_num_threads())
        return tables(*args, **kwargs)

    monkeypatch.setattr(Sweep, "_table", watched)
    torch.set_num_threads(3)
    try:
        run("sweep", "x", *GRID)
        assert (seen, torch.get_num_threads()) == ([1], 3)
    finally:
        torch.set_num_threads(threads)


def test_array_grows_by_chunks(run: Run, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(sweep, "CHUNK", 10)
    name = str(tmp_path / "out.npy")
    run("sweep", "x*x", "--over", "x=0:1:95", "-o", name)
    assert np.load(name)["value"].tolist() == [pytest.approx((k / 94) ** 2) for k in range(95)]


# --- Bad input ------------------------------------------------------------------------------------

GRID = ("--over", "x=0:1:3")


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (("x*y", *GRID), "`y` has no value", "--over y=-2:2:101, or --at y=1"),
        (("x", "--over", "z=0:1:3"), "`z` does not occur", "leave it out"),
        (("mass*x", *GRID, "--over", "mas=0:1:3"), "`mas` does not occur", "did you mean `mass`?"),
        (("x", *GRID, *GRID), "`x` is bound twice", "leave one"),
        (("x", *GRID, "--at", "x=1"), "`x` is bound twice", "leave one"),
        (("x*y", *GRID, "--at", "y=[1,2]"), "`y` is a tensor", "gradcalc grad"),
        (("x",), "over the points of one file, or over a grid", "--over x=-2:2:1001"),
        (("x", *GRID, "--points", "p.csv"), "over the points of one file", "--points"),
        (("x", "--over", "x=0:1:0"), "1 or more", "write"),
        (("x", "--over", "x=0:one:3"), "`one` is not known", "pi/4"),
        (("x", "--points", "none.csv"), "there is no file", "name of a file"),
        (("x", "--points", "p.txt"), "of no known kind", ".parquet"),
        (("x", *GRID, "-o", "out.xlsx"), "of no known kind", ".parquet"),
        (("x", *GRID, "-o", "/nowhere/out.csv"), "no such file", ""),
        (("x", *GRID, "--device", "tpu"), "unknown device", "cpu or cuda"),
        (("x", *GRID, "--dtype", "float16"), "unknown dtype", "float32"),
        (("x", *GRID, "--wrt", "y"), "`y` does not occur", "by x"),
        (("x", *GRID, "--timeout", "0"), "no time", "seconds"),
        (("value**2", "--over", "value=0:1:3"), "name of a column", "another name"),
        (("sum([x, x])", *GRID), "programs of numbers alone", "gradcalc grad"),
        (("y = x*1; y += 1; y", *GRID), "nothing in place", "gradcalc grad"),
        (("x, x**2", *GRID), "one result", "one of them"),
        (("x +", *GRID), "something is missing", ""),
        (("x*1.5", "--over", "x=1e200:1e300:3", "--dtype", "float32"), "inf", "finite"),
    ],
)
def test_bad_input_is_one_line(run: Run, words: tuple[str, ...], message: str, hint: str) -> None:
    code, out, err = run("sweep", *words)
    assert (code, out) == (2, "")
    first, *rest = err.splitlines()
    assert first.startswith("error: ")
    assert message in first
    assert hint in "".join(rest)


def test_bad_cell_is_found_where_it_stands(run: Run, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(sweep, "CHUNK", 2)
    path = tmp_path / "p.csv"
    path.write_text("x\n1\n2\n3\n4\nfive\n")
    code, out, err = run("sweep", "x*x", "--points", str(path))
    assert code == 2
    assert f"{path}:6: `x` is no number: 'five'" in err
    # What came before it has been answered.
    assert [row["x"] for row in table(out)] == ["1.0", "2.0"]


def test_answers_do_not_replace_the_points(run: Run, points: str) -> None:
    before = Path(points).read_text()
    link = Path(points).with_name("link.csv")
    link.symlink_to(points)
    for output in (points, str(link)):
        code, _, err = run("sweep", "u*v", "--points", points, "-o", output)
        assert code == 2
        assert "is an input of this run" in err
        assert Path(points).read_text() == before


def test_answers_do_not_replace_a_value(run: Run, tmp_path: Path) -> None:
    value = tmp_path / "v.npy"
    np.save(value, np.array(2.0))
    before = value.read_bytes()
    words = ("sweep", "u*v", "--over", "u=0:1:2", "--at", f"v=@{value}")
    code, _, err = run(*words, "-o", str(value))
    assert (code, value.read_bytes()) == (2, before)
    assert "is an input of this run" in err
    assert run(*words, "-o", str(tmp_path / "out.npy"))[0] == 0
    assert run(*words, "--no-files")[0] == 2


def test_cuda_that_is_not_there_is_told(run: Run, monkeypatch: Any) -> None:
    monkeypatch.setattr(command, "_has_cuda", lambda: False)
    code, _, err = run("sweep", "x", *GRID, "--device", "cuda")
    assert code == 2
    assert "torch finds no CUDA device here" in err


def test_without_pyarrow_parquet_is_told(run: Run, monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    code, _, err = run("sweep", "x", *GRID, "-o", str(tmp_path / "out.parquet"))
    assert code == 2
    assert 'pip install "gradcalc[parquet]"' in err


def test_closed_pipe_ends_quietly() -> None:
    command = (
        f"{sys.executable} -m gradcalc sweep 'x*y' --over x=0:1:100 --over y=0:1:100 | head -1"
    )
    run = subprocess.run(  # noqa: S602 - a shell's pipe is what is tested
        command, shell=True, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.stdout.startswith("x,y,value,df/dx")
    assert run.stderr == ""


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (b"\xef\xbb\xbfu*v\r\n", 0, "2 agree"),
        (b"u*v\xff", 2, "standard input: byte 4 is not UTF-8"),
        (b"", 2, "there is no expression"),
    ],
)
def test_standard_input_is_read_as_that_of_grad(given: bytes, code: int, said: str) -> None:
    words = ["sweep", "-", "--over", "u=0:1:2", "--at", "v=1"]
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-m", "gradcalc", *words], input=given, capture_output=True, check=False
    )
    assert done.returncode == code
    assert said in done.stderr.decode()
    assert b"Traceback" not in done.stderr
