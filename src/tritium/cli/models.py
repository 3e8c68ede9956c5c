"""`tritium models`: who can be asked, and the embedded models on this machine's disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tritium.cli import options

if TYPE_CHECKING:
    from tritium.app import Running
    from tritium.catalog.catalog import Listed

app = typer.Typer(help="Who can be asked; and models of this machine's own.", rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def models(context: typer.Context, config: options.ConfigFile = None, as_json: options.AsJson = False) -> None:
    """Who can be asked, at what price. Prices are dollars per million tokens, in and out."""
    if context.invoked_subcommand is not None:
        return
    import asyncio

    from tritium.app import running

    async def found() -> list[dict[str, Any]]:
        async with running(options.load(config)) as up:
            return [_described(up, row) for row in up.catalog.listed()]

    _print_models(asyncio.run(found()), as_json=as_json)


def _described(up: Running, row: Listed) -> dict[str, Any]:
    prices = row.prices
    return {
        "id": row.id,
        "kind": row.kind,
        "maker": up.catalog.profile(row.id).maker if row.kind == "model" else "tritium",
        "input_usd_per_million": None if prices is None else float(prices.input),
        "output_usd_per_million": None if prices is None else float(prices.output),
        "context_tokens": row.context_tokens,
        "where": _where(up, row.provider),
        "description": row.description,
    }


def _where(up: Running, provider: str) -> str:
    if provider in ("tritium", "local"):
        return "this machine" if provider == "local" else "here"
    return f"{up.rows[provider].name}, this machine" if provider in up.servers else up.rows[provider].name


def _print_models(found: list[dict[str, Any]], *, as_json: bool) -> None:
    import msgspec

    from tritium.cli.table import print_table
    from tritium.cli.terminal import note, print_json, shown

    if as_json:
        print_json(msgspec.json.encode(found))
        return
    print_table(
        ("id", "maker", ">in", ">out", ">context", "where"),
        [
            (
                row["id"],
                row["maker"],
                _price(row, "input"),
                _price(row, "output"),
                f"{row['context_tokens']:,}" if row["context_tokens"] else "",
                row["where"] if row["kind"] == "model" else row["description"],
            )
            for row in found
        ],
    )
    if shown() and not any(row["kind"] == "model" for row in found):
        note("\nNo model is reachable: set a provider's key, or run `tritium models install full`.")


def _price(row: dict[str, Any], way: str) -> str:
    if row["kind"] != "model":
        return ""
    price = row[f"{way}_usd_per_million"]
    return "?" if price is None else "free" if price == 0 else f"{price:,.2f}"


@app.command("install")
def install(
    name: Annotated[str, typer.Argument(metavar="PACK|MODEL|FILE.gguf", help="tiny, small, full, a model, a file.")],
    config: options.ConfigFile = None,
) -> None:
    """Fetch a pack of embedded models, or register a GGUF file of your own where it lies."""
    from tritium.cli.download import download
    from tritium.cli.exits import INTERRUPTED
    from tritium.cli.first_run import announce
    from tritium.cli.terminal import note
    from tritium.providers.local.packs import embedded_models
    from tritium.providers.local.shelf import complete, register

    settings = options.load(config)
    root, manifest = settings.models_path, embedded_models()
    if name.endswith(".gguf"):
        registered = register(Path(name), root, manifest)
        note(f"Registered as local/{registered.id}; the file stays where it is.")
        return
    missing = [model for model in manifest.select(name) if not complete(model, root)]
    if missing:
        announce(missing, settings, smaller=False)
    try:
        done = download(name, root, manifest)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    note(f"Ready: {', '.join(f'local/{model.id}' for model in done)}.")


@app.command("list")
def list_installed(config: options.ConfigFile = None, as_json: options.AsJson = False) -> None:
    """The embedded models that are installed."""
    import msgspec

    from tritium.cli import figures
    from tritium.cli.table import print_table
    from tritium.cli.terminal import note, print_json
    from tritium.providers.local.shelf import installed

    found = installed(options.load(config).models_path)
    if as_json:
        print_json(msgspec.json.encode(found, enc_hook=str))
    elif found:
        print_table(
            ("id", "maker", ">size", "licence", "file"),
            [
                (f"local/{each.id}", each.maker, figures.size(each.size_bytes), each.licence or "", _file(each.path))
                for each in found
            ],
        )
    else:
        note("None. `tritium models install full` fetches three small ones, `tiny` the smallest.")


def _file(path: Path) -> str:
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


@app.command("remove")
def remove(
    name: Annotated[str, typer.Argument(help="As `tritium models list` shows it.")], config: options.ConfigFile = None
) -> None:
    """Delete an embedded model, or forget a registered file (the file itself stays)."""
    from tritium.cli.terminal import note
    from tritium.providers.local import shelf

    shelf.remove(name.removeprefix("local/"), options.load(config).models_path)
    note(f"{name} is removed.")


@app.command("update")
def update(config: options.ConfigFile = None) -> None:
    """Fetch the newest list prices; Tritium never does so by itself. A running server reads them at its next start."""
    from tritium.catalog.price_update import NAME, update_prices
    from tritium.cli.terminal import note

    kept = options.load(config).data_path / NAME
    note(f"The prices of {update_prices(kept):,} models are in {_file(kept)}.")
