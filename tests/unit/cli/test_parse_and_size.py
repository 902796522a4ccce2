"""``bascule parse``, ``size`` and ``calc``: text in, JSON out."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Bascule

ALERT = '{"ticker": "EURUSD", "action": "buy", "contracts": 2, "sentiment": "long"}'
CASE = {
    "account": {"currency": "USD", "balance": "60000", "equity": "60000", "free_margin": "60000"},
    "risk": {"basis": "balance", "pct": "0.75"},
    "instrument": {
        "symbol": "EURUSD", "kind": "fx", "lot_step": "0.01", "min_lot": "0.01", "max_lot": "50",
        "min_stop_distance": "0", "contract_size": "100000",
    },
    "side": "buy",
    "entry": "1.08500",
    "stop": "1.08220",
    "fx": {"quote_to_account": "1"},
    "costs": {"commission_per_lot_round_turn": "6"},
}  # fmt: skip


def test_an_instruction_ends_with_0(bascule: Bascule) -> None:
    """What a message asks for is printed as one JSON object."""
    done = bascule("parse", stdin=ALERT + "\n")
    told = json.loads(done.out)
    assert (done.code, told["intent"], told["side"], told["symbol"]) == (0, "open", "buy", "EURUSD")


@pytest.mark.parametrize("body", ["", "hello", '{"ticker": ', b"\xff\xfe"])
def test_an_error_ends_with_1(bascule: Bascule, body: str | bytes) -> None:
    """What cannot be read is an answer too: its code and why, as JSON."""
    done = bascule("parse", stdin=body)
    told = json.loads(done.out)
    assert (done.code, set(told) & {"error", "why"}) == (1, {"error", "why"})


def test_the_dialect_can_be_named(bascule: Bascule) -> None:
    """A named dialect reads the message; one that does not exist is wrong use."""
    done = bascule("parse", "--dialect", "native", stdin=ALERT)
    assert json.loads(done.out)["dialect"] == "native"
    wrong = bascule("parse", "--dialect", "nonsense", stdin=ALERT)
    assert wrong.code == 2
    assert "tradingview_json" in wrong.err


CONFIG = """
mode = "paper"
venues.v.kind = "paper"
accounts.a = { venue = "v", login = "1", currency = "USD" }

[sources.make]
kind = "webhook"
path_secret = "make_path"
dialect = "mapping"

