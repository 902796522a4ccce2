"""Arithmetic of risk: R, drawdowns, streaks, ruin, odds, returns. Exact in decimals.

Percents are of 100, chances and rates are ratios of 1, money is in one currency throughout.
Values that no such question can have (a probability above 1, a negative room) raise ``UsageError``.
"""

from collections.abc import Sequence
from datetime import time
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext

from msgspec import Struct

from bascule.model.enums import Side
from bascule.model.errors import UsageError
from bascule.model.values import ONE, ZERO

HUNDRED = Decimal(100)
_PRECISION = 50
_STEPS_MAX = 500
TRADES_MAX = 10_000
RUN_MAX = 100
"""The longest horizon and run that ``streak_chance`` will tabulate."""


def r_multiple(entry: Decimal, stop: Decimal, exit_price: Decimal, side: Side) -> Decimal:
    """Give a trade's result in R, before costs. R is the distance to the first stop."""
    risk = (entry - stop) * side.sign
    _require(risk > 0, f"The stop {stop} is not on the losing side of {entry} for a {side}.")
    return (exit_price - entry) * side.sign / risk


def result_in_r(net_result: Decimal, initial_risk: Decimal) -> Decimal:
    """Give a net cash result in R, where R is the initial risk in cash."""
    _require(initial_risk > 0, "The initial risk must be positive.")
    return net_result / initial_risk


def expectancy(win_rate: Decimal, win_r: Decimal, loss_r: Decimal = ONE) -> Decimal:
    """Give the mean result of a trade in R: win rate x average win - loss rate x average loss."""
    _chance(win_rate)
    return win_rate * win_r - (1 - win_rate) * loss_r


def recovery(drawdown: Decimal) -> Decimal:
    """Give the percent gain that makes good a percent drawdown."""
    _require(0 <= drawdown < HUNDRED, "A drawdown is from 0 to below 100 percent.")
    return drawdown / (HUNDRED - drawdown) * HUNDRED


def streak_drawdown(risk: Decimal, losses: int) -> Decimal:
    """Give the percent drawdown after losses in a row, each ``risk`` percent of what is left."""
    _require(0 <= risk <= HUNDRED, "A risk is from 0 to 100 percent.")
    _require(losses >= 0, "A number of losses is not negative.")
    return (1 - (1 - risk / HUNDRED) ** losses) * HUNDRED


def losses_that_fit(remaining: Decimal, risk: Decimal, costs: Decimal = ZERO) -> int:
    """Count the full losses, costs included, that a remaining room bears."""
    _require(risk + costs > 0, "A loss with its costs must be positive.")
    return max(int((remaining / (risk + costs)).to_integral_value(ROUND_FLOOR)), 0)


def streak_chance(loss_rate: Decimal, run: int, trades: int) -> Decimal:
    """Give the chance of at least ``run`` losses in a row within ``trades`` trades.

    Exact: a table over the length of the current run, carried trade by trade.
    """
    _chance(loss_rate)
    _require(1 <= run <= RUN_MAX, f"A run is from 1 to {RUN_MAX} losses.")
    _require(0 <= trades <= TRADES_MAX, f"A horizon is from 0 to {TRADES_MAX} trades.")
    current = [ONE] + [ZERO] * (run - 1)
    reached = ZERO
    for _ in range(trades):
        reached += current[-1] * loss_rate
        won = sum(current, ZERO) * (1 - loss_rate)
        current = [won, *(chance * loss_rate for chance in current[:-1])]
    return reached


