"""Configs of assets, made from the frozen dataclasses that they fill: a field, its default and its words stand once."""

import dataclasses
import inspect
import re
import typing
from typing import Any, ClassVar, Generic, TypeVar

import dagster as dg
from pydantic import Field, create_model, model_validator

Settings = TypeVar("Settings")

#: An entry of a docstring's `Attributes:`, with the lines that continue it.
_ENTRY = re.compile(r"^    (\w+): (.+(?:\n {6,}.+)*)", re.MULTILINE)


class DerivedConfig(dg.Config, Generic[Settings]):
    """A config that fills a dataclass; see `config_of`."""

    settings: ClassVar[type]

    def to_op(self) -> Settings:
        """Return the dataclass, validated by itself."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self.settings)}
        return self.settings(
            **{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        )

    @model_validator(mode="after")
    def _check(self) -> "DerivedConfig[Settings]":
        """Refuse what the dataclass refuses, before the step begins."""
        self.to_op()
        return self


def config_of(settings: type[Settings]) -> type[DerivedConfig[Settings]]:
    """Return a base class for the config of an asset: all fields of a frozen dataclass, with its defaults.

    Descriptions are those under `Attributes:` of the dataclass's docstring.

    Args:
        settings: the dataclass; each field has a default.

    Raises:
        ValueError: a field has no description or no default.
    """
    types, described = typing.get_type_hints(settings), _descriptions(settings)
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(settings):  # type: ignore[arg-type]
        if field.name not in described or field.default is dataclasses.MISSING:
            raise ValueError(
                f"{settings.__name__}.{field.name} has no default, or no description: "
                "add it under Attributes: of the class's docstring"
            )
        kind, default = _for_dagster(types[field.name], field.default)
        fields[field.name] = (kind, Field(default=default, description=described[field.name]))
    made = create_model(f"{settings.__name__}Fields", __base__=DerivedConfig, __module__=__name__, **fields)
    made.settings = settings
    return made


def _descriptions(settings: type) -> dict[str, str]:
    """Return the text of each entry under `Attributes:`, as a sentence."""
    text = (inspect.getdoc(settings) or "").partition("Attributes:\n")[2]
    entries = ((name, " ".join(words.split())) for name, words in _ENTRY.findall(text))
    return {name: words[:1].upper() + words[1:] for name, words in entries}


def _for_dagster(kind: Any, default: Any) -> tuple[Any, Any]:
    """Return a field's type and default as Dagster takes them: it knows lists, not tuples."""
    if typing.get_origin(kind) is tuple:
        item = typing.get_args(kind)[0]
        return list[item], list(default)  # type: ignore[valid-type]
    return kind, default
