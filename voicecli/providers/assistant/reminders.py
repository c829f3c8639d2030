"""Setting timers, alarms and reminders, listing, cancelling and undoing them, once the turn is certain."""

from __future__ import annotations

import re
from functools import partial

from voicecli.providers.assistant.dates import day
from voicecli.providers.assistant.dialogue import Context, Excuse, Question, Reply, Topic, intent
from voicecli.providers.assistant.durations import counted, find, label, parse, rough, spell_out
from voicecli.providers.assistant.tables import phrases
from voicecli.providers.assistant.timeofday import TimeOfDay, moment, spoken
from voicecli.providers.assistant.timeofday import parse as parse_time
from voicecli.providers.assistant.timers import Timer
from voicecli.providers.assistant.wording import Wording, capital, listed
from voicecli.providers.language_model import Action

__all__ = ["alarm", "cancel", "length_alone", "reminder", "running", "timer", "undo"]

CHANGED = Topic(about="timers")  # one was set or cancelled, which can be undone
LONGEST = 7 * 86400.0  # seconds; nobody keeps a conversation open for longer


def _set(intent: str, new: Timer, text: str, meant: str, context: Context) -> Reply:
    kind = next((kind for kind in ("reminder", "alarm") if kind in new.label), "timer")
    action = Action(f"set {kind}", partial(context.timers.set, new))
    return Reply(intent, text, (action,), topic=CHANGED, meant=meant)


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
    if seconds is None:
        return _ask("timer", f"How long should the {f'{name} timer'.strip()} be?", name)
    return _started(seconds, name, context)


def _unclear(core: str, context: Context) -> Reply | None:
    """A timer whose length is missing, said as a time of day, or not understood."""
    if bare := re.fullmatch(rf"(?:{_SET} )?(?:me )?(?:a |the )?timer (?:for |of )?(\d{{1,4}})", core):
        return _confirm(60.0 * int(bare[1]), f"Do you mean {counted(int(bare[1]), 'minute')}?")
    if (of_day := re.search(r"\btimer (?:for|at|to) (.+)$", core)) and parse_time(of_day[1]):
        return _at(of_day[1], "", context)
    unfinished = re.match(rf"{_SET}\b.*\b(?:timer|countdown)\b", core)
    return _ask("timer", "How long should the timer be?") if unfinished else None


def _confirm(seconds: float, text: str) -> Reply:
    def answer(said: Wording, context: Context) -> Reply | None:
        return _started(seconds, "", context) if any(map(_YES.fullmatch, said.readings)) else None

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
        return _ask("alarm", "For what time?")
    when = match["when"].strip()
    if (found := find(when)) and found[1] in ("", "in", "for") and not found[2]:
        return _started(found[0], "", context, "alarm")
    return _at(when, "", context) or _ask("alarm", "I didn't get the time. For what time?")


def _ask(intent: str, text: str, name: str = "", chore: str = "") -> Reply:
    """Ask how long until it rings, or, but for a timer, when."""

    def answer(said: Wording, context: Context) -> Reply | None:
        if (seconds := _length(said.core)) is None:
            return None if intent == "timer" else _at(said.core, chore, context)
        return _reminded(seconds, chore, context) if chore else _started(seconds, name, context, intent)

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
    return _ask("reminder", f"When should I remind you to {chore}?", chore=chore)


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


@intent(
    "timers",
    r"(?:how (?:much (?:more )?(?:time|longer)|long|many (?:more )?(?:minutes|seconds"
    r"|hours))(?: do i have| is there| are there| have i got| is| are)?(?: still)? (?:left|remaining|remain"
    r"|to go)|how much longer|how long (?:to go|until (?:the|my) .*(?:timer|alarm).*)|time left"
    r"|how long is left|when (?:does|will|is) (?:the|my) .*\b(?:timer|alarm)\b.*)(?: (?:on|for|in|until|of"
    r"|with|till) (?:the |my )?(?P<which>.+?))?",
    phrases("timers"),
)
def running(match: re.Match[str], context: Context) -> str:
    """ "how much time is left", "what timers do I have"."""
    kind = next((kind for kind in ("alarm", "reminder") if re.search(rf"\b{kind}s?\b", match[0])), "")
    timers = [timer for timer in context.timers.running if kind in timer.label]
    if not timers:
        return f"No {kind or 'timer'} is running."
    if which := match.groupdict().get("which"):
        timers = _named(which, timers) or timers
    if len(timers) == 1:
        rest, due = _left(timers[0], context), timers[0].at or timers[0].label.startswith("reminder")
        return f"Your {timers[0].label} {f'is due {rest}' if due else f'has {rest} left'}."
    lefts = [(timer, _left(timer, context)) for timer in timers]
    lines = [
        f"the {one.label} {left}" if one.at else f"{left} left on the {one.label}" for one, left in lefts
    ]
    return f"You have {len(lines)} {kind or 'timer'}s: {listed(lines)}."


