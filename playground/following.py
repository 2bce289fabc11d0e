"""Follow-ups: one more turn in the columns of a run, each of which goes on with its own thread."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from django.conf import settings
from django.utils.translation import gettext

from . import running
from .access import runnable_by, visible_to, with_edit_rights
from .asking import Asked, TooLarge, check_messages, size_of
from .connecting import Refused
from .languages import written
from .models import Call, Endpoint, Run, User
from .running import Variant


def start_follow_up(
    user: User,
    earlier: Run,
    messages: Sequence[Mapping],
    *,
    variants: Sequence[Variant] | None = None,
    letters: Collection[str] | None = None,
    shown: Collection[str] | None = None,
    idempotency_key: str | None = None,
) -> Run:
    """A run that sends these messages after what each column asked and answered before.

    `variants` are the columns as they are set now, by their positions. Without them the columns of
    these letters, or every one that has an answer, are asked with what they were asked with before.
    `shown` are the ids of the calls that the person sees: none goes on from another answer.
    Raises what start_run raises.
    """
    asked = check_messages(messages)
    if sent := _sent_before(user, idempotency_key, asked, earlier):
        return sent
    # Of a repeated column the first answer is the one to go on with.
    wanted = None if variants is None else {each.position for each in variants}
    along = columns_along(user, earlier, wanted).items()
    there = {position: call for (position, repetition), call in along if repetition == 1}
    if variants is None:
        variants = [_as_before(user, call) for call in _chosen(there, letters)]
    if not variants:
        raise Refused(
            "columns", gettext("No column has an answer to follow up on. Run the prompt first.")
        )
    variants = [_going_on(there, each) for each in variants]
    if shown is not None:
        _check_shown(there, variants, shown)
    for variant in variants:
        _check_size(variant, asked)
    return running.start_run(
        user, asked, variants, idempotency_key=idempotency_key, follows=earlier
    )


def _sent_before(user: User, key: str | None, asked: list[dict], earlier: Run) -> Run | None:
    """What this key sent already: by now its columns have one turn more than they had then."""
    run = visible_to(user, Run).filter(owner=user, idempotency_key=key).first() if key else None
    if run is None:
        return None
    goes_on = run.follows_id is not None and earlier.pk in (run.pk, run.follows_id)
    if not goes_on or run.messages != asked:
        raise running.key_was_used()
    return run


def columns_along(
    user: User, run: Run | None, wanted: Collection[int] | None = None
) -> dict[tuple[int, int], Call]:
    """The newest call of every column, from this run back to the one that began the thread.

    By position and repetition, in their order; back only until all `wanted` positions are found.
    """
    there: dict[tuple[int, int], Call] = {}
    seen = set()
    while run is not None and run.pk not in seen:
        if wanted is not None and {position for position, _ in there}.issuperset(wanted):
            break
        seen.add(run.pk)
        calls = with_edit_rights(visible_to(user, Call).filter(run=run), user.pk)
        newest = calls.defer("request").select_related("endpoint", "run__owner").order_by("attempt")
        for place, call in {(each.position, each.repetition): each for each in newest}.items():
            there.setdefault(place, call)
        run = visible_to(user, Run).filter(pk=run.follows_id).first() if run.follows_id else None
    return dict(sorted(there.items()))


def can_follow(call: Call) -> bool:
    """Whether something was answered in words that a model can go on from."""
    if not (call.is_over and call.text and call.has_endpoint):
        return False
    return call.config["task"] != Endpoint.Task.EMBEDDINGS and call.run.inputs is None


def _chosen(there: Mapping[int, Call], letters: Collection[str] | None) -> list[Call]:
    if letters is None:
        return [call for call in there.values() if can_follow(call)]
    by_letter = {call.letter: call for call in there.values()}
    for letter in letters:
        if letter not in by_letter:
            raise Refused(
                "columns", gettext("This run has no column %(letter)s.") % {"letter": letter[:3]}
            )
    return [by_letter[letter] for letter in dict.fromkeys(letters)]


def _as_before(user: User, call: Call) -> Variant:
    endpoint = runnable_by(user).filter(pk=call.endpoint_id).first()
    if endpoint is None:
        raise Refused(
            "columns",
            gettext("Column %(letter)s: you may not run “%(name)s” any more.")
            % {"letter": call.letter, "name": call.name},
        )
    return Variant(
        endpoint,
        call.overrides,
        call.stop_override,
        position=call.position,
        own=call.own_settings,
    )


def _going_on(there: Mapping[int, Call], variant: Variant) -> Variant:
    """The column with its turns so far; what it was sent without is left out again."""
    call = there.get(variant.position)
    letter = Call(position=variant.position).letter
    if call is None or call.endpoint_id != variant.endpoint.pk:
        raise Refused(
            "columns",
            gettext("Column %(letter)s has not run yet. Run the prompt there first.")
            % {"letter": letter},
        )
    if not call.is_over:
        raise Refused(
            "columns",
            gettext("Column %(letter)s is still answering. Wait for it or stop it.")
            % {"letter": letter},
        )
    if not can_follow(call):
        raise Refused(
            "columns",
            gettext("Column %(letter)s has no answer to follow up on. Untick it or retry it.")
            % {"letter": letter},
        )
    answer = {"role": "assistant", "content": call.text}
    turn = {"call": str(call.pk), "messages": call.run.messages, "answer": answer}
    return replace(variant, thread=[*call.thread, turn], without=call.without, repetitions=1)


def _check_shown(
    there: Mapping[int, Call], variants: Sequence[Variant], shown: Collection[str]
) -> None:
    for variant in variants:
        call = there[variant.position]
        if str(call.pk) not in shown:
            raise Refused(
                "columns",
                gettext(
                    "Column %(letter)s has another answer by now, from another tab. Load the page "
                    "again; what you typed is kept."
                )
                % {"letter": call.letter},
            )


def _check_size(variant: Variant, asked: Sequence[dict]) -> None:
    """A thread counts like a prompt. Raises TooLarge."""
    turns = [each for turn in variant.thread for each in (*turn["messages"], turn["answer"])]
    size = size_of(Asked([*turns, *asked]))
    if size > settings.MAX_PROMPT_BYTES:
        letter = Call(position=variant.position).letter
        raise TooLarge(
            gettext(
                "Column %(letter)s: all turns together are %(size)s KB; at most %(most)s KB "
                "can be sent. Untick it, or start a new run."
            )
            % {
                "letter": letter,
                "size": written(size / 1024),
                "most": settings.MAX_PROMPT_BYTES // 1024,
            }
        )
