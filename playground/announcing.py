"""Every channel-layer name and message, as functions. They carry ids and small text, no secrets.

Losing one costs a moment of freshness, never a result: the table of calls is the truth.
"""

import logging

from asgiref.sync import async_to_sync
from channels.exceptions import ChannelFull
from channels.layers import get_channel_layer

log = logging.getLogger(__name__)

CALLS = "calls"  # the bell that workers listen to

# Whatever the layer raises (each backend has its own errors), the row stands and is polled.
UNREACHABLE = "The channel layer did not take a message; workers and watchers poll the rows."


def run_group(run_id) -> str:
    return f"run.{run_id}"


def person_group(user_id) -> str:
    return f"person.{user_id}"


async def ring() -> None:
    """Calls are waiting: some worker with a free seat should look."""
    await _send(CALLS, {"type": "calls.waiting"})


async def ask_to_stop(worker: str, call_id) -> None:
    """To the worker that holds the call: end it now."""
    await _send(worker, {"type": "call.stop", "call": str(call_id)})


async def call_changed(run_id, call_id) -> None:
    """The row says something new: a status, a result, an error."""
    await _send_group(run_group(run_id), {"type": "call.changed", "call": str(call_id)})


async def call_thought(run_id, call_id) -> None:
    """The row holds more reasoning than before."""
    await _send_group(run_group(run_id), {"type": "call.thought", "call": str(call_id)})


async def call_grew(run_id, call_id, at: int, text: str, ttft_ms: int | None = None) -> None:
    """Fresh text and where it begins, in characters; the first one says how long it took."""
    message = {"type": "call.delta", "call": str(call_id), "at": at, "text": text}
    await _send_group(run_group(run_id), message | ({"ttft_ms": ttft_ms} if at == 0 else {}))


async def run_shared(run_id) -> None:
    """Other people may see it now, or not any more: whoever shows it should look again."""
    await _send_group(run_group(run_id), {"type": "run.shared"})


async def person_changed(user_id) -> None:
    """Signed out, deactivated, in other teams: whoever shows them something should look again."""
    await _send_group(person_group(user_id), {"type": "person.changed"})


ring_soon = async_to_sync(ring)
ask_to_stop_soon = async_to_sync(ask_to_stop)
call_changed_soon = async_to_sync(call_changed)
run_shared_soon = async_to_sync(run_shared)
person_changed_soon = async_to_sync(person_changed)


async def _send(channel: str, message: dict) -> None:
    try:
        await get_channel_layer().send(channel, message)
    except ChannelFull:
        pass  # nobody is reading just now; the idle poll of the worker finds the row
    except Exception:
        log.warning(UNREACHABLE, exc_info=True)


async def _send_group(group: str, message: dict) -> None:
    try:
        await get_channel_layer().group_send(group, message)
    except Exception:
        log.warning(UNREACHABLE, exc_info=True)
