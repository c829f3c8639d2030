"""How the page of a report and its picture look."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["page_style", "picture_style"]

# The colours of Okabe and Ito (2008), which the colour-blind can tell apart, and brighter ones for the dark.
_LIGHT = ("#0072b2", "#d55e00", "#009e73", "#aa4499", "#b58900", "#56b4e9", "#882255", "#555555")
_DARK = ("#4aa8e0", "#f0883e", "#3fc79a", "#d689c9", "#e3c04a", "#8fd0f5", "#e06c9f", "#aaaaaa")
_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5d6670; --line: #d8dde3; --paper: #ffffff;
  --card: #f6f8fa; --good: #0b7a3b; --bad: #c0271e; --unsure: #8a6100; %(light)s }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ec; --soft: #9aa4ae; --line: #343b43;
  --paper: #14171a; --card: #1c2024; --good: #4cc47f; --bad: #ff7b72; --unsure: #e0b040; %(dark)s } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1440px; padding: 28px 32px 60px; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 26px; margin: 0 0 2px; } h2 { font-size: 19px; margin: 38px 0 12px; }
h3 { font-size: 15px; margin: 0; } p { margin: 4px 0; } .soft { color: var(--soft); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 3px 18px; margin: 18px 0 0;
  font-size: 14px; }
dt { color: var(--soft); } dd { margin: 0; } dd.note { color: var(--unsure); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: 14px; }
th, td { padding: 5px 9px; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
th { color: var(--soft); font-weight: 600; white-space: normal; vertical-align: bottom; }
th.w, td.w { text-align: left; padding-left: 0;
  white-space: normal; min-width: 110px; max-width: 380px; }
td.good, td.bad, td.unsure { white-space: normal; }
tbody tr:hover { background: var(--card); }
.good { color: var(--good); } .bad { color: var(--bad); font-weight: 600; }
.unsure { color: var(--unsure); }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%%, 600px), 1fr));
  gap: 20px; }
figure { margin: 0; padding: 16px 18px 8px; background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; min-width: 0; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; margin: 4px 0 6px; font-size: 13px;
  min-height: 20px; }
.legend button { all: unset; cursor: pointer; } .legend button:focus-visible { outline: 2px solid var(--c0); }
.legend i { display: inline-block; width: 11px; height: 11px; border-radius: 2px; margin-right: 6px;
  background: currentColor; } .legend span { color: var(--ink); } .legend .off { opacity: 0.35; }
.legend .dashed i { background: repeating-linear-gradient(90deg, currentColor 0 3px, transparent 3px 5px); }
figure svg { display: block; width: 100%%; height: auto; } .hidden { display: none; }
details { margin: 10px 0; } summary { cursor: pointer; padding: 3px 0; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px;
  overflow-x: auto; font-size: 12.5px; }
%(drawing)s
@media print { body { max-width: none; } figure { break-inside: avoid; } }
"""
_DRAWING = """
svg { font-family: system-ui, "DejaVu Sans", "Liberation Sans", "Noto Sans", Helvetica, Arial, sans-serif;
  font-size: 12px; }
svg text { fill: var(--ink); } svg .tick, svg .title { fill: var(--soft); } svg .value { font-size: 11.5px;
  paint-order: stroke; stroke: var(--card); stroke-width: 4px; stroke-linejoin: round; }
.grid { stroke: var(--line); stroke-width: 1; } .axis { stroke: var(--soft); stroke-width: 1; }
.whisker { stroke: var(--ink); stroke-width: 1.2; opacity: 0.75; }
line.budget { stroke: var(--bad); stroke-width: 1.4; stroke-dasharray: 5 4; }
svg text.budget { fill: var(--bad); font-size: 11.5px; font-weight: 400; }
.curve { fill: none; stroke-width: 2; stroke-linejoin: round; } .curve.dashed { stroke-dasharray: 6 4; }
.band { opacity: 0.16; }
"""


def page_style(colours: int) -> str:
    """The style sheet, with a class for each of so many colours."""
    drawing = _DRAWING + "\n".join(map(_class, range(colours)))
    return _STYLE % {"light": _variables(_LIGHT), "dark": _variables(_DARK), "drawing": drawing}


def picture_style(colours: int) -> str:
    """What of it is about charts, in the light, without variables: not every reader knows them."""
    known = dict(re.findall(r"(--\w+): ([^;]+);", _STYLE.partition("@media")[0] + _variables(_LIGHT)))
    drawing = _DRAWING + "\n".join(map(_class, range(colours)))
    return re.sub(r"var\((--\w+)\)", lambda found: known[found[1]], drawing)


def _variables(colours: Sequence[str]) -> str:
    return " ".join(f"--c{index}: {colour};" for index, colour in enumerate(colours))


def _class(index: int) -> str:
    colour = f"var(--c{index})"
    return (
        f"svg .c{index} {{ fill: {colour}; }} svg .curve.c{index} {{ fill: none; stroke: {colour}; }} "
        f".legend .c{index} {{ color: {colour}; }}"
    )
