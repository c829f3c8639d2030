"""Small talk: greetings, thanks, who and what the assistant is, farewells, jokes, what was said before."""

from __future__ import annotations

import re

from voicecli.providers.assistant.dialogue import Context, Reply, intent, listed
from voicecli.providers.assistant.wording import LONG, Utterance, hear

__all__ = ["joke", "name", "repeat", "said", "talk"]

HELP = (
    "I can tell the time and the date anywhere, count the days until something, do sums, convert units, set "
    "timers, alarms and reminders, roll dice, flip a coin, speak louder or slower, and repeat what was said. "
    "Try: what time is it in Tokyo?"
)
_IDENTITY = "I'm the assistant built into voicecli. I work offline, without a language model."


# Asked for in this order, compared with the whole of what was said.
_TALK = (
    (
        "goodbye",
        "Goodbye.",
        r"good ?bye(?: (?:now|then|for now))?|bye(?: bye)?|good night|(?:see|talk to) you(?: (?:later|soon"
        r"|tomorrow|then|around))?|exit|quit|hang up|stop listening|end (?:the )?(?:conversation|call"
        r"|session)|that (?:is|will be|was) (?:all|it)(?: for (?:today|now))?|farewell|so long|(?:i am"
        r"|we are) done|shut down|go away|leave|bye for now|have a (?:nice|good) (?:day|night|evening|1|one)"
        r"|later",
    ),
    (
        "thanks",
        "You're welcome.",
        r"(?:many |great |oh )?thanks(?: a lot| so much| very much| again| a million)?|(?:okay |oh "
        r"|great )?thank you(?: very much| so much| again| kindly| very very much)?|cheers|much appreciated"
        r"|i appreciate it|thank(?: you|s) for .{1,40}",
    ),
    (
        "thanks",
        "Glad to hear it.",
        r"(?:that is )?(?:great|nice|good|cool|correct|perfect)|nice 1|awesome|wonderful|excellent|amazing"
        r"|fantastic|brilliant|very good|good job|well done|that is (?:right|funny)|good (?:boy|girl|bot)"
        r"|i (?:love|like) you|you are (?:great|funny|smart|the best|awesome|nice|amazing)|ha ?ha|lol"
        r"|that was (?:great|funny|good)|not bad",
    ),
    (
        "wellbeing",
        "I'm fine, thank you. What can I do for you?",
        r"how are you(?: doing| today| feeling| this morning| tonight)*|how do you (?:do|feel)"
        r"|how have you been|how (?:is it|are things|is everything) going|are you (?:okay|all right|well"
        r"|fine|there|awake|ready|listening)|what is (?:up|new)|how is (?:it|life|your day)(?: going)?"
        r"|(?:hello are )?you there",
    ),
    (
        "greeting",
        "Hello. How can I help?",
        r"hello|hi|hey|hey there|hi there|hello there|there|howdy|greetings|yo|hiya|good day|good (?:morning"
        r"|afternoon|evening)(?: to you)?(?: computer| assistant)?|(?:hello |hey |hi |okay )*(?:computer"
        r"|assistant|mycroft|jasper|alexa|siri|google|porcupine|voicecli|voice c l i|voice cli)"
        r"|hello (?:hello|world|again)|test|testing|this is a test|testing 1 2(?: 3)?|1 2 3|nice to meet you"
        r"|pleased to meet you|wake up",
    ),
    (
        "identity",
        _IDENTITY,
        r"(?:who|what) are you|what is your name|who is this|are you (?:an? )?(?:computer|robot|human|person"
        r"|machine|real|alive|online|offline|a i|ai|program|model|language model|assistant|alexa|siri"
        r"|a real person|chat ?bot)|who (?:made|built|created|wrote) you|do you have a name"
        r"|introduce yourself|are you connected(?: to the internet)?|what (?:model|program|software) are you"
        r"|tell me about yourself|where are you(?: from)?|how old are you|who am i talking to|what is this",
    ),
    (
        "help",
        HELP,
        r"what can (?:you do|i (?:say|ask|do))(?: you| here| for me| for you)*|what (?:else )?can you do(?: "
        r"for me)?|help(?: me)?(?: please| out)?|i need help|what do you (?:know|do|understand)"
        r"|what are you able to do|what are (?:your|the) (?:commands|options|features|skills)"
        r"|(?:list (?:your )?)?commands|options|how do (?:i|you) (?:use this|use you|work)"
        r"|how does this work|what should i say|give me some examples|instructions|what are you (?:good"
        r"|useful) for|what now|can you help me(?: with something)?|show me what you can do|what do i do",
    ),
    (
        "nevermind",
        "Okay.",
        r"never ?mind|forget (?:it|that|about it)|cancel(?: that| it| this)?|stop(?: it| that| talking"
        r"| please)?|nothing|(?:be )?quiet|shut up|silence|enough|abort|ignore (?:that|me)|no never mind"
        r"|leave it|not now|hold on|wait(?: a (?:second|minute|moment))?|1 (?:moment|second)"
        r"|just a (?:moment|second|minute)|skip it|undo|it is nothing|do not worry|that is enough"
        r"|i do not know|let me think|hush|shush",
    ),
    (
        "yes",
        "Yes? What can I do for you?",
        r"yes(?: yes| please)?|yeah|yep|yup|sure|okay|ok|right|of course|all right|absolutely|certainly"
        r"|exactly|i do|please do|do it|go ahead|right now|sounds good|fine|indeed|true|definitely|please",
    ),
    (
        "no",
        "Okay. What else can I do for you?",
        r"no(?: thanks| thank you| no)?|nope|nah|not really|i do not|no way|false|wrong|(?:no )?not that"
        r"|that is (?:wrong|not right|not what i (?:said|meant|asked))",
    ),
)
_REMARKS = [(name, text, re.compile(pattern)) for name, text, pattern in _TALK]


