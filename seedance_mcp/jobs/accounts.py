"""Which vendor account a job belongs to: it is polled, downloaded and reconciled with that account only."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seedance_mcp.jobs.journal.model import Job
    from seedance_mcp.settings import Settings
    from seedance_mcp.vendors.vendor import Vendor


class Accounts:
    """The configured accounts: a vendor, the address it is called at, and the API key."""

    def __init__(self, settings: Settings) -> None:
        self._vendors = {v.slug: v for v in settings.vendors}
        self._accounts = {slug: settings.account(slug) for slug in self._vendors}

    def id(self, slug: str) -> str:
        """Return the id of the account that is configured for a vendor."""
        return self._accounts[slug]

    def configured(self, slug: str) -> str | None:
        """Return the id of the account that is configured for a vendor, or None."""
        return self._accounts.get(slug)

    def vendor(self, job: Job) -> Vendor | None:
        """Return a job's vendor if the job is of the configured account, as far as is known.

        Jobs in journals of older versions have no account. Asking about them costs nothing, and a vendor that knows
        the task shows that the account is the same.
        """
        return self._vendors.get(job.vendor) if job.account in {None, self._accounts.get(job.vendor)} else None

    def payer(self, job: Job) -> Vendor | None:
        """Return a job's vendor if the job is certainly of the configured account, so that it may be paid for there."""
        return self._vendors.get(job.vendor) if job.account and job.account == self._accounts.get(job.vendor) else None

    def problem(self, job: Job) -> str:
        """Say why `vendor` returns nothing for a job."""
        if job.vendor not in self._vendors:
            return f"No API key for {job.vendor} is set here, so the job cannot be polled."
        return (
            f"The job was submitted with another API key or base URL of {job.vendor}, so it cannot be polled with the "
            "current ones."
        )
