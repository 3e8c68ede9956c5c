"""`tritium keys`: who may call a served gateway, for what and for how much."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from tritium.cli import options

if TYPE_CHECKING:
    from tritium.accounts.key_book import KeyBook, KeyUse

app = typer.Typer(
    help="Who may call a served gateway, for what and for how much.", rich_markup_mode=None, no_args_is_help=True
)

Reset = Literal["daily", "weekly", "monthly", "never"]

KeyName = Annotated[
    str, typer.Argument(metavar="KEY", help="Its name, or how its hash begins (`tritium keys list --json`).")
]
Limit = Annotated[
    float | None, typer.Option("--limit", metavar="USD", min=0, help="It may spend so much.", show_default=False)
]
LimitReset = Annotated[
    Reset | None, typer.Option("--reset", help="When the limit is renewed (UTC).", show_default=False)
]
Expires = Annotated[
    str | None,
    typer.Option("--expires", metavar="MOMENT", help="In UTC, like 2027-12-31T23:59:59Z.", show_default=False),
]
AllowedModels = Annotated[
    str | None, typer.Option("--models", metavar="A,B*", help="The models it may ask; default all.", show_default=False)
]
AllowedProviders = Annotated[
    str | None, typer.Option("--providers", metavar="A,B*", help="The providers it may reach.", show_default=False)
]
Requests = Annotated[int | None, typer.Option("--rpm", min=1, help="Requests a minute.", show_default=False)]
Tokens = Annotated[int | None, typer.Option("--tpm", min=1, help="Tokens a minute.", show_default=False)]


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="For whom or what it is.")],
    *,
    limit: Limit = None,
    reset: LimitReset = None,
    expires: Expires = None,
    models: AllowedModels = None,
    providers: AllowedProviders = None,
    rpm: Requests = None,
    tpm: Tokens = None,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Make a key and show it, this once. From the first one on, every caller of the gateway needs a key."""
    import msgspec

    from tritium.accounts.key_book import KeyUse
    from tritium.cli.terminal import note, print_json

    fields = _fields(limit, reset, expires, models, providers, rpm, tpm)
    with _book(config) as book:
        key, secret = book.create(name, **fields)
    if as_json:
        print_json(msgspec.json.encode({**_line(KeyUse(key, 0, 0, 0, 0, 0)), "key": secret}))
    else:
        print(secret)
        note("This key is not shown again. Callers send it as 'Authorization: Bearer KEY'.")


@app.command("list")
def list_(config: options.ConfigFile = None, as_json: options.AsJson = False) -> None:
    """All keys, a line each."""
    import msgspec

    from tritium.cli.terminal import note, print_json

    with _book(config) as book:
        found = book.uses()
    if as_json:
        print_json(msgspec.json.encode([_line(use) for use in found]))
    elif found:
        _print_list(found)
    else:
        note("No keys yet: this machine may call the gateway without. Make one: tritium keys create NAME")


def _print_list(found: list[KeyUse]) -> None:
    from tritium.cli import figures
    from tritium.cli.table import print_table

    def dollars(nanodollars: int | None) -> str:
        return "" if nanodollars is None else figures.dollars(nanodollars / 1e9)

    print_table(
        ("name", "key", "state", ">spent", ">limit", ">left", "renewed"),
        [
            (
                use.key.name,
                use.key.label,
                _state(use),
                dollars(use.total),
                dollars(use.key.limit_nanodollars),
                dollars(use.left),
                use.key.limit_reset or "",
            )
            for use in found
        ],
    )


def _state(use: KeyUse) -> str:
    import time

    if use.key.disabled:
        return "disabled"
    return "expired" if use.key.expired(time.time()) else "active"


@app.command("show")
def show(key: KeyName, config: options.ConfigFile = None, as_json: options.AsJson = False) -> None:
    """One key: what it may do, and what it has used."""
    import msgspec

    from tritium.cli.terminal import one_line, print_json

    with _book(config) as book:
        line = _line(book.use(_hash(book, key)))
    if as_json:
        print_json(msgspec.json.encode(line))
        return
    for name, value in line.items():
        shown = ", ".join(value) if isinstance(value, (list, tuple)) else "" if value is None else str(value)
        print(f"{name:20} {one_line(shown)}".rstrip())


