"""What a caller is told whose money doesn't suffice."""

from __future__ import annotations

from tritium.accounts.key import LimitReset
from tritium.errors import BudgetExceeded, PermissionDenied
from tritium.ledger.prices import NANODOLLARS


def limit_spent(limit: int, reset: LimitReset | None) -> BudgetExceeded:
    when = f" It is renewed {reset}." if reset else ""
    return BudgetExceeded(
        f"Key limit exceeded: the {_dollars(limit)} of this key are spent, or set aside for calls under way.{when}"
    )


def too_dear_for_key(nanodollars: int, left: int) -> Exception:
    return BudgetExceeded(
        f"Key limit exceeded: this call may cost {_dollars(nanodollars)}, and {_dollars(left)} of the key's limit are "
        "left. A smaller max_tokens makes it fit."
    )


def budget_spent(budget: int) -> PermissionDenied:
    return PermissionDenied(
        f"The gateway's budget of {_dollars(budget)} a day is spent. It is renewed at midnight UTC."
    )


def too_dear_for_budget(nanodollars: int, left: int) -> Exception:
    return PermissionDenied(
        f"This call may cost {_dollars(nanodollars)}, and {_dollars(left)} of the gateway's budget for today are left. "
        "A smaller max_tokens makes it fit."
    )


def _dollars(nanodollars: int) -> str:
    return f"${max(nanodollars, 0) / NANODOLLARS:.6f}"
