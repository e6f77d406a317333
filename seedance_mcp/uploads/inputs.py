"""The local files of a request: inspected once, then checked against each model like every other argument.

Before the request is checked, a placeholder replaces each file: a URL made from the file's digest, with a scheme that
the model's row accepts (`https://local.invalid/<sha256>.png`, or `asset://local-<sha256>` where the row accepts only
assets). Prices, fingerprints, the journal and a dry run therefore need neither the file nor its name, and requests with
equal content are equal. When the request is sent, `seedance_mcp.uploads.uploader` replaces the placeholder by the real
URL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import anyio
from anyio import to_thread

from seedance_mcp.catalog import Advice, Link, Media, Source
from seedance_mcp.catalog.check import Checked, Problem, check, soft_advice
from seedance_mcp.catalog.files import FileInfo, FileKind, has_unchecked_limits, limit_problems
from seedance_mcp.catalog.request import FRAMES, MEDIA
from seedance_mcp.uploads import local_files
from seedance_mcp.uploads.local_files import LocalFile, UnusableFile
from seedance_mcp.uploads.routes import PURPOSES, UploadRoute, UploadRoutes

if TYPE_CHECKING:
    from seedance_mcp.catalog import FileLimits, Model
    from seedance_mcp.catalog.rows import Args
    from seedance_mcp.media.inspector import Inspector
    from seedance_mcp.settings import Settings

MAX_FILES = 24
"""Files in one request; no model accepts as many."""
_OURS = Source("OURS", "media")
_NO_DIGEST = "0" * 64
_IMAGES = (*FRAMES, "reference_images")


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that an argument names, or why it cannot be used."""

    purpose: str = ""
    """The review that the argument's suffix asks for, such as `person`; "" for none."""
    file: LocalFile | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class PendingUpload:
    """A file that has to be uploaded before the request can be sent."""

    file: LocalFile
    route: UploadRoute
    model: str
    """The id of the model of the request."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The local files of one request, by the arguments that name them."""

    named: Mapping[str, NamedFile] = field(default_factory=dict[str, NamedFile])
    routes: UploadRoutes = field(default_factory=UploadRoutes)
    unavailable: str = ""
    """Why only videos could be inspected; an empty text if all files could."""

    def check(self, model: Model, args: Args, *, strict: bool = False) -> Checked:
        """Check a request as `catalog.check` does, with the limits for its files."""
        if not self.named:
            return check(model, args, strict=strict)
        resolved = _Resolved(self, model, args)
        checked = check(model, {**args, **resolved.placeholders}, self._shape(args), strict=strict)
        problems = (*checked.problems, *resolved.problems, *(resolved.soft if strict else ()))
        advice = (*checked.advice, *resolved.advice, *(soft_advice(model, problem) for problem in resolved.soft))
        return replace(checked, problems=problems, advice=advice, request=None if problems else checked.request)

    def _shape(self, args: Args) -> tuple[int, int] | None:
        """Return the size of the first image that is a local file, in pixels, where it is known."""
        for name, value in _media_arguments(args):
            for item in [value] if isinstance(value, str) else value:
                named = self.named.get(item) if isinstance(item, str) else None
                if name in _IMAGES and named and named.file and (pixels := named.file.info.pixels):
                    return pixels
        return None

    def asked(self, args: Args) -> dict[str, Any]:
        """Return the arguments with the content of a file in place of its path, for comparing calls."""
        return {name: self._asked(value) if name in MEDIA else value for name, value in args.items()}

    def _asked(self, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [self._asked(item) for item in cast("Sequence[Any]", value)]
        named = self.named.get(value) if isinstance(value, str) else None
        return value if named is None or named.file is None else f"{named.file.sha256}#{named.purpose}"

    def uploads(self, model: Model, args: Args) -> dict[str, PendingUpload]:
        """Return the uploads that a request without problems needs, by placeholder."""
        return _Resolved(self, model, args).uploads if self.named else {}


class _Resolved:
    """The media arguments of a request, with placeholders and upload routes for one model."""

    def __init__(self, inputs: Inputs, model: Model, args: Args) -> None:
        self.placeholders: dict[str, Any] = {}
        self.problems: list[Problem] = []
        self.soft: list[Problem] = []
        """What is beyond the limits for files that only the upstream states."""
        self.advice: list[Advice] = []
        self.uploads: dict[str, PendingUpload] = {}
        self._inputs, self._model = inputs, model
        for name, value in _media_arguments(args):
            row = model.rows.get(name)
            link, kind = (row.link, row.kind) if isinstance(row, Media) else (row, "image")
            if not isinstance(link, Link):
                continue
            usable: list[tuple[str, FileInfo]] = []
            if isinstance(value, str):
                self.placeholders[name] = self._resolve(name, value, 0, link, kind, usable)
            else:
                self.placeholders[name] = [
                    self._resolve(name, item, number, link, kind, usable) for number, item in enumerate(value, 1)
                ]
            if isinstance(row, Media) and row.files:
                self._check_limits(name, row.files, usable)
            if isinstance(soft := model.soft.get(name), Media) and soft.files and soft.files.source.soft:
                self.soft += _limit_problems(name, soft.files, usable)

    def _resolve(
        self, name: str, item: Any, number: int, link: Link, kind: FileKind, usable: list[tuple[str, FileInfo]]
    ) -> Any:
        """Return the placeholder for an argument (or item `number` of it), or the value itself if it is not a file."""
        named = self._inputs.named.get(item) if isinstance(item, str) else None
        if named is None:
            return item
        label = f"item {number} " if number else ""
        file = named.file
        if file is None:
            self._add_problem(name, f"{label}{named.problem}")
            return placeholder(link, _NO_DIGEST, "png", named.purpose)
        label += f"({file.name})"
        if file.info.kind != kind:
            self._add_problem(
                name, f"{label} is {_WITH_ARTICLE[file.info.kind]} ({file.info.ending}), not {_WITH_ARTICLE[kind]}"
            )
        else:
            usable.append((label, file.info))
        route = self._inputs.routes.route(self._model, link, file.info, named.purpose)
        url = placeholder(link, file.sha256, file.info.ending, named.purpose)
        if isinstance(route, str):
            self._add_problem(name, f"{label} {route}")
        else:
            self.uploads[url] = PendingUpload(file, route, self._model.id)
        return url

    def _check_limits(self, name: str, limits: FileLimits, files: Sequence[tuple[str, FileInfo]]) -> None:
        self.problems += _limit_problems(name, limits, files)
        if has_unchecked_limits(limits, [info for _, info in files]):
            why = "only mp4 and mov videos are inspected"
            if all(info.kind != "video" for _, info in files):
                why = self._inputs.unavailable or "they do not state them"
            message = f"Duration and size in pixels of the files in {name} could not be checked: {why}."
            self.advice.append(Advice((name,), message, _OURS))

    def _add_problem(self, name: str, problem: str) -> None:
        self.problems.append(Problem(name, None, problem, source=_OURS))


def _limit_problems(name: str, limits: FileLimits, files: Sequence[tuple[str, FileInfo]]) -> list[Problem]:
    return [Problem(name, None, problem, source=limits.source) for problem in limit_problems(limits, files)]


_WITH_ARTICLE = {"image": "an image", "video": "a video", "audio": "an audio file"}


def placeholder(link: Link, sha256: str, ending: str, purpose: str = "") -> str:
    """Return the URL that represents a file in a request until the file is uploaded."""
    if purpose or "https" not in link.schemes:
        return f"asset://local-{purpose + '-' if purpose else ''}{sha256}"
    return f"https://local.invalid/{sha256}.{ending}"


_PLACEHOLDER = re.compile(
    rf"https://local\.invalid/[0-9a-f]{{64}}\.[a-z0-9]+|asset://local-(?:{'-|'.join(PURPOSES)}-)?[0-9a-f]{{64}}"
)


def is_placeholder(value: object) -> bool:
    """Whether a value is a placeholder."""
    return isinstance(value, str) and _PLACEHOLDER.fullmatch(value) is not None


def _media_arguments(args: Args) -> Iterator[tuple[str, str | list[Any]]]:
    """Yield the media arguments that are a string or a list."""
    for name in MEDIA:
        value: object = args.get(name)
        if isinstance(value, str):
            yield name, value
        elif isinstance(value, list | tuple):
            yield name, list(cast("Sequence[Any]", value))


async def inspect_files(args: Args, settings: Settings, inspector: Inspector) -> Inputs:
    """Find and inspect every local file that a request names."""
    items = [item for _, value in _media_arguments(args) for item in ([value] if isinstance(value, str) else value)]
    paths = list(dict.fromkeys(item for item in items if isinstance(item, str) and local_files.is_local(item)))
    if not paths:
        return Inputs()
    named = await to_thread.run_sync(_find, paths, settings, abandon_on_cancel=True, limiter=inspector.threads)

    async def inspect(path: str, found: NamedFile, file: LocalFile) -> None:
        try:
            named[path] = replace(found, file=await local_files.inspect(file, inspector))
        except UnusableFile as error:
            named[path] = replace(found, file=None, problem=str(error))

    async with anyio.create_task_group() as group:
        for path, found in tuple(named.items()):
            if found.file:
                group.start_soon(inspect, path, found, found.file)
    return Inputs(named, UploadRoutes.of(settings), inspector.unavailable)


def _find(paths: Sequence[str], settings: Settings) -> dict[str, NamedFile]:
    named: dict[str, NamedFile] = {}
    roots = (*settings.media_roots, *_own_frames(settings))
    resolved = {str(root.resolve()) for root in roots}
    for number, path in enumerate(paths, 1):
        purpose = next((p for p in PURPOSES if path.endswith(f"#{p}")), "")
        if number > MAX_FILES:
            named[path] = NamedFile(purpose, problem=f"exceeds the limit of {MAX_FILES} files")
            continue
        try:
            file = local_files.find(path.removesuffix(f"#{purpose}") if purpose else path, roots)
        except UnusableFile as error:
            named[path] = NamedFile(purpose, problem=str(error))
        else:
            swapped = file.root not in resolved
            named[path] = NamedFile(purpose, problem="was swapped") if swapped else NamedFile(purpose, file)
    return named


def _own_frames(settings: Settings) -> tuple[Path, ...]:
    """Return the folder of last frames, whose files are always allowed, unless it is missing or a link."""
    folder = settings.frames_dir
    try:
        own = folder.resolve() == folder.parent.resolve() / folder.name and folder.is_dir()
    except OSError:
        own = False
    return (folder.resolve(),) if own else ()
