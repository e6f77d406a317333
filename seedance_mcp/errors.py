"""Everything that can go wrong, each with a code, a sentence and a next step.

SeedanceError
├── Refused                     we refuse: nothing was sent, nothing is charged
│   ├── InvalidRequest              the named model, or every model, cannot do this; lists every problem
│   ├── OverBudget                  a cap would be exceeded
│   │   └── PriceUnknown                no cap can be enforced, for the price is unknown
│   ├── KeyReused                   the request_key belongs to another request
│   ├── NotConfigured               no vendor has an API key, or the vendor of the model has none
│   ├── NotConfirmed                the user could not be asked, or declined
│   ├── NoSavedVideo                there is no video file to open
│   └── UnknownJob                  the journal has no such job
├── VendorRefused               the vendor refused before it accepted the job: not charged
├── VendorUnreachable           the vendor did not answer a request that costs nothing
│   └── NoSuchTask                  it answered that it does not know the task (yet, or any more)
├── UnexpectedAnswer            the vendor's answer does not have a shape that it documents
├── UploadPending               a local file is still being uploaded or reviewed: nothing was sent
├── SettingError                a setting has a value that cannot be used
├── MissingExtra                an optional dependency is not installed
├── UnreadableMedia             a media file cannot be decoded
├── JournalError                the journal cannot be read or written
├── Stopping                    the server is shutting down
├── InternalError               a bug in this program
└── SaveError                   the video could not be saved; the job and its URL remain
    ├── LinkExpired                 the video's link no longer works; the vendor may give a new one
    ├── VideoUnreachable            the video's host did not answer; a later attempt may succeed
    └── NotAVideo                   what the link returned is not the video
"""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """The classes of failure, the same for all vendors. Programs may rely on the values."""

    INVALID_REQUEST = "invalid_request"
    CONTENT_POLICY = "content_policy"
    REAL_PERSON = "real_person"
    AUTH = "auth"
    NO_CREDIT = "no_credit"
    RATE_LIMITED = "rate_limited"
    BUSY = "busy"
    NOT_FOUND = "not_found"
    MODEL_NOT_OPEN = "model_not_open"
    VENDOR_DOWN = "vendor_down"
    UNKNOWN_OUTCOME = "unknown_outcome"
    GENERATION_FAILED = "generation_failed"
    UNEXPECTED_ANSWER = "unexpected_answer"
    OVER_BUDGET = "over_budget"
    PRICE_UNKNOWN = "price_unknown"
    CONFIRMATION_REQUIRED = "confirmation_required"
    KEY_REUSED = "key_reused"
    NOT_CONFIGURED = "not_configured"
    UNKNOWN_JOB = "unknown_job"
    SETTING = "setting"
    JOURNAL = "journal"
    STOPPING = "stopping"
    INTERNAL = "internal"
    NOT_SAVED = "not_saved"


NEXT_STEP: dict[Code, str] = {
    Code.INVALID_REQUEST: "Change the request as the vendor says, or try another model from list_models.",
    Code.CONTENT_POLICY: "Reword the prompt or change the images; the same request would be refused again.",
    Code.REAL_PERSON: "Use images without a recognisable real person, or an asset that the vendor has approved.",
    Code.AUTH: "Ask the user to check this vendor's API key; `seedance-mcp doctor` shows which setting it comes from.",
    Code.NO_CREDIT: "Ask the user to top up the account at this vendor.",
    Code.RATE_LIMITED: "Retry once after 60 s; if it is refused again, tell the user.",
    Code.BUSY: "Wait until one of the running videos has finished (list_videos), then try again.",
    Code.NOT_FOUND: "The vendor does not know this task; call list_videos to see all jobs.",
    Code.MODEL_NOT_OPEN: (
        "Ask the user to activate this model in the vendor's console, or use another model from list_models."
    ),
    Code.VENDOR_DOWN: "Retry once in a few minutes; if that fails, tell the user.",
    Code.UNKNOWN_OUTCOME: (
        "Do NOT call create_video again: the video may be running and billed. check_video says how to settle it."
    ),
    Code.GENERATION_FAILED: "Tell the user. A new attempt is paid for anew, so ask first.",
    Code.UNEXPECTED_ANSWER: "Ask the user to report this answer to the project; other vendors are not affected.",
    Code.OVER_BUDGET: "Tell the user: only a shorter, smaller or cheaper video, or a higher limit, would do.",
    Code.PRICE_UNKNOWN: "Tell the user, and ask which model to take.",
    Code.CONFIRMATION_REQUIRED: "Ask the user whether to spend this.",
    Code.KEY_REUSED: "Use a new request_key for a new video, or repeat the first request unchanged.",
    Code.NOT_CONFIGURED: "Ask the user to set a vendor's API key, or SEEDANCE_SANDBOX=1 to try without one.",
    Code.UNKNOWN_JOB: "Call list_videos to see the jobs there are.",
    Code.SETTING: "Ask the user to correct the setting; `seedance-mcp doctor` lists all settings.",
    Code.JOURNAL: "Ask the user to run `seedance-mcp doctor`; nothing is sent while the journal cannot be written.",
    Code.STOPPING: "Call again once the server has restarted; list_videos shows what was under way.",
    Code.INTERNAL: "Call list_videos before trying again, and ask the user to report what the server's log says.",
    Code.NOT_SAVED: "Call check_video to try again; it also gives the URL until that expires.",
}