[sources.make.mapping]
action = { path = "do", values = { long = "buy" } }
symbol = { path = "what" }
qty = { path = "n", unit = "lots" }
"""


def test_a_message_is_read_as_a_source_would(bascule: Bascule) -> None:
    """What it becomes is shown, without any secret of the source; a refusal ends with 1."""
    Path("bascule.toml").write_text(CONFIG, encoding="utf-8")
    done = bascule("parse", "--source", "make", stdin='{"do": "long", "what": "ES1!", "n": 2}')
    told = json.loads(done.out)
    assert (done.code, told["dialect"], told["becomes"][0]["intent"]) == (
        0, "mapping", "place_order",
    )  # fmt: skip
    refused = bascule("parse", "--source", "make", stdin='{"do": "flip", "what": "ES1!"}')
    assert (refused.code, json.loads(refused.out)["error"]) == (1, "invalid_action")
    assert "There are: make." in bascule("parse", "--source", "none", stdin="{}").err
    assert bascule("parse", "--source", "make", "--jsonl", stdin="{}").code == 2


def test_a_number_without_its_unit_is_told_with_file_line_and_units(bascule: Bascule) -> None:
    """The message names where, and every unit that is allowed."""
    Path("bascule.toml").write_text(CONFIG.replace(', unit = "lots"', ""), encoding="utf-8")
    done = bascule("parse", "--source", "make", stdin="{}")
    assert done.code == 3
    assert "bascule.toml:14  sources.make.mapping.qty.unit" in done.err
    assert "allowed: units, lots, currency" in done.err


def test_lines_are_answered_by_lines(bascule: Bascule) -> None:
    """Each line has its own answer, in order, whatever became of the others."""
    lines = [json.dumps({"id": "a", "body": ALERT}), "{", json.dumps("hello")]
    done = bascule("parse", "--jsonl", stdin="\n".join(lines))
    told = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 0
    assert [one.get("error", one.get("intent")) for one in told] == [
        "open", "malformed_json", "unknown_format",
    ]  # fmt: skip
    assert told[0]["id"] == "a"


def test_a_size_is_printed(bascule: Bascule) -> None:
    """A written case is answered with lots and risk."""
    done = bascule("size", stdin=json.dumps(CASE))
    assert done.code == 0
    assert json.loads(done.out) == {
        "lots": "1.57", "risk_cash": "450.00", "loss_per_lot": "286.00", "risk_actual": "449.02",
    }  # fmt: skip


def test_a_refused_size_ends_with_1(bascule: Bascule) -> None:
    """A refusal names its code."""
    done = bascule("size", stdin=json.dumps(CASE | {"stop": None}))
    assert (done.code, json.loads(done.out)["refused"]) == (1, "no_stop")


def test_numbers_may_be_numbers(bascule: Bascule) -> None:
    """A JSON number is read exactly, not by way of binary fractions."""
    done = bascule("size", stdin=json.dumps(CASE).replace('"0.75"', "0.75"))
    assert json.loads(done.out)["lots"] == "1.57"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"account": 1}', "[" * 100_000, '{"a": ' + "9" * 5_000 + "}"]
)
def test_a_case_that_cannot_be_read_is_wrong_use(bascule: Bascule, text: str) -> None:
    """It is told in a sentence and ends with 2."""
    done = bascule("size", stdin=text)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Error: ")


def test_cases_come_as_lines(bascule: Bascule) -> None:
    """Each case has its own answer, also those that cannot be read."""
    done = bascule("size", "--jsonl", stdin=f"{json.dumps(CASE)}\n\n{{\n{{}}\n")
    told = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 0
    assert [one.get("lots") for one in told] == ["1.57", None, None]
    assert [one.get("error") for one in told] == [None, "malformed_json", "usage"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), '{"kind": "recovery", "input": {"drawdown_pct": "5"}}'),
        (("recovery",), '{"drawdown_pct": "5"}'),
        (("--jsonl",), '{"kind": "recovery", "input": {"drawdown_pct": "5"}}'),
        (("recovery", "--jsonl"), '{"drawdown_pct": 5}'),
    ],
)
def test_a_calculator_answers(bascule: Bascule, arguments: tuple[str, ...], text: str) -> None:
    """The kind stands in the question or on the command line."""
    done = bascule("calc", *arguments, stdin=text)
    assert (done.code, json.loads(done.out)) == (0, {"gain_pct": "5.26"})


def test_the_calculators_are_listed(bascule: Bascule) -> None:
    """Every kind can be asked for by name."""
    kinds = bascule("calc", "--list").out.split()
    assert {"recovery", "ruin", "split"} <= set(kinds)


@pytest.mark.parametrize(("name", "value"), [("lot_step", "0"), ("lot_step", "1e-400")])
def test_a_number_that_no_sum_takes_is_told(bascule: Bascule, name: str, value: str) -> None:
    """It is no fault of ours, and of many cases it spoils its own answer alone."""
    case = json.loads(json.dumps(CASE))
    case["instrument"][name] = value
    done = bascule("size", stdin=json.dumps(case))
    assert (done.code, "bad_number" in done.err) == (2, True)
    lines = bascule("size", "--jsonl", stdin=f"{json.dumps(case)}\n{json.dumps(CASE)}\n")
    first, second = map(json.loads, lines.out.splitlines())
    assert (lines.code, first["error"], second["lots"]) == (0, "bad_number", "1.57")


@pytest.mark.parametrize("command", ["parse", "size"])
def test_each_line_has_its_answer_whatever_is_in_it(bascule: Bascule, command: str) -> None:
    """A string may hold U+2028, and a line may be nested too deeply: neither ends the rest."""
    lines = ["[" * 100_000, json.dumps("a\u2028b", ensure_ascii=False), "{}"]
    done = bascule(command, "--jsonl", stdin="\n".join(lines))
    assert done.code == 0
    answers = [json.loads(line) for line in done.out.split("\n") if line]
    assert len(answers) == len(lines)
    assert answers[0]["error"] == "malformed_json"
