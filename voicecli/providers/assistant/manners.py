"""Small talk: greetings, thanks, who and what the assistant is, farewells."""

from __future__ import annotations

import re
from collections.abc import Callable

from voicecli.providers.assistant.durations import listed
from voicecli.providers.assistant.reply import Context, Reply
from voicecli.providers.assistant.utterance import Utterance

__all__ = ["HELP", "joke", "small_talk"]

HELP = (
    "I can tell the time and the date anywhere, count the days until something, do sums, "
    "convert units, set timers,"
    " alarms and reminders, roll dice, flip a coin, speak louder or slower,"
    " and repeat what was said. Try: what time is it in Tokyo?"
)
_IDENTITY = "I'm the assistant built into voicecli. I work offline, without a language model."

# Asked for in this order, compared with the whole of what was said.
_TALK: tuple[tuple[str, re.Pattern[str], str], ...] = tuple(
    (intent, re.compile(pattern), answer)
    for intent, pattern, answer in (
        (
            "goodbye",
            r"(?:good ?bye|bye(?: bye)?|goodbye (?:now|then|for now)|good night|(?:see"
                r"|talk to) you(?: (?:later|soon|tomorrow|then|around))?|exit|quit|hang up"
                r"|stop listening|end (?:the )?(?:conversation|call|session)"
            r"|that (?:is|will be|was) (?:all|it)(?: for (?:today|now))?|farewell|so long"
                r"|i am done|we are done|shut down|go away|leave|bye for now|have a (?:nice"
                r"|good) (?:day|night|evening|1|one)|good bye|later)",
            "Goodbye.",
        ),
        (
            "thanks",
            r"(?:(?:many |great |oh )?thanks(?: a lot| so much| very much| again| a million)?"
                r"|(?:okay |oh |great )?thank you(?: very much| so much| again| kindly"
                r"| very very much)?|cheers|much appreciated|i appreciate it|thank you for .{1,40}"
                r"|thanks for .{1,40})",
            "You're welcome.",
        ),
        (
            "thanks",
            r"(?:great|nice|nice 1|cool|perfect|awesome|wonderful|excellent|amazing|fantastic"
                r"|brilliant|very good|good job|well done|good|that is (?:great|nice|good|cool|right"
                r"|correct|perfect|funny)|good (?:boy|girl|bot)|i love you|you are (?:great|funny"
                r"|smart|the best|awesome|nice|amazing)|i like you|ha ha|haha|lol|that was (?:great"
                r"|funny|good)|not bad|correct)",
            "Glad to hear it.",
        ),
        (
            "wellbeing",
            r"(?:how are you(?: doing| today| feeling| this morning| tonight)*|how do you do"
                r"|how (?:is it|are things|is everything) going|how have you been|are you (?:okay"
                r"|all right|well|fine|there|awake|ready|listening)|how do you feel|what is up"
                r"|how is (?:it|life|your day)(?: going)?|what is new|you there|hello are you there)",
            "I'm fine, thank you. What can I do for you?",
        ),
        (
            "greeting",
            r"(?:hello|hi|hey|hey there|hi there|hello there|there|howdy|greetings|yo|hiya"
                r"|good day|good (?:morning|afternoon|evening)(?: to you)?(?: computer| assistant)?"
                r"|(?:hello |hey |hi |okay )*(?:computer|assistant|mycroft|jasper|alexa|siri|google"
                r"|porcupine|voicecli|voice c l i|voice cli)|hello hello|hello world|hello again|test"
                r"|testing|this is a test|testing 1 2(?: 3)?|1 2 3|nice to meet you"
                r"|pleased to meet you|wake up)",
            "Hello. How can I help?",
        ),
        (
            "identity",
            r"(?:who are you|what are you|what is your name|who is this"
                r"|are you (?:an? )?(?:computer|robot|human|person|machine|real|alive|online|offline"
                r"|a i|ai|program|model|language model|assistant|alexa|siri|a real person|chat ?bot)"
                r"|who (?:made|built|created|wrote) you|do you have a name|introduce yourself"
                r"|are you connected(?: to the internet)?|what (?:model|program|software) are you"
                r"|tell me about yourself|where are you(?: from)?|how old are you|who am i talking to"
                r"|what is this)",
            _IDENTITY,
        ),
        (
            "help",
            r"(?:what can (?:you do|i (?:say|ask|do))(?: you| here| for me| for you)*"
                r"|what (?:else )?can you do(?: for me)?|help(?: me)?(?: please| out)?|help me out"
                r"|i need help|what do you (?:know|do|understand)|what are you able to do"
                r"|what are (?:your|the) (?:commands|options|features|skills)|list (?:your )?commands"
                r"|commands|options|how do (?:i|you) (?:use this|use you|work)|how does this work"
                r"|what should i say|give me some examples|instructions|what are you (?:good"
                r"|useful) for|what now|can you help me(?: with something)?|show me what you can do"
                r"|what do i do)",
            HELP,
        ),
        (
            "nevermind",
            r"(?:never ?mind|forget (?:it|that|about it)|cancel(?: that| it| this)?|stop(?: it"
                r"| that| talking| please)?|nothing|be quiet|quiet|shut up|silence|enough|abort"
                r"|ignore (?:that|me)|no never mind|leave it|not now|hold on|wait|wait a (?:second"
                r"|minute|moment)|1 (?:moment|second)|just a (?:moment|second|minute)|skip it|undo"
                r"|it is nothing|do not worry|that is enough|i do not know|let me think|hush|shush)",
            "Okay.",
        ),
        ("yes", r"(?:yes|yeah|yep|yup|yes please|sure|okay|ok|right|of course|all right|absolutely"
            r"|certainly|exactly|i do|please do|do it|go ahead|right now|yes yes|sounds good|fine"
            r"|indeed|true|definitely|please)", ""),
        ("no", r"(?:no|nope|no thanks|no thank you|nah|not really|no no|i do not|no way|false|wrong"
            r"|no not that|that is wrong|that is not right|that is not what i (?:said|meant|asked)"
            r"|not that)", "Okay. What else can I do for you?"),
    )
)  # fmt: skip