class SeedanceError(Exception):
    """A failure that is reported to a person or a model.

    `str()` of it is the whole answer: the code, what happened (`sentence`), and what to do (`next_step`).
    """

    code: Code

    def __init__(self, sentence: str, *, code: Code | None = None, next_step: str | None = None) -> None:
        if code is not None:
            self.code = code
        self.sentence = sentence
        self.next_step = NEXT_STEP[self.code] if next_step is None else next_step
        super().__init__(f"{self.code}: {sentence} {self.next_step}".strip())


class Refused(SeedanceError):
    """We refuse: nothing was sent and nothing is charged."""


class InvalidRequest(Refused):
    """The named model, or every configured model, cannot do what the caller asks."""

    code = Code.INVALID_REQUEST


class OverBudget(Refused):
    """Spending this would exceed a cap."""

    code = Code.OVER_BUDGET


class PriceUnknown(OverBudget):
    """The price in USD is unknown, so that no cap can be enforced, and nobody has agreed to pay it."""

    code = Code.PRICE_UNKNOWN


class KeyReused(Refused):
    """The request_key was used for another request."""

    code = Code.KEY_REUSED


class NotConfigured(Refused):
    """No vendor has an API key, or the vendor of the named model has none."""

    code = Code.NOT_CONFIGURED


class NotConfirmed(Refused):
    """The user has to agree to this price, and could not be asked or declined."""

    code = Code.CONFIRMATION_REQUIRED


class NoSavedVideo(Refused):
    """The job has no video file to open."""

    code = Code.NOT_SAVED


class UnknownJob(Refused):
    """The journal has no such job."""

    code = Code.UNKNOWN_JOB


class VendorRefused(SeedanceError):
    """The vendor refused before it accepted the job; the sentence quotes its message."""


class VendorUnreachable(SeedanceError):
    """The vendor did not answer a request that costs nothing, so it may be sent again."""

    code = Code.VENDOR_DOWN


class NoSuchTask(VendorUnreachable):
    """The vendor says, in words that it documents, that it does not know the task."""


class UnexpectedAnswer(SeedanceError):
    """The vendor's answer does not have a shape that it documents."""

    code = Code.UNEXPECTED_ANSWER


class UploadPending(SeedanceError):
    """A local file is still being uploaded or reviewed. Nothing was sent and nothing is charged."""

    code = Code.BUSY


class SettingError(SeedanceError):
    """A setting has a value that cannot be used."""

    code = Code.SETTING


class MissingExtra(SeedanceError):
    """An optional dependency is needed and is not installed."""

    code = Code.SETTING


class UnreadableMedia(SeedanceError):
    """A media file cannot be decoded."""

    code = Code.INVALID_REQUEST


class JournalError(SeedanceError):
    """The journal cannot be read or written, so nothing may be spent."""

    code = Code.JOURNAL


class Stopping(SeedanceError):
    """The server is shutting down."""

    code = Code.STOPPING


class InternalError(SeedanceError):
    """This program failed unexpectedly; the log has the details."""

    code = Code.INTERNAL


class SaveError(SeedanceError):
    """The video is finished and paid for, and could not be saved."""

    code = Code.NOT_SAVED


class LinkExpired(SaveError):
    """The video's host says that the link is no longer valid; the vendor may give a new one."""


class VideoUnreachable(SaveError):
    """The video's host did not answer; a later attempt may succeed."""


class NotAVideo(SaveError):
    """What the link returned is not the video, so it was discarded."""