def ruin_root(win_rate: Decimal, payoff: Decimal) -> Decimal:
    """Give the chance of ever losing one unit: the root in (0, 1) of p x^(w+1) - x + (1-p).

    It is 1 when the edge ``p w - (1-p)`` is not positive. Newton's steps start left of the root
    of a convex curve, so they climb to it and cannot pass it; correct to 28 digits.
    """
    _chance(win_rate)
    _require(payoff > 0, "A payoff must be positive.")
    if win_rate * payoff <= 1 - win_rate:
        return ONE
    with localcontext() as context:
        context.prec = _PRECISION
        x = 1 - win_rate
        for _ in range(_STEPS_MAX):
            if not x:
                break
            power = x**payoff
            value = win_rate * power * x - x + 1 - win_rate
            step = value / (1 - win_rate * (payoff + 1) * power)
            x += step
            if abs(step) < Decimal(10) ** (5 - _PRECISION):
                break
    return +x


def ruin(win_rate: Decimal, payoff: Decimal, units: Decimal) -> Decimal:
    """Give the chance of ever losing ``units`` units at a fixed cash risk of one unit a trade.

    Args:
        win_rate: probability of a win.
        payoff: average win / average loss. Exact for whole numbers, an upper bound otherwise.
        units: the room to the firm's floor / the risk of a trade.
    """
    _require(units >= 0, "A number of units is not negative.")
    root = ruin_root(win_rate, payoff)
    if not root:
        return ZERO if units else ONE
    return root**units


def challenge_odds(win_rate: Decimal, room: Decimal, target: Decimal) -> Decimal:
    """Give the chance to make ``target`` units before losing ``room`` units at even payoff.

    Static room, no daily limit; a daily limit only lowers it.
    """
    _chance(win_rate)
    _require(room >= 0 and target >= 0 and room + target > 0, "Room and target are not negative.")
    if win_rate * 2 == 1:
        return room / (room + target)
    if not win_rate:
        return ONE if not target else ZERO
    if win_rate == 1:
        return ONE if room else ZERO
    with localcontext() as context:
        context.prec = _PRECISION
        ratio = (1 - win_rate) / win_rate
        odds = (1 - ratio**room) / (1 - ratio ** (room + target))
    return +odds


class Return(Struct, frozen=True):
    """What a challenge cost, what came back, and the return in percent of the cost."""

    cost: Decimal
    received: Decimal
    percent: Decimal


def challenge_return(
    fee: Decimal,
    payouts: Sequence[Decimal],
    *,
    split: Decimal = HUNDRED,
    running_per_month: Decimal = ZERO,
    months: Decimal = ZERO,
    refund: Decimal = ZERO,
) -> Return:
    """Give the return of one challenge. ``split`` is the trader's percent of the payouts.

    It hides failed attempts: show it beside ``expected_value``.
    """
    cost = fee + running_per_month * months
    _require(cost > 0, "A return needs a cost above zero.")
    received = sum(payouts, ZERO) * split / HUNDRED + refund
    return Return(cost, received, (received - cost) / cost * HUNDRED)


def expected_value(pass_chance: Decimal, payout: Decimal, cost: Decimal) -> Decimal:
    """Give the mean cash of one attempt: pass chance x expected payout - cost."""
    _chance(pass_chance)
    return pass_chance * payout - cost


def trades_to_target(target: Decimal, risk: Decimal, expectancy_r: Decimal) -> int:
    """Count the trades that make a target on average, the last one whole."""
    _require(risk * expectancy_r > 0, "Without a positive expectancy no target is reached.")
    return max(int((target / (risk * expectancy_r)).to_integral_value(ROUND_CEILING)), 0)


def inside(limit: Decimal, percent: Decimal) -> Decimal:
    """Give an own limit as a percent of the firm's: stop at 75% of 5% leaves 3.75%."""
    return limit * percent / HUNDRED


def earlier(cutoff: time, minutes: int) -> time:
    """Give a wall-clock time some minutes before another, across midnight if need be."""
    total = (cutoff.hour * 60 + cutoff.minute - minutes) % (24 * 60)
    return time(total // 60, total % 60)


def _chance(value: Decimal) -> None:
    _require(0 <= value <= 1, f"A probability is from 0 to 1; this is {value}.")


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise UsageError(sentence)