_JOKES = (
    "I would tell you a joke about UDP, but you might not get it.",
    "My echo and I had a talk. It agreed with everything.",
    "Why did the microphone break up with the loudspeaker? Too much feedback.",
    "I asked the clock for advice. It told me to take my time, then it took a minute.",
    "There are 10 kinds of people: those who read binary and those who don't.",
    "A programmer went shopping for a loaf of bread, and if they had eggs, a dozen. He "
    "came home with twelve loaves.",
    "Parallel lines have so much in common. It's a pity they will never meet.",
    "Why was the sine wave so calm? It had no sharp corners.",
)
_JOKE = re.compile(
    r"(?:(?:tell|give|say|do|let us hear|i want to hear|know)?(?: me"
    r"| us)?(?: you know)? ?(?:a|another|1 more|any|some|1|the)? ?(?:funny |good |bad "
    r"|short |dad )?(?:jokes?|something funny|pun)|make me laugh|be funny"
    r"|another 1)(?: about .+)?"
)


def small_talk(utterance: Utterance, context: Context) -> Reply | None:
    """Greetings, thanks, help, farewells and the like."""
    for words in utterance.readings:
        for intent, pattern, answer in _TALK:
            if pattern.fullmatch(words):
                return _WORDED.get(intent, _plainly)(intent, answer, words, context)
    return None


def _plainly(intent: str, answer: str, words: str, context: Context) -> Reply:
    return Reply(intent, answer)


def _farewell(intent: str, answer: str, words: str, context: Context) -> Reply:
    """What is running is told of, for it ends too."""
    text = "Good night." if "night" in words else answer
    if labels := [timer.label for timer in context.timers.running]:
        text += f" The {listed(labels)} won't ring any more."
    return Reply(intent, text, goodbye=True, meant="goodbye")


def _greeting(intent: str, answer: str, words: str, context: Context) -> Reply:
    """By the time of day; a greeting that names another is returned as it came."""
    part = next((part for part in ("morning", "afternoon", "evening") if f"good {part}" in words), "")
    return Reply(intent, f"Good {part}. How can I help?" if part else answer)


def _assent(intent: str, answer: str, words: str, context: Context) -> Reply:
    return Reply(intent, "Yes? What can I do for you?")


_WORDED: dict[str, Callable[[str, str, str, Context], Reply]] = {
    "goodbye": _farewell,
    "greeting": _greeting,
    "yes": _assent,
}


def joke(utterance: Utterance, context: Context) -> Reply | None:
    """ "tell me a joke": one that was not told lately."""
    if not _JOKE.fullmatch(utterance.core):
        return None
    told = {message.content for message in context.history if message.role == "assistant"}
    fresh = [text for text in _JOKES if text not in told] or list(_JOKES)
    return Reply("joke", context.random.choice(fresh))
