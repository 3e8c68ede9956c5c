"""Calls each function of a client's program that takes nothing, in order, and prints as JSON what each of them saw.

It runs inside the client's own environment, so it stands on the standard library alone. A function that fails is
reported with its traceback, and the others still have their turn.
"""

import inspect
import json
import runpy
import sys
import traceback
from typing import Any


def main(program: str) -> None:
    json.dump({name: seen(feature) for name, feature in features(program).items()}, sys.stdout)


def features(program: str) -> dict[str, Any]:
    """The functions that are defined in the program itself and need no argument."""
    names = runpy.run_path(program, run_name="client")
    own = {name: each for name, each in names.items() if inspect.isfunction(each) and each.__module__ == "client"}
    return {name: each for name, each in own.items() if not inspect.signature(each).parameters}


def seen(feature: Any) -> Any:
    try:
        return feature()
    except Exception:  # noqa: BLE001 - whatever a client raises is what it saw
        return {"failed": traceback.format_exc()}


if __name__ == "__main__":
    main(sys.argv[1])
