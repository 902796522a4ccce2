"""Arming with a second factor, over HTTP: asked for, right once, and every refusal journaled."""

from collections.abc import Sequence
from pathlib import Path

import pyotp

from bascule.config.second_factor import SecondFactor
from bascule.model.event import ArmRefused, Event
from bascule.model.values import SECOND

from .house import House

KEY = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
ASK = {"scope": "all", "typed": "all", "by": "anna", "reason": "a test"}


async def test_arming_wants_the_code_of_this_moment(api: House, tmp_path: Path) -> None:
    """None, a wrong one, the right one, and the right one again are four answers."""
    api.served.second_factor = SecondFactor(lambda: KEY, tmp_path / "factor")
    refused: list[str] = []

    def follow(events: Sequence[Event]) -> None:
        refused.extend(one.code for one in events if isinstance(one, ArmRefused))

    api.runtime.owner.follow(follow)
    await api.call("POST", "/v1/halt", {"scope": "all", "by": "anna", "reason": "a test"})
    bare = await api.call("POST", "/v1/arm", ASK)
    assert (bare.status, bare.json()["code"]) == (409, "arm_needs_code")
    wrong = await api.call("POST", "/v1/arm", {**ASK, "code": "000"})
    assert (wrong.status, wrong.json()["code"]) == (409, "arm_code_wrong")
    assert "all" in api.runtime.state.stops
    code = pyotp.TOTP(KEY).at(api.runtime.clock.now() // SECOND)
    mistyped = await api.call("POST", "/v1/arm", {**ASK, "typed": "al", "code": code})
    assert mistyped.json()["code"] == "arm_not_confirmed"
    armed = await api.call("POST", "/v1/arm", {**ASK, "code": code})
    assert armed.status == 200 and not api.runtime.state.stops
    await api.call("POST", "/v1/halt", {"scope": "all", "by": "anna", "reason": "a test"})
    again = await api.call("POST", "/v1/arm", {**ASK, "code": code})
    assert again.json()["code"] == "arm_code_wrong"
    assert refused == [
        "arm_needs_code",
        "arm_code_wrong",
        "arm_not_confirmed",
        "arm_code_wrong",
    ]
