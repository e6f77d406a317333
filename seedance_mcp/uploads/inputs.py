"""A request's own files: found and looked at once, then held against each model like everything else in the request.

A file becomes a stand-in before the request is checked: a URL made from its content, of a scheme that the model's row
takes (`https://local.invalid/<sha256>.png`, or `asset://local-<sha256>` where the row takes assets only). So prices,
fingerprints, the journal and a dry run need neither the file nor its name, and equal content is an equal request. What
stands in is exchanged for the real thing when the request is sent (`seedance_mcp.uploads.uploader`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from anyio import to_thread

from seedance_mcp.catalog import Advice, Link, Media, Source
from seedance_mcp.catalog.check import Checked, Problem, check
from seedance_mcp.catalog.files import FileFacts, FileKind, has_unchecked_limits, limit_problems
from seedance_mcp.catalog.request import MEDIA
from seedance_mcp.uploads import local_files
from seedance_mcp.uploads.local_files import LocalFile, UnusableFile
from seedance_mcp.uploads.routes import MARKS, UploadRoute, UploadRoutes

if TYPE_CHECKING:
    from seedance_mcp.catalog import FileLimits, Model
    from seedance_mcp.catalog.rows import Args
    from seedance_mcp.settings import Settings

MOST = 24
"""Files in one request; no model takes as many."""
_OURS = Source("OURS", "media")
_NOWHERE = "0" * 64


@dataclass(frozen=True, slots=True)
class NamedFile:
    """One argument that names a file: what it is, or why it cannot be used."""

    mark: str = ""
    file: LocalFile | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class PendingUpload:
    """A file on its way to a vendor."""

    file: LocalFile
    route: UploadRoute
    model: str
    """The id of the model that it is meant for."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The files of one request, by the arguments that name them."""

    named: Mapping[str, NamedFile] = field(default_factory=dict[str, NamedFile])
    routes: UploadRoutes = field(default_factory=UploadRoutes)

    def check(self, model: Model, args: Args) -> Checked:
        """Check a request as `catalog.check` does, with its files in the place of their names."""
        if not self.named:
            return check(model, args)
        seen = _ModelView(self, model, args)
        checked = check(model, {**args, **seen.placeholders})
        problems, advice = (*checked.problems, *seen.problems), (*checked.advice, *seen.advice)
        return replace(checked, problems=problems, advice=advice, request=None if problems else checked.request)

    def uploads(self, model: Model, args: Args) -> dict[str, PendingUpload]:
        """Return what each stand-in of a request that was found good stands for."""
        return _ModelView(self, model, args).uploads if self.named else {}


class _ModelView:
    """The files of a request as one model sees them."""

    def __init__(self, inputs: Inputs, model: Model, args: Args) -> None:
        self.placeholders: dict[str, Any] = {}
        self.problems: list[Problem] = []
        self.advice: list[Advice] = []
        self.uploads: dict[str, PendingUpload] = {}
        self._inputs, self._model = inputs, model
        for name, value in _media(args):
            row = model.rows.get(name)
            link, kind = (row.link, row.kind) if isinstance(row, Media) else (row, "image")
            if not isinstance(link, Link):
                continue
            here: list[tuple[str, FileFacts]] = []
            texts = [value] if isinstance(value, str) else value
            given = [
                self._one(name, text, i if texts is value else 0, link, kind, here) for i, text in enumerate(texts, 1)
            ]
            self.placeholders[name] = given[0] if isinstance(value, str) else given
            if isinstance(row, Media) and row.files:
                self._hold(name, row.files, here)

    def _one(
        self, name: str, text: Any, number: int, link: Link, kind: FileKind, here: list[tuple[str, FileFacts]]
    ) -> Any:
        """Return what stands in for one argument, which is itself if it names no file."""
        named = self._inputs.named.get(text) if isinstance(text, str) else None
        if named is None:
            return text
        what = f"item {number} " if number else ""
        file = named.file
        if file is None:
            self._problem(name, f"{what}{named.problem}")
            return placeholder(link, _NOWHERE, "png", named.mark)
        what += f"({file.name})"
        if file.facts.kind != kind:
            self._problem(name, f"{what} is {_A[file.facts.kind]} ({file.facts.ending}), not {_A[kind]}")
        else:
            here.append((what, file.facts))
        route = self._inputs.routes.route(self._model, link, file.facts, named.mark)
        url = placeholder(link, file.sha256, file.facts.ending, named.mark)
        if isinstance(route, str):
            self._problem(name, f"{what} {route}")
        else:
            self.uploads[url] = PendingUpload(file, route, self._model.id)
        return url

    def _hold(self, name: str, limits: FileLimits, here: Sequence[tuple[str, FileFacts]]) -> None:
        self.problems += [
            Problem(name, None, problem, source=limits.source) for problem in limit_problems(limits, here)
        ]
        if has_unchecked_limits(limits, [facts for _, facts in here]):
            message = f"Seconds and pixels of files in {name} could not be checked: the extra «media» is not installed."
            self.advice.append(Advice((name,), message, _OURS))

    def _problem(self, name: str, problem: str) -> None:
        self.problems.append(Problem(name, None, problem, source=_OURS))


_A = {"image": "a picture", "video": "a clip", "audio": "a sound"}


def placeholder(link: Link, sha256: str, ending: str, mark: str = "") -> str:
    """Return the URL that stands for a file until it is handed over."""
    if mark or "https" not in link.schemes:
        return f"asset://local-{mark + '-' if mark else ''}{sha256}"
    return f"https://local.invalid/{sha256}.{ending}"


_PLACEHOLDER = re.compile(
    rf"https://local\.invalid/[0-9a-f]{{64}}\.[a-z0-9]+|asset://local-(?:{'-|'.join(MARKS)}-)?[0-9a-f]{{64}}"
)


def is_placeholder(value: object) -> bool:
    """Whether a URL stands for a file."""
    return isinstance(value, str) and _PLACEHOLDER.fullmatch(value) is not None


def _media(args: Args) -> Iterator[tuple[str, str | list[Any]]]:
    """Yield the media arguments of a request that have the right form."""
    for name in MEDIA:
        value: object = args.get(name)
        if isinstance(value, str):
            yield name, value
        elif isinstance(value, list | tuple):
            yield name, list(cast("Sequence[Any]", value))


async def inspect_files(args: Args, settings: Settings) -> Inputs:
    """Find and look at every file that a request names."""
    texts = [t for _, value in _media(args) for t in ([value] if isinstance(value, str) else value)]
    paths = list(dict.fromkeys(t for t in texts if isinstance(t, str) and local_files.is_local(t)))
    if not paths:
        return Inputs()
    named = await to_thread.run_sync(_inspect, paths, settings, abandon_on_cancel=True)
    return Inputs(named, UploadRoutes.of(settings))


def _inspect(paths: Sequence[str], settings: Settings) -> dict[str, NamedFile]:
    named: dict[str, NamedFile] = {}
    # The end of one film may always begin the next; without that folder there is nothing of ours to allow.
    roots = (*settings.media_roots, *([settings.frames_dir] if settings.frames_dir.is_dir() else []))
    for number, text in enumerate(paths, 1):
        mark = next((m for m in MARKS if text.endswith(f"#{m}")), "")
        if number > MOST:
            named[text] = NamedFile(mark, problem=f"is one file too many; {MOST} are the most")
            continue
        try:
            file = local_files.find(text.removesuffix(f"#{mark}") if mark else text, roots)
        except UnusableFile as error:
            named[text] = NamedFile(mark, problem=str(error))
        else:
            named[text] = NamedFile(mark, file)
    return named
