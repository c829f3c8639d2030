"""Setting timers, alarms and reminders; nothing happens before the turn is certain."""

from __future__ import annotations

import re
from functools import partial

from voicecli.providers.assistant.dates import day
from voicecli.providers.assistant.dialogue import Context, Question, Reply, intent
from voicecli.providers.assistant.durations import counted, find, label, parse, spell_out
from voicecli.providers.assistant.running import Changed
from voicecli.providers.assistant.timeofday import TimeOfDay, moment, spoken
from voicecli.providers.assistant.timeofday import parse as parse_time
from voicecli.providers.assistant.timers import Timer
from voicecli.providers.assistant.wording import Wording
from voicecli.providers.language_model import Action

__all__ = ["alarm", "length_alone", "reminder", "timer"]

LONGEST = 7 * 86400.0  # seconds; nobody keeps a conversation open for longer


def _set(intent: str, new: Timer, text: str, meant: str, context: Context) -> Reply:
    kind = next((kind for kind in ("reminder", "alarm") if kind in new.label), "timer")
    action = Action(f"set {kind}", partial(context.timers.set, new))
    return Reply(intent, text, (action,), topic=Changed(), meant=meant)


# Timers

_SET = (
    r"(?:set|start|create|make|begin|give me|add|put on|put|run|i need|i want|i would like|can i have"
    r"|can i get|let us have|have|get me|do|use|open|new)"
)
_TIMER = re.compile(
    rf"(?:{_SET}(?: up| me| us)* ?)?(?:(?:a|an|the|my|another|new|1|2nd|second) )*(?P<before>[a-z ]*?) ?"
    r"(?:timer|countdown|stopwatch)(?: (?:called|named|labeled|labelled|with the name|for|as|to)(?: (?:the|my"
    r"|a|an|some))? (?P<after>[a-z][a-z ]*?))?(?: (?:for|of|with|to|at|on|that lasts|lasting|that is"
    r"|which is))*"
)
_COUNT_DOWN = re.compile(r"(?:count ?down (?:from|for)?|time me for|timer?)")
_SECOND = re.compile(r"\b(?:a|another) second timer\b")  # in number, not in length
_NOT_A_TIMER = re.compile(
    r"\b(?:cancel|stop|delete|clear|remove|left|list|how|what|which|any|pause|resume|extend|timers|is|are"
    r"|reset|restart|off)\b"
)
_YES = re.compile(r"yes|yeah|sure|okay|yes please|yep|do it|please do|right")


@intent("timer", r".+")
def timer(match: re.Match[str], context: Context) -> Reply | None:
    """ "set a timer for five minutes", "a 10 second timer called tea", "set a timer"."""
    core = _SECOND.sub("a timer", match[0])
    if _NOT_A_TIMER.search(core):
        return None
    found = find(core)
    seconds, before, behind = found or (None, core, "")
    if seconds is not None and _COUNT_DOWN.fullmatch(before) and not behind:
        return _started(seconds, "", context)
    rest = f"{re.sub(r'(?:^| )(?:for|of|in|from|lasting)$', '', before)} {behind}".strip()
    named = _TIMER.fullmatch(rest)
    if not named or (not found and re.search(r"\d", rest)):
        return _unclear(core, context)
    name = (named["before"] or named["after"] or "").strip()
    return _how_long(name) if seconds is None else _started(seconds, name, context)


def _how_long(name: str = "") -> Reply:
    def answer(said: Wording, context: Context) -> Reply | None:
        seconds = _length(said.core)
        return None if seconds is None else _started(seconds, name, context)

    what = f"the {name} timer" if name else "the timer"
    return Reply("timer", f"How long should {what} be?", topic=Question("timer", answer))


