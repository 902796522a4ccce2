import os
import stat
from pathlib import Path

from bascule.api.auth import TokenCheck, known_token, operator_token
from bascule.config.proof import proves, question

from .house import TOKEN, House

PATHS = ("/v1/status", "/v1/nix", "/metrics", "/readyz", "/schema", "/v1/explain/x", "/")


async def test_without_the_token_every_path_answers_the_same(api: House) -> None:
    """A stranger learns nothing: path, method and token change no byte of the answer."""
    answers = [
        await api.call(method, path, token=token)
        for path in PATHS
        for method in ("GET", "POST")
        for token in (None, "", "wrong", TOKEN[:-1], f"{TOKEN} ")
        if (token or "").strip() != TOKEN
    ]
    assert {answer.status for answer in answers} == {401}
    assert len({(answer.body, tuple(answer.headers.items())) for answer in answers}) == 1


async def test_two_tokens_are_none(api: House) -> None:
    """A request with two authorization headers bears no token, whatever they hold."""
    doubled = [(b"authorization", f"Bearer {TOKEN}".encode())]
    assert (await api.call("GET", "/v1/status", headers=doubled)).status == 401


async def test_another_scheme_is_no_bearer(api: House) -> None:
    """The token as a password of another scheme is not taken."""
    basic = [(b"authorization", f"Basic {TOKEN}".encode())]
    assert (await api.call("GET", "/v1/status", token=None, headers=basic)).status == 401


async def test_the_health_of_the_process_is_anybodys_to_ask(api: House) -> None:
    """``/healthz`` needs no token and tells nothing but that the process serves."""
    answer = await api.call("GET", "/healthz", token=None)
    assert (answer.status, answer.json()) == (200, {"status": "ok"})


async def test_it_proves_who_it_is_before_a_token_is_shown(api: House) -> None:
    """Without the token nobody can make the answer, and on another port it is another."""
    asked = question()
    answer = await api.call("GET", f"/proof?of={asked}", token=None)
    assert answer.status == 200
    given = answer.json()["proof"]
    assert proves(given, TOKEN, 80, asked)
    assert not proves(given, TOKEN, 81, asked)
    assert not proves(given, TOKEN, 80, question())
    assert TOKEN.encode() not in answer.body
    for url in ("/proof", "/proof?of=", f"/proof?of={'a' * 65}"):
        assert (await api.call("GET", url, token=None)).status == 400


async def test_signals_pass_by_the_api(api: House) -> None:
    """The signal paths reach the intake, token or not, and nothing else does."""
    for path in ("/hooks/tradingview/x", "/v1/intents"):
        answer = await api.call("POST", path, token=None)
        assert answer.body == b"intake"
    await api.call("GET", "/v1/status")
    assert api.intake_paths == ["/hooks/tradingview/x", "/v1/intents"]


def test_the_token_is_made_once_and_is_its_owners(tmp_path: Path) -> None:
    """The first call makes it, later ones read it, and the file is private."""
    path = tmp_path / "operator.token"
    assert known_token(path) == ""
    made = operator_token(path)
    assert len(made) >= 40
    assert operator_token(path) == known_token(path) == made
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_empty_token_never_passes() -> None:
    """No header, an empty one and a bare scheme are all refused."""
    check = TokenCheck("secret")
    for headers in ([], [(b"authorization", b"")], [(b"authorization", b"Bearer ")]):
        assert not check.passes(headers)
    assert check.passes([(b"authorization", b"bearer secret")])
