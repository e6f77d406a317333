"""Measure what previews of bombs, and of an honest video, cost: in a process that decodes them itself, and now.

    uv run python bench/bombs.py

Prints a table in Markdown, and how long a preview of 15 s in 1080p takes. The first way is that of version 0.1: FFmpeg
detects the format, and every frame becomes an image in this process. It is ended after 60 s or at 8 GB.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SECONDS, MEMORY = 60, 8 * 1024**3
ITSELF = """
import sys, av
with av.open(sys.argv[1], options={"protocol_whitelist": "file"}) as container:
    video = container.streams.video[0]
    seconds = float((video.duration or 0) * video.time_base)
    times, shown = [seconds * (i + 0.5) / 6 for i in range(6)], None
    for frame in container.decode(video=0):
        while times and frame.time is not None and frame.time > times[0]:
            (shown or frame).to_image(), times.pop(0)
        shown = frame
with av.open(sys.argv[1], options={"protocol_whitelist": "file"}) as container:
    container.seek(max(0, (container.duration or 0) - 2_000_000))
    for frame in container.decode(video=0):
        frame.to_image()
"""
PEAK = """
import atexit, os, resource
{}
both = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
atexit.register(lambda: os.write(2, str(max(resource.getrusage(who).ru_maxrss for who in both)).encode()))
"""
MAKE = """
import sys
from pathlib import Path
from seedance_mcp.sandbox.videos.render import Video, make
from tests.media.bombs import BOMBS
honest = {"15 s of honest 1080p": lambda: make(Video(1920, 1080, 15, audio=True))}
for number, (name, bomb) in enumerate({**BOMBS, **honest}.items()):
    Path(sys.argv[1], f"{number} {name}").write_bytes(bomb())
"""
GUARDED = """
import sys, anyio
from pathlib import Path
from seedance_mcp.errors import UnreadableMedia
from seedance_mcp.media.inspector import Inspector
try:
    anyio.run(Inspector().preview, Path(sys.argv[1]))
except UnreadableMedia as error:
    print(error.sentence.partition(" ")[2], end="")
"""


def measured(code: str, path: Path, *, children: bool) -> tuple[str, str, str]:
    """Run a program with a video; return its memory, its time, and what it printed."""
    cap = "" if children else f"resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY}))"
    code = PEAK.format(cap) + code
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    try:
        out, err = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
        process.kill()
        process.communicate()
        return f"{kib // 1024} MB", f"more than {SECONDS} s", ""
    took = time.perf_counter() - began
    digits = "".join(c for c in err.splitlines()[-1] if c.isdigit()) if err else ""
    failed = "MemoryError" in err or "Cannot allocate" in err or process.returncode < 0
    memory = f"more than {MEMORY // 1024**3} GB" if failed and not children else f"{int(digits or 0) // 1024} MB"
    return memory, f"{took:.1f} s", out or ("" if children or process.returncode == 0 else "fails")


def main() -> None:
    os.environ["PYTHONPATH"] = str(ROOT)
    print("| Video | Size | Decoded in the server | Now | The answer |\n| --- | --: | --: | --: | --- |")
    with tempfile.TemporaryDirectory() as folder:
        # Not in this process: its own memory would be counted as that of each process that it starts.
        subprocess.run([sys.executable, "-c", MAKE, folder], check=True, cwd=ROOT)
        for path in sorted(Path(folder).iterdir()):
            memory, took, _ = measured(ITSELF, path, children=False)
            now_memory, now_took, answer = measured(GUARDED, path, children=True)
            size = path.stat().st_size
            shown = f"{size / 1000:.1f} kB" if size < 10_000 else f"{size // 1000:,} kB"
            answer = answer.partition("cannot be decoded")[2].strip(" :().") or "six frames"
            name = path.name.partition(" ")[2]
            print(f"| {name} | {shown} | {memory}, {took} | {now_memory}, {now_took} | {answer} |", flush=True)


if __name__ == "__main__":
    main()
