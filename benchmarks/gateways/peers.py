"""The gateways side by side: how each is installed, set up, started and asked.

To add one: a function that takes a `Place` and returns a `Peer`, its name in `PEERS`, and its packages in
`installation.py`. Each runs with its defaults, but for what is said beside its settings.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gateways.installation import PACKAGES, program, python
from gateways.load import Failed
from gateways.provider import BURST, ENDLESS, HELD, PACED, PLAIN

MODELS = (PLAIN, BURST, PACED, HELD, ENDLESS)
_PROGRAMS = Path(__file__).parent / "programs"
_KEY = "sk-benchmark"
_ENOUGH = 1_000_000_000
"""Of requests or tokens a minute: counted, and never the limit."""


@dataclass(frozen=True)
class Place:
    """What a peer is started with: the environments' folder, a folder of its own, the provider's port, and its own."""

    installed: Path
    folder: Path
    upstream_port: int
    port: int

    @property
    def upstream(self) -> str:
        return f"http://127.0.0.1:{self.upstream_port}/v1"


@dataclass(frozen=True)
class Peer:
    """How it is started and asked; with an empty `command` there is no process, and the load goes to the provider.

    `announces` is what stands before its URL in what it prints, where it takes a port of its own. `{}` in `model` is
    the provider's name of a model.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    path: str = "/v1/chat/completions"
    model: str = "{}"
    announces: str = ""


def direct(_place: Place) -> Peer:
    """The provider itself."""
    return Peer(())


def tritium(place: Place, more: str = "") -> Peer:
    """With a key, its limits, and accounts of everything; `more` goes into its configuration.

    Raises:
        Failed: there is no key for it.
    """
    prices = "".join(f'[prices."mock/{model}"]\ninput = 0.15\noutput = 0.6\n' for model in MODELS)
    config = place.folder / "tritium.toml"
    config.write_text(
        f'data_dir = "{place.folder}"\nlocal = {{ enabled = false, detect_servers = false }}\n'
        f'[providers.mock]\nbase_url = "{place.upstream}"\n{prices}{more}'
    )
    command = (sys.executable, "-m", "tritium")
    limits = ("--limit", "1000000", "--reset", "monthly", "--rpm", str(_ENOUGH), "--tpm", str(_ENOUGH))
    making = subprocess.run(
        [*command, "keys", "create", "benchmark", *limits, "--config", str(config), "--json"],
        check=False,
        capture_output=True,
    )
    if making.returncode != 0:
        raise Failed(f"no key could be made: {making.stderr.decode(errors='replace')[-2000:]}")
    return Peer(
        (*command, "serve", "--port", str(place.port), "--config", str(config)),
        headers={"authorization": f"Bearer {json.loads(making.stdout)['key']}"},
        model="mock/{}",
    )


def passthrough(place: Place) -> Peer:
    """No gateway can do less: the floor, and the CI gate's baseline."""
    ports = {"PORT": str(place.port), "UPSTREAM_PORT": str(place.upstream_port)}
    return Peer((sys.executable, str(_PROGRAMS / "passthrough.py")), environment=ports, model="mock/{}")


def tensorzero(place: Place, models: Sequence[str] = MODELS, more: str = "") -> Peer:
    """Without accounts and keys: both need databases beside it. `more` goes into its configuration."""
    config = place.folder / "tensorzero.toml"
    rows = [
        f'[models."{model}"]\nrouting = ["mock"]\n[models."{model}".providers.mock]\ntype = "openai"\n'
        f'model_name = "{model}"\napi_base = "{place.upstream}/"\napi_key_location = "none"\n'
        for model in models
    ]
    config.write_text("[gateway]\nobservability.enabled = false\n" + "".join(rows) + more)
    return Peer(
        (str(python(place.installed, "tensorzero")), str(_PROGRAMS / "tensorzero_wheel.py"), str(config)),
        path="/openai/v1/chat/completions",
        model="tensorzero::model_name::{}",
        announces="listening on ",
    )


def ferro(place: Place) -> Peer:
    """With its rate limit out of the way: by default it answers 429 to all but 20 requests a second."""
    config = place.folder / "ferro.yaml"
    names = ", ".join(f"{model}: {model}" for model in MODELS)
    config.write_text(f"strategy:\n  mode: single\ntargets:\n  - virtual_key: openai\n    model_map: {{{names}}}\n")
    return Peer(
        (program(place.installed, "ferro", "ferrogw"), "serve"),
        environment={
            "GATEWAY_CONFIG": str(config),
            "LOG_LEVEL": "warn",
            "MASTER_KEY": _KEY,
            "OPENAI_API_KEY": "sk-provider",
            "OPENAI_BASE_URL": place.upstream.removesuffix("/v1"),
            "PORT": str(place.port),
            "RATE_LIMIT_BURST": str(_ENOUGH),
            "RATE_LIMIT_RPS": str(_ENOUGH),
        },
        headers={"authorization": f"Bearer {_KEY}"},
    )


def litellm(place: Place) -> Peer:
    """One worker, no database, no telemetry; the models' names are in its own price list, its fastest way."""
    config = place.folder / "litellm.yaml"
    rows = [
        f"  - model_name: {model}\n    litellm_params:\n      model: openai/{model}\n"
        f"      api_base: {place.upstream}\n      api_key: sk-provider\n"
        for model in MODELS
    ]
    config.write_text(
        "model_list:\n" + "".join(rows) + f"general_settings:\n  master_key: {_KEY}\n"
        "litellm_settings:\n  telemetry: false\n  set_verbose: false\n"
    )
    listening = ("--host", "127.0.0.1", "--port", str(place.port), "--num_workers", "1")
    return Peer(
        (program(place.installed, "litellm", "litellm"), "--config", str(config), *listening),
        environment={
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_LOG": "ERROR",
            "LITELLM_MODE": "PRODUCTION",
        },
        headers={"authorization": f"Bearer {_KEY}"},
    )


def fastapi(place: Place) -> Peer:
    return Peer(
        (str(python(place.installed, "fastapi")), str(_PROGRAMS / "handmade.py")),
        environment={"UPSTREAM": place.upstream, "PORT": str(place.port)},
    )


PEERS: Mapping[str, Callable[[Place], Peer]] = {
    "direct": direct,
    "tritium": tritium,
    "passthrough": passthrough,
    "tensorzero": tensorzero,
    "ferro": ferro,
    "litellm": litellm,
    "fastapi": fastapi,
}
LISTENS_EVERYWHERE = frozenset({"ferro"})
"""Those that can't be told to listen on loopback alone: they run only where there is nothing else."""


def versions(names: list[str]) -> dict[str, str]:
    """What each was installed from."""
    return {name: ", ".join(PACKAGES[name].pins) for name in names if name in PACKAGES}
