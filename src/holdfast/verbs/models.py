"""holdfast models: what can be named as MODEL, what it weighs, and how to get it."""

from __future__ import annotations

import json
import sys
from typing import Any

from pydantic import Field

from holdfast.core.config import Settings
from holdfast.models.converted import BY_NAME


class ModelsSettings(Settings):
    """List the models that have a name."""

    json_output: bool = Field(False, description="Print one JSON document.", json_schema_extra={"flag": "json"})


def models(settings: ModelsSettings, origins: dict[str, str]) -> list[dict[str, Any]]:
    """List the models that have a name, whether they are installed, and how to get them."""
    found: list[dict[str, Any]] = [
        {
            "name": "guild",
            "about": "the embedded model in a made-up world; every experiment runs on it, offline",
            "parameters": "1.4 M parameters",
            "download": "in the package",
            "licence": "as holdfast",
            "installed": True,
            "how_to_get": "",
        }
    ]
    for name, named in BY_NAME.items():
        found.append(
            {
                "name": name,
                "about": named.about,
                "parameters": named.parameters,
                "download": named.download,
                "licence": named.licence,
                "installed": named.path() is not None,
                "how_to_get": named.how_to_get,
            }
        )
    if settings.json_output:
        sys.stdout.write(json.dumps({"schema_version": 1, "verb": "models", "models": found}, indent=2) + "\n")
        return found
    for model in found:
        print(f"{model['name']:<10} {model['parameters']}; {model['download']}; {model['licence']}")
        print(f"{'':<10} {model['about']}")
        if not model["installed"]:
            print(f"{'':<10} not installed: {model['how_to_get']}")
    print("\nMODEL is also a folder, a LoRA adapter, a GGUF file, a hub id, or ensemble:BASE+TUNED@WEIGHT.")
    return found
