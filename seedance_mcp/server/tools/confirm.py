"""Ask the person before spending more than SEEDANCE_CONFIRM_ABOVE, in whichever way the client can be asked.

Clients of 2026-07-28 are answered with a question and call again with the answer; older ones are asked while the call
waits. Some clients say that they can ask and then decline by themselves, so this is never the only gate: caps are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from seedance_mcp.catalog.price import dollars
from seedance_mcp.errors import NotConfirmed

if TYPE_CHECKING:
    from seedance_mcp.jobs.quote import Quote
    from seedance_mcp.settings import Settings

Ask = Callable[[str, str], Awaitable[bool | None]]
"""(question, what it is about) → yes, no, or None where the client cannot ask anybody."""


async def confirm(quote: Quote, settings: Settings, ask: Ask) -> None:
    """Let a quote pass if it is cheap enough or the person agrees.

    Raises:
        NotConfirmed: with what to do instead. Nothing was sent.
    """
    limit = settings.confirm_above
    cost = quote.price.usd_micros
    if limit is None or (cost is not None and cost <= limit):
        return
    amount = "an unknown amount" if cost is None else f"up to {dollars(cost)}"
    length = f"{quote.request.duration} s " if quote.request.duration else ""
    question = f"Spend {amount} on one {length}video with {quote.request.model.id}?"
    answer = await ask(question, quote.fingerprint)
    if answer:
        return
    if answer is None:
        raise NotConfirmed(
            f"This video may cost {amount}; the user wants to be asked above {dollars(limit)}, and this client cannot.",
            next_step="Ask in the chat: the user can raise SEEDANCE_CONFIRM_ABOVE, or take something cheaper.",
        )
    raise NotConfirmed("The user did not agree, so nothing was sent.", next_step="Propose something cheaper.")