def _left(timer: Timer, context: Context) -> str:
    """ "3 minutes"; of what is due at a time of day "tomorrow, in about 16 hours"."""
    rest = rough(timer.left(context.clock, context.now))
    if timer.at is None:
        return f"in {rest}" if timer.label.startswith("reminder") else rest
    days = (timer.at.date() - context.now.date()).days
    return f"{({0: '', 1: 'tomorrow, '}).get(days, f'on {timer.at:%A}, ')}in {rest}"


def _named(words: str, timers: list[Timer]) -> list[Timer]:
    """Those that the words mean: by kind, by a part of the label, by the time of an alarm."""
    words = re.sub(r"^(?:the|my|that|this) | (?:1|one)$", "", words.strip())
    kind = re.search(r"\b(timer|alarm|reminder)s?$", words)
    name = re.sub(r" ?\b(?:timer|alarm|reminder)s?$", "", words).strip()
    pool = [timer for timer in timers if not kind or kind[1] in timer.label]
    of_day = parse_time(name)
    names = [name, *(spoken(half) for half in of_day.halves)] if of_day else [name]
    return [timer for timer in pool if any(f" {name}" in f" {timer.label}" for name in names)]


@intent(
    "cancel",
    r"(?:cancel|stop|delete|clear|remove|end|kill|turn off|switch off|dismiss|abort|shut off|get rid of"
    r"|forget) (?P<all>all |every |both |all of )?(?:the |my |that |this |of )*(?P<which>.*?\b(?:timer|alarm"
    r"|reminder|countdown)(?P<many>s)?)(?: please)?",
)
def cancel(match: re.Match[str], context: Context) -> Reply:
    """ "cancel the timer", "stop the tea timer", "cancel all timers"."""
    timers = context.timers.running
    kind = next((kind for kind in ("alarm", "reminder") if kind in match["which"]), "timer")
    if not timers:
        raise Excuse(f"No {kind} is running.")
    chosen = _named(match["which"], timers)
    if not chosen:
        return _which(timers, context, f"There is no {match['which']}.")
    return (_cancelled if match["all"] or match["many"] else _which)(chosen, context)


def _cancelled(chosen: list[Timer], context: Context) -> Reply:
    action = Action("cancel timer", partial(context.timers.cancel, tuple(chosen)))
    what = _counted(chosen)
    return Reply("cancel", f"I've cancelled {what}.", (action,), topic=CHANGED, meant=f"to cancel {what}")


def _counted(timers: list[Timer]) -> str:
    return f"the {timers[0].label}" if len(timers) == 1 else f"{len(timers)} timers"


def _which(timers: list[Timer], context: Context, before: str = "") -> Reply:
    """Cancel the only one, or ask which is to be cancelled."""
    if len(timers) == 1 and not before:
        return _cancelled(timers, context)
    labels = [f"the {timer.label}" for timer in timers]
    alike = timers[0].label if len(set(labels)) == 1 else ""  # only their order tells them apart

    def answer(said: Wording, context: Context) -> Reply | None:
        meant = [one for one in context.timers.running if alike in ("", one.label)]
        order = re.fullmatch(r"(?:the )?(first|1st|last|second|2nd|other)(?: 1| timer)*", said.core)
        if meant and said.core in ("all", "both", "all of them", "both of them", "every 1"):
            return _cancelled(meant, context)
        if meant and order and alike:
            return _cancelled([meant[0] if order[1] in ("first", "1st") else meant[-1]], context)
        chosen = _named(said.core, context.timers.running)
        return _which(chosen, context) if chosen else None

    if len(labels) == 1:
        raise Excuse(f"{before} Only {labels[0]} is running.")
    text = f"{before} Which one: {listed(labels, 'or')}?".strip()
    if alike:
        text = f"There are {len(labels)} of that name. The first, the last, or all of them?"
    return Reply("cancel", text, topic=Question("cancel", answer))


@intent("undo", phrases("undo"))
def undo(match: re.Match[str], context: Context) -> Reply | None:
    """ "cancel that", after something was set or cancelled; what has rung cannot be undone."""
    timers = context.timers
    chosen = [one for one in timers.last_set if one in timers.running] or list(timers.last_cancelled)
    if not chosen or context.recall() != CHANGED:
        return None
    what, verb = _counted(chosen), "is" if len(chosen) == 1 else "are"
    text, meant = f"I've cancelled {what}.", f"to cancel {what}"
    if not timers.last_set:
        text, meant = f"{capital(what)} {verb} set again.", f"to set {what} again"
    return Reply("undo", text, (Action("undo", timers.undo),), topic=CHANGED, meant=meant)
