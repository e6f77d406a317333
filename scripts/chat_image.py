"""Draw docs/images/chat.svg: a conversation that really takes place, in the sandbox, as a moving image.

    uv run python scripts/chat_image.py

The tools are called with the arguments that the image shows, and all that it shows of their answers is what they say.
"""

from __future__ import annotations

import base64
import io
import json
import tempfile
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

import anyio
import av
from PIL import Image

from scripts.markdown import ROOT
from tests.server.mcp_client import connected

WISH = ("Make me a six-second vertical video of a red kite", "over a grey beach, for a story.")
ORDER: dict[str, Any] = {"prompt": "A red kite over a grey beach, slow pan", "duration": 6, "aspect_ratio": "9:16"}
FRAMES = 24
SIZE = (144, 256)
FILE = ROOT / "docs" / "images" / "chat.svg"

STYLE = """
svg { font: 15px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; color-scheme: light dark; }
.back { fill: #ffffff; stroke: #d6d4cc; } .bubble { fill: #e8eefb; } .text { fill: #1b1b19; } .faint { fill: #5c5b56; }
.code { font: 12.5px ui-monospace, Consolas, monospace; } .mark { fill: #7d5200; } .bar { fill: #1f5fbf; }
.track { fill: #e4e2da; } .bold { font-weight: 600; }
@media (prefers-color-scheme: dark) {
  .back { fill: #1c1c1b; stroke: #46453f; } .bubble { fill: #2b3950; } .text { fill: #f4f3ef; }
  .faint { fill: #b5b3ab; } .mark { fill: #f0c064; } .bar { fill: #82b1ff; } .track { fill: #3a3935; }
}
@media (prefers-reduced-motion: no-preference) {
  .step { opacity: 0; animation: appear .4s ease-out forwards; }
  .bar { transform-origin: left; transform-box: fill-box; animation: grow 2.4s 3.2s linear backwards; }
  .strip { animation: play 6s steps(%d) infinite; }
}
@keyframes appear { to { opacity: 1; } }
@keyframes grow { from { transform: scaleX(0); } }
@keyframes play { to { transform: translateX(-%dpx); } }
"""


def main() -> None:
    """Hold the conversation, and draw it."""
    FILE.write_text(anyio.run(_draw), "utf-8", newline="\n")
    print(f"{FILE} written, {FILE.stat().st_size // 1000} kB")


async def _draw() -> str:
    with tempfile.TemporaryDirectory() as folder:
        async with connected(Path(folder), "legacy") as session:
            created = await session.create(ORDER["prompt"], **_named(ORDER))
            done = await session.finish(created["job_id"])
            strip = _strip(Path(done["path"]))
    return drawing(created, done, strip)


def _named(order: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in order.items() if name != "prompt"}


def _strip(video: Path) -> bytes:
    """Return frames of a video, side by side, as one JPEG."""
    with av.open(str(video)) as file:
        frames: list[Image.Image] = [frame.to_image() for frame in file.decode(video=0)]  # pyright: ignore[reportUnknownMemberType]  (the library is typed in part)
    whole = Image.new("RGB", (SIZE[0] * FRAMES, SIZE[1]))
    for n in range(FRAMES):
        whole.paste(frames[n * len(frames) // FRAMES].resize(SIZE), (n * SIZE[0], 0))  # pyright: ignore[reportUnknownMemberType]  (as above)
    out = io.BytesIO()
    whole.save(out, "JPEG", quality=70, optimize=True)
    return out.getvalue()


def drawing(created: dict[str, Any], done: dict[str, Any], strip: bytes) -> str:
    """Return the drawing of a conversation, from the answers of its two calls."""
    price = f"${created['cost']['usd']:.2f}"
    check = {"job_id": created["job_id"], "wait_seconds": 50}
    answer = ("Here it is, and saved on your disk.", f"In the sandbox nothing is paid; at the vendor it costs {price}.")
    left = [
        (0.0, _bubble(30, 58, WISH)),
        (1.4, _tool(128, "create_video", ORDER)),
        (2.4, _line(170, f"→ job {created['job_id']}, {created['model']}, {price} (sandbox)")),
        (3.0, _tool(208, "check_video", check)),
        (3.0, '<rect class="track" x="30" y="228" width="500" height="6" rx="3"/>'),
        (3.0, '<rect class="bar" x="30" y="228" width="500" height="6" rx="3"/>'),
        (5.8, _line(256, f"→ {done['state']}, {Path(done['path']).name}")),
        (6.6, _text(30, 296, answer, "text")),
    ]  # fmt: skip
    style = STYLE % (FRAMES, FRAMES * SIZE[0])
    data = f'href="data:image/jpeg;base64,{base64.b64encode(strip).decode()}"'
    width, height = SIZE
    return "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 350" width="760" height="350" role="img">',
            "<title>A chat in the sandbox: the wish, the price, the progress, and the finished video</title>",
            f"<style>{style}</style>",
            '<rect class="back" x=".5" y=".5" width="759" height="349" rx="12"/>',
            *(f'<g class="step" style="animation-delay: {at}s">{shape}</g>' for at, shape in left),
            '<g class="step" style="animation-delay: 6.2s">',
            f'<svg x="580" y="36" width="{width}" height="{height}">',
            f'<image class="strip" width="{width * FRAMES}" height="{height}" {data}/></svg>',
            '<text class="mark bold" x="652" y="314" text-anchor="middle">sandbox: a sample video</text></g>',
            "</svg>\n",
        ]
    )


def _text(x: int, y: int, lines: Sequence[str], kind: str) -> str:
    spans = "".join(f'<tspan x="{x}" dy="{21 if n else 0}">{escape(line)}</tspan>' for n, line in enumerate(lines))
    return f'<text class="{kind}" x="{x}" y="{y}">{spans}</text>'


def _bubble(x: int, y: int, lines: Sequence[str]) -> str:
    return f'<rect class="bubble" x="{x}" y="{y - 26}" width="400" height="64" rx="14"/>' + _text(
        x + 16, y, lines, "text"
    )


def _line(y: int, text: str) -> str:
    return f'<text class="faint code" x="30" y="{y}">{escape(text)}</text>'


def _tool(y: int, name: str, arguments: dict[str, Any]) -> str:
    return "".join(_words(y, name, _wrapped(json.dumps(arguments))))


def _words(y: int, name: str, lines: Sequence[str]) -> Iterator[str]:
    yield f'<text class="faint code" x="30" y="{y}"><tspan class="bold">{name}</tspan> {escape(lines[0])}</text>'
    for n, line in enumerate(lines[1:], 1):
        yield f'<text class="faint code" x="126" y="{y + 17 * n}">{escape(line)}</text>'


def _wrapped(text: str) -> list[str]:
    first, comma, rest = text.partition(', "duration')
    return [first + ",", comma[2:] + rest] if comma else [text]


if __name__ == "__main__":
    main()