def _unclear(core: str, context: Context) -> Reply | None:
    """A timer whose length is missing, said as a time of day, or not understood."""
    if bare := re.fullmatch(rf"(?:{_SET} )?(?:me )?(?:a |the )?timer (?:for |of )?(\d{{1,4}})", core):
        return _confirm(60.0 * int(bare[1]), f"Do you mean {counted(int(bare[1]), 'minute')}?")
    if (of_day := re.search(r"\btimer (?:for|at|to) (.+)$", core)) and parse_time(of_day[1]):
        return _at(of_day[1], "", context)
    return _how_long() if re.match(rf"{_SET}\b.*\b(?:timer|countdown)\b", core) else None


def _confirm(seconds: float, text: str) -> Reply:
    def answer(said: Wording, context: Context) -> Reply | None:
        return _started(seconds, "", context) if _YES.fullmatch(said.plain) else None

    return Reply("timer", text, topic=Question("timer", answer))


@intent("timer", r"(?!in |and |after ).+")
def length_alone(match: re.Match[str], context: Context) -> Reply | None:
    """ "five minutes", which nobody asked for; behind "in", it may go on from another question."""
    seconds = _length(match[0])
    return None if seconds is None else _confirm(seconds, f"Do you want a timer for {spell_out(seconds)}?")


def _length(core: str) -> float | None:
    return parse(re.sub(r"^(?:for|in|and|make it|after|about) ", "", core))


def _started(seconds: float, name: str, context: Context, intent: str = "timer") -> Reply:
    if seconds < 1:
        return Reply(intent, "A timer needs at least one second.")
    if seconds > LONGEST:
        return Reply(intent, "That is too long for a timer: it only runs as long as this conversation does.")
    what = f"{name} timer" if name else f"{label(seconds)} timer"
    new = Timer(what, f"Your {what} is done.", context.clock + seconds)
    article = "an" if what[0] in "aeiou8" or what.startswith(("11 ", "18 ")) else "a"
    meant = f"{article} {what}" + (f" for {spell_out(seconds)}" if name else "")
    return _set(intent, new, f"I've set {meant}.", meant, context)


# Alarms

_WHEN = re.compile(
    r"(?:(?P<first>tomorrow|today|tonight|(?:on |next |this )?[a-z]+day)(?: (?:morning|evening"
    r"|afternoon))? ?)?(?:(?:for|at|by|on|to) )*(?P<time>.*?)(?: (?P<last>tomorrow(?: morning| evening"
    r"| afternoon)?|today|(?:on |next |this )[a-z]+day(?: morning| evening)?))?"
)
_HALF = re.compile(
    r"(?:in )?(?:the )?(?:(?P<morning>morning|am|a|the first)|(?P<night>(?:at )?night)|evening|afternoon|pm|p"
    r"|the second|tonight)(?: please)?"
)


@intent(
    "alarm",
    rf"(?:(?:{_SET}(?: me| up)* ?)?(?:an |the |my |another )?alarm|wake me(?: up)?|get me up)"
    r"(?: (?:clock|called alarm))?(?P<when>(?: (?:for|at|in|on|to|by))? .+)?",
)
def alarm(match: re.Match[str], context: Context) -> Reply | None:
    """ "wake me at seven thirty a m", "set an alarm for noon tomorrow", "wake me in ten minutes"."""
    if not match["when"]:
        return _ask_when("alarm", "For what time?")
    when = match["when"].strip()
    if (found := find(when)) and found[1] in ("", "in", "for") and not found[2]:
        return _started(found[0], "", context, "alarm")
    return _at(when, "", context) or _ask_when("alarm", "I didn't get the time. For what time?")


def _ask_when(intent: str, text: str, chore: str = "") -> Reply:
    def answer(said: Wording, context: Context) -> Reply | None:
        if (seconds := _length(said.core)) is None:
            return _at(said.core, chore, context)
        return _reminded(seconds, chore, context) if chore else _started(seconds, "", context, intent)

    return Reply(intent, text, topic=Question(intent, answer))