@app.command("update")
def update(
    key: KeyName,
    *,
    name: Annotated[str | None, typer.Option("--name", help="Call it otherwise.", show_default=False)] = None,
    limit: Limit = None,
    reset: LimitReset = None,
    expires: Expires = None,
    models: AllowedModels = None,
    providers: AllowedProviders = None,
    rpm: Requests = None,
    tpm: Tokens = None,
    enable: Annotated[bool, typer.Option("--enable", help="Let it in again.")] = False,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Change a key; what isn't said stays as it is."""
    from tritium.errors import InvalidRequest

    changes = _fields(limit, reset, expires, models, providers, rpm, tpm)
    if name is not None:
        changes["name"] = name
    if enable:
        changes["disabled"] = False
    if not changes:
        raise InvalidRequest("Say what to change; `tritium keys update --help` lists what there is.")
    _change(config, key, changes, as_json=as_json)


@app.command("disable")
def disable(key: KeyName, config: options.ConfigFile = None, as_json: options.AsJson = False) -> None:
    """Keep a key out until it is let in again (`update --enable`). A running gateway sees it within a second."""
    _change(config, key, {"disabled": True}, as_json=as_json)


def _change(config: options.ConfigFile, key: str, changes: dict[str, Any], *, as_json: bool) -> None:
    import msgspec

    from tritium.cli.terminal import note, print_json

    with _book(config) as book:
        key_hash = _hash(book, key)
        book.change(key_hash, changes)
        use = book.use(key_hash)
    if as_json:
        print_json(msgspec.json.encode(_line(use)))
    else:
        note(f"{use.key.name} ({use.key.label}) is changed.")


@app.command("delete")
def delete(key: KeyName, config: options.ConfigFile = None) -> None:
    """Delete a key; what it spent stays in the ledger. When the last one is gone, this machine needs none again."""
    from tritium.cli.terminal import note

    with _book(config) as book:
        key_hash = _hash(book, key)
        book.remove(key_hash)
    note(f"{key} is deleted.")


def _fields(
    limit: float | None,
    reset: Reset | None,
    expires: str | None,
    models: str | None,
    providers: str | None,
    rpm: int | None,
    tpm: int | None,
) -> dict[str, Any]:
    """The fields of a Key that were given on the command line."""
    from tritium.api.keys import moment, nanodollars

    given: dict[str, Any] = {
        "limit_nanodollars": None if limit is None else nanodollars(limit),
        "expires_at": None if expires is None else moment(expires),
        "allowed_models": _names(models),
        "allowed_providers": _names(providers),
        "requests_per_minute": rpm,
        "tokens_per_minute": tpm,
    }
    fields = {name: value for name, value in given.items() if value is not None}
    if reset is not None:
        fields["limit_reset"] = None if reset == "never" else reset
    return fields


def _names(given: str | None) -> tuple[str, ...] | None:
    return None if given is None else tuple(name.strip() for name in given.split(",") if name.strip())


def _hash(book: KeyBook, wanted: str) -> str:
    from tritium.errors import InvalidRequest, NotFound

    keys = book.table.all()[1]
    found = [key for key in keys if wanted in (key.name, key.label, key.hash)] or [
        key for key in keys if len(wanted) >= 6 and key.hash.startswith(wanted)
    ]
    if not found:
        raise NotFound(f"There is no key {wanted!r}. `tritium keys list` shows what there is.")
    if len(found) > 1:
        listed = ", ".join(key.hash[:12] for key in found)
        raise InvalidRequest(f"Several keys go by {wanted!r}. Say which by its hash: {listed}.")
    return found[0].hash


def _line(use: KeyUse) -> dict[str, Any]:
    from tritium.api.keys import key_object

    return {
        name: float(value) if name in _MONEY and value is not None else value
        for name, value in key_object(use).items()
        if not name.startswith("byok") and name not in _FOREIGN
    }


_MONEY = ("limit", "limit_remaining", "usage", "usage_daily", "usage_weekly", "usage_monthly")
_FOREIGN = ("include_byok_in_limit", "creator_user_id", "workspace_id")


@contextmanager
def _book(config: options.ConfigFile) -> Iterator[KeyBook]:
    from tritium.accounts.key_book import KeyBook
    from tritium.storage.database import Database

    settings = options.load(config)
    database = Database.open(settings.database_location())
    try:
        yield KeyBook(database, settings.data_path)
    finally:
        database.close()