def talk(utterance: Utterance, context: Context) -> Reply | None:
    """Greetings, thanks, help, farewells and the like."""
    for words in utterance.readings:
        for name, text, pattern in _REMARKS:
            if not pattern.fullmatch(words):
                continue
            if name == "greeting" and (part := re.match("good (morning|afternoon|evening)", words)):
                text = f"Good {part[1]}. How can I help?"  # as it came
            return _farewell(words, context) if name == "goodbye" else Reply(name, text)
    return None


def _farewell(words: str, context: Context) -> Reply:
    """What is running is told of, for it ends too."""
    text = "Good night." if "night" in words else "Goodbye."
    if labels := [timer.label for timer in context.timers.running]:
        text += f" The {listed(labels)} won't ring any more."
    return Reply("goodbye", text, goodbye=True, meant="goodbye")


_JOKES = (
    "I would tell you a joke about UDP, but you might not get it.",
    "My echo and I had a talk. It agreed with everything.",
    "Why did the microphone break up with the loudspeaker? Too much feedback.",
    "I asked the clock for advice. It told me to take my time, then it took a minute.",
    "There are 10 kinds of people: those who read binary and those who don't.",
    "A programmer went shopping for a loaf of bread, and if they had eggs, a dozen. He came home with "
    "twelve loaves.",
    "Parallel lines have so much in common. It's a pity they will never meet.",
    "Why was the sine wave so calm? It had no sharp corners.",
)


@intent(
    "joke",
    r"(?:(?:tell|give|say|do|let us hear|i want to hear|know)?(?: me| us)?(?: you know)? ?(?:a|another"
    r"|1 more|any|some|1|the)? ?(?:funny |good |bad |short |dad )?(?:jokes?|something funny|pun)"
    r"|make me laugh|be funny|another 1)(?: about .+)?",
)
def joke(match: re.Match[str], context: Context) -> str:
    """ "tell me a joke": one that was not told lately."""
    told = context.before("assistant")
    return context.random.choice([text for text in _JOKES if text not in told] or _JOKES)


# What was said before


@intent(
    "repeat",
    r"repeat(?: that| it| the answer| what you said| yourself)?(?: again| once more| 1 more time)?|(?:say"
    r"|tell me) (?:that|it)(?: again| once more| 1 more time)|once (?:more|again)|1 more time|(?:can|could"
    r"|would|will) you (?:please )?(?:repeat|say) (?:that|it)(?: again)?|say (?:again|what)"
    r"|what did you(?: just)? say|what was (?:that|the answer)|again|pardon(?: me)?|come again|excuse me"
    r"|i did not (?:hear|catch|get|understand)(?: you| that| it)?|sorry(?: what)?|huh|what|what did you mean",
    remark=True,
)
def repeat(match: re.Match[str], context: Context) -> str:
    """ "repeat that", "pardon"."""
    return next(iter(context.before("assistant")), "I haven't said anything yet.")


@intent(
    "said",
    r"what did i(?: just)? (?:say|ask|tell you)(?: you)?(?: to do)?|what (?:did|have) you (?:just )?(?:hear"
    r"|heard|understand|understood|hear me say)|what was my (?:last )?(?:question|request)|what was i saying"
    r"|repeat what i said|repeat after me|repeat my question|(?P<hearing>(?:did|can|do) you hear me)",
    remark=True,
)
def said(match: re.Match[str], context: Context) -> str:
    """ "what did I say"."""
    if match["hearing"]:
        return "Yes, I hear you."
    last = next(iter(context.before("user")), "").rstrip(".?!")
    return f"You said: {last}." if last else "You haven't said anything before that."


_NAMED = re.compile(
    r"(?:my name is|call me|i am called|you can call me|remember (?:that )?my name is) (?!(?:back|a|an|the"
    r"|later|not|when|if|at|on|in|my|what|who|tomorrow|please)\b)(?P<name>[^\W\d_]+(?: [^\W\d_]+)?)"
)


@intent(
    "name",
    _NAMED.pattern,
    r"what is my name|who am i|do you know (?:me|who i am|my name)|do you remember (?:me|my name)",
)
def name(match: re.Match[str], context: Context) -> Reply | str:
    """ "my name is Anna", and "what is my name" later in the conversation."""
    if told := match.groupdict().get("name"):
        return f"Nice to meet you, {told.title()}."
    for earlier in context.before("user"):
        if found := _NAMED.fullmatch(hear(earlier[:LONG]).core):
            return f"Your name is {found['name'].title()}."
    return Reply("identity", "You haven't told me, and I keep no notes about you.")