def _at(words: str, chore: str, context: Context) -> Reply | None:
    """An alarm or a reminder at the day and time that the words name."""
    match = _WHEN.fullmatch(re.sub(r"^(?:for|at|by|on) ", "", words))
    of_day = parse_time(match["time"].strip()) if match else None
    if not match or not of_day:
        return None
    date = re.sub(r"^on | morning$| evening$| afternoon$", "", match["last"] or match["first"] or "")
    if of_day.certain:
        return _ringing(of_day, date, chore, context)
    if half := re.search(r"\b(morning|evening|afternoon|tonight)\b", words):
        return _ringing(of_day.halved(evening=half[1] != "morning"), date, chore, context)

    def answer(said: Wording, context: Context) -> Reply | None:
        if half := _HALF.fullmatch(said.core):
            evening = not (half["morning"] or (half["night"] and of_day.hour in (12, 1, 2, 3, 4)))
            return _ringing(of_day.halved(evening), date, chore, context)
        return _at(said.core, chore, context)

    text = f"Do you mean {' or '.join(spoken(half) for half in of_day.halves)}?"
    intent = "reminder" if chore else "alarm"
    return Reply(intent, text, topic=Question(intent, answer))


def _ringing(of_day: TimeOfDay, date: str, chore: str, context: Context) -> Reply | None:
    intent, today = "reminder" if chore else "alarm", context.now.date()
    named = day(date, today) if date else None
    if date and not named:
        return None
    when = moment(context.now, of_day, (named.when - today).days if named else 0)
    if when <= context.now:
        if date in ("today", "tonight"):
            return Reply(intent, f"{spoken(when)} is already over today.")
        when = moment(context.now, of_day, 7 if named else 1)
    where = {0: "", 1: " tomorrow"}.get((when.date() - today).days, f" on {when:%A}")
    due, at = context.clock + (when - context.now).total_seconds(), f"{spoken(when)}{where}"
    if chore:
        new = Timer(f"reminder at {spoken(when)}", f"Reminder: {chore}.", due, when)
        what = f"to {chore} at {at}"
        return _set(intent, new, f"I'll remind you {what}.", f"a reminder {what}", context)
    new = Timer(f"{spoken(when)} alarm", f"It's {spoken(when)}. This is your alarm.", due, when)
    return _set(intent, new, f"Your alarm is set for {at}.", f"an alarm for {at}", context)


# Reminders

_CHORE = (
    re.compile(r"(?P<chore>(?:to|about|that) .+?) (?P<when>(?:at|on|by|tomorrow|today|tonight) .+)"),
    re.compile(r"(?P<when>.+?) (?P<chore>(?:to|about|that) .+)"),
    re.compile(r"(?P<when>.*)(?P<chore>)"),
)


@intent(
    "reminder",
    r"(?:(?:set|make|create|add) (?:a |me a )?reminder|remind me|give me a reminder|reminder)(?P<rest> .+)?",
)
def reminder(match: re.Match[str], context: Context) -> Reply:
    """ "remind me in ten minutes to call mom", "remind me to leave at noon"."""
    rest = (match["rest"] or "").strip()
    if (found := find(rest)) and f" {found[1]}".endswith(" in"):
        return _reminded(found[0], _chore(found[1].removesuffix("in").strip() or found[2]), context)
    for parts in filter(None, (pattern.fullmatch(rest) for pattern in _CHORE)):
        if reply := _at(parts["when"], _chore(parts["chore"]), context):
            return reply
    chore = _chore(rest)
    return _ask_when("reminder", f"When should I remind you to {chore}?", chore)


def _chore(words: str) -> str:
    """What to be reminded of, seen from our side; something to say where nothing was named."""
    words = re.sub(r"^(?:to|that|about|of|for) ", "", words)
    words = re.sub(r"\bmy\b", "your", words)
    return re.sub(r"\b(?:me|i)\b", "you", words) or "do what you wanted to do"


def _reminded(seconds: float, chore: str, context: Context) -> Reply:
    if not 1 <= seconds <= LONGEST:
        return Reply("reminder", "I can only remind you as long as this conversation runs.")
    new = Timer(f"reminder to {chore}", f"Reminder: {chore}.", context.clock + seconds)
    what = f"to {chore} in {spell_out(seconds)}"
    return _set("reminder", new, f"I'll remind you {what}.", f"a reminder {what}", context)
