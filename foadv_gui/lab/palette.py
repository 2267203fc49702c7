"""The colours of the window and of figures, light and dark: neither torch nor Qt is needed to know them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Theme:
    """One set of colours; `#rrggbb` each, named by what they mark."""

    name: str
    window: str
    panel: str
    plot: str
    border: str
    text: str
    faint_text: str
    accent: str
    accent_text: str
    focus: str
    """The focused path, everywhere."""
    others: str
    """All other paths."""
    cursor: str
    multiplier: str
    largest: str
    smallest: str
    bars: str
    prediction: str
    """What random-matrix theory predicts."""
    yes: str
    no: str
    unsure: str
    note: str


LIGHT = Theme(
    name="light",
    window="#eef0f4",
    panel="#ffffff",
    plot="#ffffff",
    border="#c3cad5",
    text="#1b2230",
    faint_text="#5a6577",
    accent="#2f6fdb",
    accent_text="#ffffff",
    focus="#e4572e",
    others="#c27a3e",
    cursor="#1b2230",
    multiplier="#b0399a",
    largest="#d1495b",
    smallest="#2f6fdb",
    bars="#7f9bcb",
    prediction="#0f766e",
    yes="#1b7f4d",
    no="#b3261e",
    unsure="#8a6100",
    note="#2f6fdb",
)
DARK = Theme(
    name="dark",
    window="#14171d",
    panel="#1c2129",
    plot="#171b22",
    border="#414b5a",
    text="#e7ebf2",
    faint_text="#a3aebf",
    accent="#6ea3ff",
    accent_text="#0c1320",
    focus="#ff7a50",
    others="#c98a55",
    cursor="#f2f5fa",
    multiplier="#e58bd6",
    largest="#ff8a8f",
    smallest="#7fb0ff",
    bars="#5b78ad",
    prediction="#f2d06b",
    yes="#63d297",
    no="#ff8a80",
    unsure="#f0c060",
    note="#8ab6ff",
)
THEMES = {theme.name: theme for theme in (LIGHT, DARK)}
