"""All presets by name: the one place that knows every paper's."""

from collections.abc import Callable, Iterable

from ..experiments import runner
from ..experiments.preset import Preset
from ..experiments.record import Record, is_recorded, recorded
from .dd_vae import presets as dd_vae

__all__ = ["PRESETS", "find_preset", "inventory", "obtain"]

PRESETS: dict[str, Preset] = {**dd_vae.PRESETS}
"""Every paper's presets, by name."""


def find_preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        ValueError: there is none.
    """
    if name not in PRESETS:
        raise ValueError(f"preset is {name!r}; expected one of {', '.join(PRESETS)}")
    return PRESETS[name]


def obtain(
    name: str,
    budget: str,
    out: str = "",
    seeds: Iterable[int] = (1,),
    device: str = "cpu",
    watch: Callable[[list[dict]], None] | None = None,
) -> list[Record]:
    """`runner.obtain` of the preset of that name."""
    return runner.obtain(find_preset(name), budget, out, seeds, device, watch)


def inventory() -> list[str]:
    """One Markdown table row a preset: its name, what is recorded, which full runs are lacking."""
    rows = []
    for name, preset in PRESETS.items():
        records = recorded(name) if is_recorded(name) else []
        found = ", ".join(f"{r.seed} ({r.budget})" for r in records) or "none"
        full = {r.seed for r in records if r.budget == "full"}
        lacking = ", ".join(str(s) for s in range(1, preset.seeds + 1) if s not in full) or "none"
        rows.append(f"| `{name}` | {found} | {lacking} |")
    return rows
