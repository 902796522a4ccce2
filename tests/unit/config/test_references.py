"""Tables agree with each other, or the configuration is refused."""

from typing import Any

import pytest

from bascule.config.references import references

Table = dict[str, Any]


def table(**changes: Any) -> Table:
    """Give tables that agree, with some keys replaced."""
    made: Table = {
        "venues": {"v": {"kind": "paper"}},
        "accounts": {"a": {"venue": "v", "login": "1"}, "b": {"venue": "v", "login": "2"}},
        "sources": {"s": {"kind": "webhook"}, "t": {"kind": "webhook"}},
        "routes": {},
    }
    return {**made, **changes}


def route(strategy: str, account: str = "a", **more: Any) -> Table:
    """Give a route."""
    return {"strategy": strategy, "accounts": [{"account": account}], **more}


def codes(tables: Table) -> list[str]:
    """Give the codes of what is wrong."""
    return [problem.code for problem in references(tables)]


def test_tables_that_agree_have_no_problem() -> None:
    """Known names, each account once, one owner."""
    assert codes(table(routes={"x": route("one"), "y": route("two")})) == []


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (route("x"), route("x")),
        (route("x"), route("*")),
        (route("x", sources=["s"]), route("x", sources=["*"])),
        (route("x", sources=["s", "t"]), route("x", sources=["t"])),
        (route("x", symbols=["EURUSD"]), route("x")),
        (route("x", symbols=["EURUSD"]), route("x", symbols=["EURUSD", "GBPUSD"])),
    ],
)
def test_two_routes_may_not_bring_one_signal_to_one_account(one: Table, two: Table) -> None:
    """Strategy, sources and symbols that meet would trade an account twice."""
    assert codes(table(routes={"one": one, "two": two})) == ["routes_overlap"]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (route("x"), route("y")),
        (route("x"), route("x", "b")),
        (route("x", sources=["s"]), route("x", sources=["t"])),
        (route("x", symbols=["EURUSD"]), route("x", symbols=["GBPUSD"])),
    ],
)
def test_routes_that_never_meet_are_allowed(one: Table, two: Table) -> None:
    """Another strategy, account, source or symbol keeps two routes apart."""
    assert codes(table(routes={"one": one, "two": two})) == []


def test_an_account_has_one_name() -> None:
    """The same login at the same venue under two names is refused."""
    accounts = {"a": {"venue": "v", "login": "1"}, "b": {"venue": "v", "login": "1"}}
    assert codes(table(accounts=accounts)) == ["duplicate_account"]


def test_an_account_follows_a_route_once() -> None:
    """Two entries of one account in a route are refused."""
    twice = {"strategy": "x", "accounts": [{"account": "a"}, {"account": "a"}]}
    assert codes(table(routes={"r": twice})) == ["duplicate_account"]


def test_one_installation_serves_one_owner() -> None:
    """Accounts of two owners are refused; an unnamed owner goes with any."""
    accounts = {
        "a": {"venue": "v", "login": "1", "owner": "me"},
        "b": {"venue": "v", "login": "2"},
        "c": {"venue": "v", "login": "3", "owner": "you"},
    }
    assert codes(table(accounts=accounts)) == ["several_owners"]


@pytest.mark.parametrize(
    "malformed",
    [
        {},
        {"venues": 1, "accounts": [], "sources": "x", "routes": None},
        {"accounts": {"a": 1, "b": {"venue": 2, "login": 3, "owner": []}}},
        {"routes": {"r": {"accounts": [1, {"account": 2}], "sources": 3, "symbols": {}}}},
        {"routes": {"r": {"accounts": {}}, "q": {"accounts": [{}]}}},
    ],
)
def test_malformed_tables_are_left_to_the_models(malformed: Table) -> None:
    """What is no table or no text is passed over without an error of its own."""
    assert codes(malformed) == []


@pytest.mark.parametrize("trusted", [None, [], ["127.0.0.1"]])
def test_a_client_certificate_needs_a_proxy_that_verifies_it(trusted: list[str] | None) -> None:
    """Without one every signal of that source would be refused, so the configuration is."""
    source = {"kind": "webhook", "client_certificate": "tradingview"}
    server = {} if trusted is None else {"server": {"trusted_proxies": trusted}}
    expected = [] if trusted else ["no_trusted_proxy"]
    assert codes(table(sources={"s": source, "t": {"kind": "webhook"}}, **server)) == expected


RESERVES = [
    ({"messages_per_day": 300}, {"message_reserve": 300}, ["bad_value"]),
    ({"messages_per_day": 300}, {"message_reserve": 299}, []),
    ({"message_reserve": 500}, {"messages_per_day": 400}, ["bad_value"]),
    ({"message_reserve": 500}, {"messages_per_day": 600}, []),
    ({"message_reserve": 500}, {}, []),
    ({}, {"message_reserve": 500}, []),
]


@pytest.mark.parametrize(("common", "own", "found"), RESERVES)
def test_a_reserve_of_one_table_leaves_room_in_the_budget_of_another(
    common: Table, own: Table, found: list[str]
) -> None:
    """An account's limits are its own where it sets them and those of [risk] elsewhere."""
    account = {"venue": "v", "login": "1", "limits": own}
    assert codes(table(risk=common, accounts={"a": account})) == found


def test_a_budget_of_a_venue_names_one() -> None:
    """A budget under a misspelled name would hold nobody back."""
    budget = {"messages_per_day_by_venue": {"v": 500}}
    assert codes(table(portfolio=budget)) == []
    assert codes(table(portfolio={"messages_per_day_by_venue": {"w": 500}})) == ["unknown_name"]
