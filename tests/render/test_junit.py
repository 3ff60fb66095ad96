"""JUnit's XML: well-formed whatever the user typed, each verdict where CI systems look for it."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from reports import VALUE

from gradcalc.base.errors import GradcalcError, Kind
from gradcalc.render import FORMATS
from gradcalc.results.report import Claim, Derivative, Entry, Report, Verdict

JUNIT = FORMATS["junit"]


def cases(*reports):
    text = JUNIT.header + "".join(map(JUNIT.report, reports)) + JUNIT.footer
    assert text.isascii()
    return ET.fromstring(text).findall("testsuite/testcase")  # noqa: S314 - our own text


def judged(verdict, **fields):
    note = fields.pop("note", None)
    entry = Entry(("x",), None, None, None, None, None, verdict, note=note, proved=True)
    return Report("x", verdict=verdict, gradients=(Derivative(("x",), (), (entry,)),), **fields)


def claiming(correct):
    claim = Claim("x", "2*x", correct, "symbolic" if correct else None, None, None)
    return Report("x**2", verdict=Verdict.UNCHECKED, claims=(claim,))


@pytest.mark.parametrize(
    ("report", "element"),
    [
        (judged(Verdict.AGREE), []),
        (judged(Verdict.ROUNDING), []),
        (judged(Verdict.UNCHECKED), [("skipped", None)]),
        (judged(Verdict.DISAGREE), [("failure", "disagree")]),
        (judged(Verdict.NONDIFFERENTIABLE), [("failure", "nondifferentiable")]),
        (judged(Verdict.UNDEFINED), [("failure", "undefined")]),
        (judged(Verdict.UNDECIDED), [("error", "undecided")]),
        (Report("x +", error=GradcalcError(Kind.SYNTAX, "bad")), [("error", "syntax")]),
        (claiming(correct=True), []),
        (claiming(correct=False), [("failure", "claim")]),
        (claiming(correct=None), [("error", "undecided")]),
    ],
)
def test_case_fails_where_the_exit_code_does(report, element):
    (case,) = cases(report)
    assert [(child.tag, child.get("type")) for child in case] == element
    assert bool(report.exit_code) == bool(element and element[0][0] != "skipped")


def test_case_is_named_by_file_line_and_expression():
    (case, other) = cases(judged(Verdict.AGREE, source="a/b.txt", line=7), judged(Verdict.AGREE))
    assert case.attrib == {"classname": "a/b.txt", "name": "line 7: x"}
    assert other.attrib == {"classname": "gradcalc", "name": "x"}


def test_failure_tells_what_is_wrong_and_warnings():
    (case,) = cases(judged(Verdict.UNDEFINED, note="no value", warnings=("a", "b")))
    assert case[0].text == "x: undefined: no value\na\nb"
    assert case[0].get("message") == "undefined: there is no finite real derivative here (proved)"


def test_failure_of_the_value_alone_says_so():
    (case,) = cases(VALUE)
    assert case[0].get("message").startswith("disagree: torch's value is wrong; every derivative")
    assert case[0].text == f"value: disagree: {VALUE.value_check.note}"


def test_of_a_large_tensor_so_many_entries_are_named():
    entry = judged(Verdict.UNDEFINED).entries[0]
    (case,) = cases(
        Report("x", verdict="undefined", gradients=(Derivative(("x",), (60,), (entry,) * 60),))
    )
    assert case[0].text.splitlines()[-1] == "and 10 more"
    assert len(case[0].text.splitlines()) == 51


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<&>\"'", "<&>\"'"),
        ("]]>", "]]>"),
        ("é√𝜋", "é√𝜋"),
        ("\x00\x1b[31m", "\\x00\\x1b[31m"),
        ("a\nb\tc", "a b c"),
        ("\ud800\ufffe\uffff", "\\ud800\\ufffe\\uffff"),
        ("\u202e\u2028", "\\u202e"),
    ],
    ids=ascii,
)
def test_hostile_text_leaves_the_xml_well_formed(text, shown):
    error = GradcalcError(Kind.SYNTAX, text, hint=text)
    (case,) = cases(Report(text, error=error, source=text, warnings=(text,)))
    assert case.get("name") == case.get("classname") == case[0].get("message") == shown
    assert case[0].text
