"""Everything that can go wrong, each with a code, a sentence and a next step.

SeedanceError
├── Refused                 our own no: nothing was sent, nothing is charged
│   ├── InvalidRequest          the model cannot do it; lists every problem
│   ├── OverBudget              a cap would be passed
│   ├── KeyReused               the request_key belongs to another request
│   ├── NotConfigured           no vendor has a key, or the model's vendor has none
│   └── UnknownJob              no such job in the journal
├── VendorRefused           the vendor's no, before it took the job: not charged
├── VendorUnreachable       nothing reached the vendor: not charged
├── UnexpectedAnswer        the vendor answered in a shape it does not document
├── SettingError            a setting has a value that cannot be used
├── JournalError            the journal cannot be read or written
└── SaveError               the film could not be saved; the job and its URL stand
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
    VENDOR_DOWN = "vendor_down"
    UNKNOWN_OUTCOME = "unknown_outcome"
    GENERATION_FAILED = "generation_failed"
    UNEXPECTED_ANSWER = "unexpected_answer"
    OVER_BUDGET = "over_budget"
    CONFIRMATION_REQUIRED = "confirmation_required"
    KEY_REUSED = "key_reused"
    NOT_CONFIGURED = "not_configured"
    UNKNOWN_JOB = "unknown_job"
    SETTING = "setting"
    JOURNAL = "journal"
    NOT_SAVED = "not_saved"


NEXT_STEP: dict[Code, str] = {
    Code.INVALID_REQUEST: "Change the request as the vendor says, or try another model from list_models.",
    Code.CONTENT_POLICY: "Reword the prompt or change the pictures; the same request would be refused again.",
    Code.REAL_PERSON: "Use pictures without a recognisable real person, or an asset the vendor has approved.",
    Code.AUTH: "Ask the user to check this vendor's API key; `seedance-mcp doctor` shows which setting it comes from.",
    Code.NO_CREDIT: "Ask the user to top up at this vendor, or use a model of another configured vendor.",
    Code.RATE_LIMITED: "Wait a minute before trying again, or use another vendor.",
    Code.BUSY: "Wait until one of the running videos is done (list_videos), then try again.",
    Code.NOT_FOUND: "The vendor does not know this task; see list_videos for the jobs there are.",
    Code.VENDOR_DOWN: "Try again in a few minutes, or use another vendor.",
    Code.UNKNOWN_OUTCOME: (
        "Do NOT call create_video again: the video may be running and billed. Use check_video with this job_id."
    ),
    Code.GENERATION_FAILED: "Change the prompt or the pictures before paying for another try.",
    Code.UNEXPECTED_ANSWER: "Please report this answer to the project; other vendors are not affected.",
    Code.OVER_BUDGET: "Choose a cheaper model, a shorter film or a lower resolution, or ask the user to raise the cap.",
    Code.CONFIRMATION_REQUIRED: "Ask the user whether to spend this.",
    Code.KEY_REUSED: "Use a new request_key for a new video, or repeat the first request unchanged.",
    Code.NOT_CONFIGURED: "Ask the user to set a vendor's API key, or SEEDANCE_SANDBOX=1 to try without one.",
    Code.UNKNOWN_JOB: "Call list_videos for the jobs there are.",
    Code.SETTING: "Correct the setting; `seedance-mcp doctor` lists all of them.",
    Code.JOURNAL: "Run `seedance-mcp doctor`; nothing is submitted while the journal cannot be written.",
    Code.NOT_SAVED: "Call check_video to try again; the URL is still given while it lasts.",
}


class SeedanceError(Exception):
    """Any failure a person or a model is told of. `str()` of it is the whole answer: what happened, then what to do."""

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
    """No model, or not the named one, can do what is asked."""

    code = Code.INVALID_REQUEST


class OverBudget(Refused):
    """Spending this would pass a cap."""

    code = Code.OVER_BUDGET


class KeyReused(Refused):
    """The request_key was used for another request."""

    code = Code.KEY_REUSED


class NotConfigured(Refused):
    """There is no key for what is asked."""

    code = Code.NOT_CONFIGURED


class UnknownJob(Refused):
    """The journal has no such job."""

    code = Code.UNKNOWN_JOB


class VendorRefused(SeedanceError):
    """The vendor said no in its own words before it took the job."""


class VendorUnreachable(SeedanceError):
    """The request provably never reached the vendor."""

    code = Code.VENDOR_DOWN


class UnexpectedAnswer(SeedanceError):
    """The vendor's answer has none of the shapes it documents."""

    code = Code.UNEXPECTED_ANSWER


class SettingError(SeedanceError):
    """A setting cannot be used as it is."""

    code = Code.SETTING


class JournalError(SeedanceError):
    """The journal cannot be read or written, so nothing may be spent."""

    code = Code.JOURNAL


class SaveError(SeedanceError):
    """The film is done and paid for, and could not be saved."""

    code = Code.NOT_SAVED
