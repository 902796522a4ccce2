"""Last trading days by rule. Each rule is named in the futures table and explained in the docs.

The rule texts are from memory and were checked against each other and against known contracts;
read the exchange's own page before money depends on one.
"""

from collections.abc import Callable
from datetime import date, timedelta

from bascule.reference.calendars import (
    BusinessDays,
    first_of_next,
    last_weekday,
    nth_weekday,
)

_WEDNESDAY, _THURSDAY, _FRIDAY = 2, 3, 4
Rule = Callable[[BusinessDays, int, int], date]
"""(business days, contract year, contract month 1 to 12) to the last trading day."""


def _third_friday(days: BusinessDays, year: int, month: int) -> date:
    return days.at_or_before(nth_weekday(year, month, _FRIDAY, 3))


def _before_second_friday(days: BusinessDays, year: int, month: int) -> date:
    return days.before(nth_weekday(year, month, _FRIDAY, 2), 1)


def _vix(days: BusinessDays, year: int, month: int) -> date:
    following = first_of_next(year, month)
    friday = nth_weekday(following.year, following.month, _FRIDAY, 3)
    wednesday = friday - timedelta(days=30)
    closed = not (days.is_open(friday) and days.is_open(wednesday))
    return days.before(wednesday, 1) if closed else wednesday


def _before_third_wednesday(count: int) -> Rule:
    return lambda days, year, month: days.before(nth_weekday(year, month, _WEDNESDAY, 3), count)


def _sofr(days: BusinessDays, year: int, month: int) -> date:
    end = first_of_next(year, month, 3)
    return days.before(nth_weekday(end.year, end.month, _WEDNESDAY, 3), 1)


def _before_last(count: int) -> Rule:
    return lambda days, year, month: days.last_of(year, month, count + 1)


def _last_of_month_before(nth: int) -> Rule:
    return lambda days, year, month: days.before(date(year, month, 1), nth)


def _crude(count: int) -> Rule:
    def rule(days: BusinessDays, year: int, month: int) -> date:
        base = days.at_or_before(first_of_next(year, month, -1).replace(day=25))
        return days.before(base, count)

    return rule


def _brent(days: BusinessDays, year: int, month: int) -> date:
    last = days.before(first_of_next(year, month, -1), 1)
    return days.before(last, 1) if last.month == 12 else last


def _gasoil(days: BusinessDays, year: int, month: int) -> date:
    return days.before(date(year, month, 14), 2)


def _grains(days: BusinessDays, year: int, month: int) -> date:
    return days.before(date(year, month, 15), 1)


def _feeder_cattle(days: BusinessDays, year: int, month: int) -> date:
    if month == 11:
        thursday = nth_weekday(year, month, _THURSDAY, 4) - timedelta(days=7)
    else:
        thursday = last_weekday(year, month, _THURSDAY)
    weekdays_before = (0, 1, 2, 3, 6)
    while not all(days.is_open(thursday - timedelta(days=back)) for back in weekdays_before):
        thursday -= timedelta(days=7)
    return thursday


def _tenth_business_day(days: BusinessDays, year: int, month: int) -> date:
    return days.nth_of(year, month, 10)


def _last_friday(days: BusinessDays, year: int, month: int) -> date:
    return days.at_or_before(last_weekday(year, month, _FRIDAY))


def _eurex_bond(days: BusinessDays, year: int, month: int) -> date:
    return days.before(days.at_or_after(date(year, month, 10)), 2)


RULES: dict[str, Rule] = {
    "EQ_3FRI": _third_friday,
    "NK_2FRI": _before_second_friday,
    "VIX_WED30": _vix,
    "FX_2BD_3WED": _before_third_wednesday(2),
    "FX_1BD_3WED": _before_third_wednesday(1),
    "DX_2BD_3WED": _before_third_wednesday(2),
    "TSY_7BD": _before_last(7),
    "TSY_LBD": _before_last(0),
    "YIELD_LBD": _before_last(0),
    "FF_LBD": _before_last(0),
    "SOFR3": _sofr,
    "STIR_2BD_3WED": _before_third_wednesday(2),
    "CL_3BD_25": _crude(3),
    "MCL_4BD_25": _crude(4),
    "ICEWTI_4BD_25": _crude(4),
    "NG_3BD_1": _last_of_month_before(3),
    "QG_4BD_1": _last_of_month_before(4),
    "PROD_LBD_PREV": _last_of_month_before(1),
    "BRENT_LBD_2PREV": _brent,
    "GASOIL_2BD_14": _gasoil,
    "MET_3LBD": _before_last(2),
    "MHG_3LBD_PREV": _last_of_month_before(3),
    "GR_BD15": _grains,
    "LE_LBD": _before_last(0),
    "GF_LTHU": _feeder_cattle,
    "HE_10BD": _tenth_business_day,
    "CC_11LBD": _before_last(11),
    "KC_8LBD": _before_last(8),
    "SB_LBD_PREV": _last_of_month_before(1),
    "CT_17LBD": _before_last(16),
    "OJ_14LBD": _before_last(14),
    "CRYPTO_LFRI": _last_friday,
    "EUX_3FRI": _third_friday,
    "EUX_BOND": _eurex_bond,
    "GILT_2LBD": _before_last(2),
}
"""Every expiry rule of the futures table, by its code."""


def first_notice(rule: str, days: BusinessDays, year: int, month: int) -> date | None:
    """Give the first notice day, or None where the rule states none.

    ``LBD_PREV`` is the last business day of the month before; ``FBD_7`` the seventh business day
    before the first business day of the contract month.
    """
    if not rule:
        return None
    if rule == "LBD_PREV":
        return days.before(date(year, month, 1), 1)
    return days.before(days.nth_of(year, month, 1), int(rule.removeprefix("FBD_")))
