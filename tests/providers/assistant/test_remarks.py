"""Small talk, memory and limits: whole conversations, last answer."""

from collections.abc import Callable

import pytest

from voicecli.providers.assistant.dialogue import Reply
from voicecli.providers.assistant.remarks import CONNECT
from voicecli.providers.assistant.tables import table

HELP = next(one["answer"] for one in table("phrases.toml")["remark"] if one["intent"] == "help")
FALLBACK = f"I can't do that offline. {CONNECT}"
TALK = [
    (("hello",), "greeting", "Hello. How can I help?"),
    (("good morning",), "greeting", "Good morning. How can I help?"),
    (("hey mycroft",), "greeting", "Hello. How can I help?"),
    (("thank you very much",), "thanks", "You're welcome."),
    (("nice",), "thanks", "Glad to hear it."),
    (("how are you",), "wellbeing", "I'm fine, thank you. What can I do for you?"),
    (
        ("who are you",),
        "identity",
        "I'm the assistant built into voicecli. I work offline, without a language model.",
    ),
    (("what can you do",), "help", HELP),
    (("help",), "help", HELP),
    (("never mind",), "nevermind", "Okay."),
    (("stop",), "nevermind", "Okay."),
    (("yes",), "yes", "Yes? What can I do for you?"),
    (("no thanks",), "no", "Okay. What else can I do for you?"),
    (("repeat that",), "repeat", "I haven't said anything yet."),
    (("what time is it", "can you repeat that please"), "repeat", "It's 3:45 PM."),
    (("what time is it", "say that again please", "pardon"), "repeat", "It's 3:45 PM."),
    (("what did i say",), "said", "You haven't said anything before that."),
    (("What time is it?", "what did I say"), "said", "You said: What time is it."),
    (("can you hear me",), "said", "Yes, I hear you."),
    (("",), "silence", "I didn't catch that."),
    (("um",), "silence", "I didn't catch that."),
    (("...",), "silence", "I didn't catch that."),
    (("who wrote hamlet",), "fallback", FALLBACK),
    (
        ("who wrote hamlet", "and macbeth"),
        "fallback",
        "I can't do that offline either. Say help to hear what I can do.",
    ),
    (("wie spät ist es",), "foreign", f"I only understand English offline. {CONNECT}"),
    (("quelle heure est-il",), "foreign", f"I only understand English offline. {CONNECT}"),
    (("你好",), "foreign", f"I only understand English offline. {CONNECT}"),
    (
        ("what's the weather like",),
        "weather",
        "I can't look up the weather: that needs an online service, and I work offline.",
    ),
    (("what's the weather like", "and tomorrow"), "weather", "The weather needs an online service too."),
    (
        ("what's the weather like", "what about in paris"),
        "weather",
        "The weather needs an online service too.",
    ),
]


@pytest.mark.parametrize(("lines", "intent", "text"), TALK)
def test_talk(lines: tuple[str, ...], intent: str, text: str, ask: Callable[..., Reply]) -> None:
    reply = ask(*lines)
    assert (reply.intent, reply.text) == (intent, text)


@pytest.mark.parametrize(
    "said", ["goodbye", "bye bye", "quit", "exit", "good night", "that's all thank you", "thank you goodbye"]
)
def test_goodbye_ends(said: str, ask: Callable[..., Reply]) -> None:
    reply = ask(said)
    assert reply.intent == "goodbye"
    assert reply.goodbye


def test_jokes_are_not_repeated(ask: Callable[..., Reply]) -> None:
    told = [ask(*["tell me a joke"] * count).text for count in range(1, 6)]
    assert len(set(told)) == 5


LIMITS = {
    "weather": [
        "will it rain tomorrow",
        "do i need an umbrella",
        "how cold is it outside",
        "what's the temperature",
    ],
    "lights": [
        "would you please turn on the living room lamp",
        "dim the lights",
        "lock the door",
        "open the window",
    ],
    "music": ["play some jazz", "turn up the music", "next song", "turn off the radio"],
    "programs": ["launch firefox", "open the browser", "take a screenshot", "shut down the computer"],
    "drinks": [
        "can i have a double shot drip coffee with a bit of sweetener",
        "i'd like a large iced mocha with skim milk medium roast",
        "get me an americano triple shot medium roast with sweetener",
        "make me a latte",
    ],
    "news": ["what's the news", "who won the game"],
    "messages": ["call mom", "send a message to john", "read my email"],
    "travel": ["how far is it to london", "how do i get to the airport", "where am i"],
    "agenda": ["what's on my calendar", "add milk to my shopping list"],
    "search": ["search for cats", "tell me a story", "write a poem about the sea"],
    "money": ["how much is ten dollars in euros", "what's the stock market doing"],
    "translation": ["how do you say hello in french", "translate good morning into spanish"],
    "motion": ["go forward ten meters", "turn left"],
}


@pytest.mark.parametrize(
    ("intent", "said"), [(intent, said) for intent, lines in LIMITS.items() for said in lines]
)
def test_limits_are_specific(intent: str, said: str, ask: Callable[..., Reply]) -> None:
    first, second = ask(said), ask(said, said)
    assert first.intent == second.intent == intent
    assert len(second.text) < len(first.text)
    assert "can't" in first.text


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (("my name is Anna",), "Nice to meet you, Anna."),
        (("my name is Anna", "what time is it", "what's my name"), "Your name is Anna."),
        (("My name is Anna.", "call me Anna Marie", "who am I?"), "Your name is Anna Marie."),
        (("what is my name",), "You haven't told me, and I keep no notes about you."),
    ],
)
def test_names(lines: tuple[str, ...], text: str, ask: Callable[..., Reply]) -> None:
    assert ask(*lines).text == text


def test_calling_is_no_name(ask: Callable[..., Reply]) -> None:
    assert ask("call me back").intent == ask("call me a taxi").intent == "messages"
