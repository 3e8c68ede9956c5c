"""The recorded answers as a provider of the catalogue. They are for measuring: on no panel unless it names them."""

from __future__ import annotations

from pathlib import Path

from tritium.catalog.makers import maker_of
from tritium.catalog.shelf import Shelf
from tritium.config import Recorded
from tritium.fusion.roster import Profile
from tritium.providers.recorded import PROVIDER
from tritium.providers.recorded.price_list import ListedModel, read_price_list
from tritium.providers.recorded.recordings import Recordings
from tritium.providers.recorded.source import RecordedSource


def recorded_shelf(folder: Path, settings: Recorded) -> Shelf:
    """What the folder holds, read whole.

    Raises:
        ConfigError: it holds no tables, or one can't be read.
    """
    recordings = Recordings.read(folder)
    price_list = folder / "prices.csv"
    listed = read_price_list(price_list) if price_list.exists() else {}

    def known(model: str) -> ListedModel:
        return listed.get(model, ListedModel())

    def profile(name: str) -> Profile:
        model = name.partition("/")[2]
        maker, strength = known(model).maker, known(model).strength
        return Profile(
            name, maker or maker_of(model, PROVIDER, of_many=True), strength=0.5 if strength is None else strength
        )

    return Shelf(
        provider=PROVIDER,
        source=RecordedSource(recordings, settings.speed),
        models=recordings.models,
        panel=(),
        prices=lambda model: known(model).prices,
        context_tokens=lambda _: None,
        profile=profile,
        open_ended=False,
        collects_data=False,
        retains_data=False,
    )
