"""How a field of an experiment is written: limits for the reader, and words, symbol and slider for the form."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

if TYPE_CHECKING:
    from collections.abc import Mapping

SEED_MAX = 2**31 - 1  # the largest whole number that a Qt spin box holds


def field(
    default: object,
    title: str,
    help: str,
    *,
    symbol: str = "",
    unit: str = "",
    limits: tuple[float, float] | None = None,
    slider: tuple[float, float] | None = None,
    log: bool = False,
    labels: Mapping[str, str] | None = None,
) -> Any:
    """Return a pydantic field that also carries what a form needs to show it."""
    extra: dict[str, Any] = {"symbol": symbol, "unit": unit, "slider": slider, "log": log, "labels": dict(labels or {})}
    if limits is None:
        return Field(default=default, title=title, description=help, json_schema_extra=extra)
    return Field(default=default, title=title, description=help, ge=limits[0], le=limits[1], json_schema_extra=extra)


def drawn_from(what: str) -> Any:
    """Return the field of a seed."""
    return field(
        0,
        "Seed",
        f"The number from which {what} drawn; the same seed always draws the same, on every device.",
        limits=(0, SEED_MAX),
    )


class Section(BaseModel):
    """A frozen group of settings that refuses names it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _plain(cls, value: object, info: ValidationInfo) -> object:
        """Unwrap NumPy scalars, and refuse true and false where a number is meant (Python counts them as 1 and 0)."""
        if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
            value = value.item()
        wants = cls.model_fields[info.field_name].annotation if info.field_name else None
        if isinstance(value, bool) and wants in (int, float):
            raise ValueError("a number is needed, not true or false")
        return value

    @field_validator("file", "start_file", "array", mode="before", check_fields=False)
    @classmethod
    def _no_file(cls, value: object) -> object:
        """Read an emptied entry field as no name."""
        return None if value == "" else value


_OUTPUT = re.compile(r"\s*(\d{1,9})\s*(?:[-−]\s*(\d{1,9})\s*)?")


def chosen_output(text: str) -> tuple[int, ...] | None:
    """The outputs that "3" or "3 - 5" names; () for nothing, None for something else."""
    if not text.strip():
        return ()
    found = _OUTPUT.fullmatch(text)
    return None if found is None else tuple(int(part) for part in found.groups() if part is not None)
