"""What people ask for that cannot be done offline: understood, and answered with what it would need."""

from __future__ import annotations

import re
from dataclasses import dataclass

from voicecli.providers.assistant.reply import Context, Reply, Topic
from voicecli.providers.assistant.utterance import Utterance

__all__ = ["CONNECT", "Limit", "also", "beyond", "fallback"]

CONNECT = "Connect a model: set OPENAI_API_KEY and run with --llm openai, or start Ollama."
_FALLBACK = f"I can't do that offline. {CONNECT}"
_AGAIN = "I can't do that offline either. Say help to hear what I can do."
_FOREIGN = f"I only understand English offline. {CONNECT}"


@dataclass(frozen=True, slots=True)
class Limit(Topic):
    """The last request was beyond us; "what about tomorrow" is too."""

    intent: str


_PLACES = (
    r"(?:living room|kitchen|bedroom|bathroom|hall|hallway|office|dining room|garage"
    r"|basement|garden|porch|desk|ceiling|floor|night|bedside|outdoor|front|back)"
)
_LIGHT = r"(?:lights?|lamps?|bulbs?|candles?|chandelier)"
_DEVICE = (
    rf"(?:{_LIGHT}|television|t v|tv|heating|heater|heat|fan|radiator|thermostat"
    rf"|air conditioning|air conditioner|ac|a c|radio|oven|stove|kettle|coffee machine"
    rf"|coffee maker|dishwasher|washing machine|vacuum|sprinklers?|alarm system|door|doors"
    rf"|front door|back door|garage|gate|window|windows|blinds?|curtains?|shades?"
    rf"|temperature|plug|outlet|everything)"
)
_COFFEE = (
    r"(?:coffee|latte|americano|cappuccino|espresso|mocha|macchiato|flat white|cortado|tea"
    r"|hot chocolate|frappuccino|cold brew|drip coffee|drink|beer|wine|pizza|burger"
    r"|sandwich|food|dinner|taxi|cab|uber|ride)"
)
_MEDIA = (
    r"(?:music|songs?|tracks?|jazz|rock|pop|classical|radio|album|playlist|podcast"
    r"|audio ?book|video|movie|beatles|tune|something by|volume)"
)
_MONEY = r"(?:dollars?|euros?|yen|pounds?(?: sterling)?|francs?|pesos?|rupees?|yuan|bitcoins?|cents?)"
_MOM = (
    r"(?:mom|mum|dad|mother|father|wife|husband|brother|sister|john|boss|doctor|friend|son"
    r"|daughter|girlfriend|boyfriend|grandma|grandpa|the police|police|911|9 1 1|ambulance"
    r"|home|someone|him|her|them|everyone)"
)

# Searched in this order in what was said; the first that is found answers.
_LIMITS: tuple[tuple[str, re.Pattern[str], str], ...] = tuple(
    (intent, re.compile(pattern), answer)
    for intent, pattern, answer in (
        (
            "money",
            rf"\bexchange rate|\bhow (?:much|many)\b.*\b{_MONEY}\b|\b(?:convert|change"
            rf"|exchange)\b.*\b{_MONEY} (?:to|into|in)\b|^\d.*\b{_MONEY} (?:in|to|into) {_MONEY}$"
            rf"|\bin (?:dollars|euros|yen)$|\bstock(?:s| market| price)|\bprice of\b"
            rf"|\bhow much (?:does|is|are|do) .* cost|\bhow much (?:does|is) (?:gold|oil|bitcoin"
            rf"|a bitcoin)\b|\bbitcoin\b|\bcheck my (?:bank )?(?:balance|account)",
            "I can't look up prices and exchange rates: they need an online service, and I work offline.",
        ),
        (
            "news",
            r"\bnews\b|\bheadlines\b|\bwho won\b|\bthe score\b|\bscores?\b"
            r"|\bwhat happened (?:today|yesterday|in)|\bwhat is (?:happening"
            r"|going on)(?: in the world| today)?|\belection\b|\bdid .* win\b|\bwhen (?:is"
            r"|do) .* (?:play|game|match)\b",
            "I can't read the news or scores: they need an online service, and I work offline.",
        ),
        (
            "translation",
            r"\btranslate\b|\bhow (?:do|would|can) (?:you|i|we) say\b|\bwhat is .+ in (?:french"
            r"|german|spanish|italian|japanese|chinese|russian|portuguese|dutch|korean|arabic"
            r"|latin)$|\bspeak (?:french|german|spanish|italian|japanese)\b",
            f"I can't translate: that needs a language model. {CONNECT}",
        ),
        (
            "agenda",
            r"\b(?:calendar|agenda|schedule|appointments?|meetings?)\b|\bto ?do list\b"
            r"|\b(?:shopping|grocery|to do|my) list\b|\b(?:take|make|write|add) (?:a |an |me a "
            r"|down )?note\b|\bwrite (?:that|this) down\b|\bremember (?:that|to|this)\b"
            r"|\badd .+ to (?:my|the) .*list\b",
            "I can't reach calendars, lists or notes. I can set timers, alarms and reminders for "
            "as long as this conversation runs.",
        ),
        (
            "programs",
            r"^(?:launch|start(?: up)?|run|open(?: up)?|close|quit|kill|exit|minimize|maximize"
            r"|switch to|go to|install|uninstall|update) (?:the |a |an |my |new |me )*+(?!door"
            r"|front|garage|window|blinds|curtain|gate|timer|alarm)(?:firefox|chrome|chromium"
            r"|safari|edge|browser|web browser|terminal|calculator|editor|text editor|vim|emacs"
            r"|code|email|mail|window$|tab|file|files|folder|spotify|youtube|netflix|google|slack"
            r"|zoom|discord|word|excel|settings|app|application|program|computer|downloads"
            r"|documents|desktop|[a-z]+\.[a-z]+|\w+)(?: .*)?$"
            r"|\bscreenshot\b|\bscreen shot\b|\b(?:shut ?down|restart|reboot|turn off|switch off"
            r"|power off|log out of|sleep|lock) (?:the |my |this )?(?:computer|machine|laptop"
            r"|screen|system|p c|pc)\b|\b(?:open|launch) .*\b(?:browser|file|app|program|website"
            r"|page|terminal|new window|new tab)\b|\b(?:delete|save|copy|move|rename"
            r"|print) (?:the |this |that |my |a )*(?:files?|folders?|documents?|page)\b"
            r"|\bcheck (?:the |my )?(?:battery|disk|memory|c p u)\b",
            "I can't start or control programs: I have no access to this computer beyond its "
            "sound and its clock.",
        ),
        (
            "music",
            rf"^(?:play|pause|resume|skip|shuffle)\b|\b(?:pause|stop|start|turn (?:on|off|up|down)|put on"
            rf"|switch (?:on|off)|hear|listen to|next|previous|skip|change)\b.*\b{_MEDIA}\b"
            rf"|\bnext (?:song|track|1|one)\b|\bwhat (?:song|music) is\b|\bvolume\b|^(?:mute|unmute)$",
            "I can't play music or set its volume: that needs a player I can reach, and I have none.",
        ),
        (
            "lights",
            rf"\b(?:turn|switch|put|shut)\b.*\b(?:on|off|up|down|out|to|red|blue|green|white"
            rf"|yellow)\b.*|\b(?:dim|brighten)\b|\bset (?:the |my )?(?:{_PLACES} )?(?:lights?"
            rf"|lamps?|thermostat|temperature|heating|heater|brightness|air conditioning|fan)\b"
            rf"|\b(?:lock|unlock|open|close|shut|raise|lower)\b.*\b{_DEVICE}\b|\blights? (?:on|off"
            rf"|out)\b|\bincrease the (?:temperature|heat|brightness)\b|\bis the {_DEVICE} (?:on"
            rf"|off|open|closed|locked)\b|^(?:lights|lamp)$|\bstart the {_DEVICE}\b",
            "I can't switch lights or devices: that needs a smart home connection, and I have none.",
        ),
        (
            "messages",
            rf"^(?:call|phone|ring|dial|text|message|email|e mail|mail|video call|facetime"
            rf"|skype) .+|\b(?:send|write|read|check|answer|reply to|compose)\b.*\b(?:messages?"
            rf"|e ?mails?|mails?|texts?|letter|s m s|inbox|whatsapp)\b|\b(?:any|new|have"
            rf"|unread)\b.*\b(?:messages?|e ?mails?|mails?|texts?)\b|\bmake a (?:phone )?call\b"
            rf"|\bsend {_MOM}\b|\btell {_MOM} (?:that|to)\b",
            "I can't call or send messages: I have no phone and no mail account. In an "
            "emergency, please use a telephone.",
        ),
        (
            "drinks",
            rf"^(?:(?:i would (?:like|love)|i want|i will (?:have|take)|i need|let me (?:have|get)"
            rf"|get|give|make|order|bring|pour|brew|can i (?:have|get|order)|could i (?:have|get"
            rf"|order)|may i have|i would like to (?:have|get|order)|let us (?:order|have)|fetch"
            rf"|buy)(?: me| us)?(?: to (?:order|have|get))?)\b.*\b{_COFFEE}s?\b.*|^(?:a |an |1 |2 "
            rf"|double |triple |single |large |small |medium |iced |hot )*{_COFFEE}(?: with .+"
            rf"| please)?$|\b(?:double|triple|single) shot\b|\b(?:dark|light|medium) roast\b"
            rf"|^i am (?:hungry|thirsty)$|\breserve a table\b|\bbook (?:me )?a\b|^(?:buy|order)\b",
            "I can't order or make anything: that needs an online service or a machine I can "
            "reach, and I have neither.",
        ),
        (
            "travel",
            r"\bhow (?:do|can|would|should) (?:i|we|you) (?:get|drive|go|walk) (?:to|from|home)\b"
            r"|\bhow far (?:is|away is)\b.*|\bhow long (?:does it take|is it|will it take"
            r"|is the (?:drive|walk|flight|trip)) (?:to get |to drive |to walk |to fly )?(?:to"
            r"|from)\b|\btraffic\b|\bdirections?\b|^(?:take|drive|bring|navigate)(?: me"
            r"| us)? (?:to|home)\b|^navigate\b|\bwhere (?:am i|are we)\b|\bnearest\b|\bclosest\b"
            r"|\bflights?\b.*\bto\b|\b(?:bus|train|plane|subway)\b.*\b(?:leave|arrive|come|next)\b"
            r"|\bnext (?:bus|train|plane)\b|\bwhere is (?:the|my|a)\b",
            "I can't give directions or distances between places: they need maps and traffic "
            "from the network, and I work offline.",
        ),
        (
            "search",
            r"^(?:search|google|look up|browse|find(?: me)?(?! the (?:square|cube|sum))|surf)\b"
            r"|\bsearch (?:the )?(?:web|internet|for)\b|\bon (?:the internet|wikipedia|google"
            r"|the web)\b|\b(?:tell|read|write|give)(?: me| us)? (?:a|an|the|some"
            r"|my)?(?: \w+)? ?(?:story|poem|song|book|recipe|bedtime story|fact|essay|riddle"
            r"|letter|article|quote|trivia)\b|^(?:a|an)(?: \w+)? (?:story|poem|riddle|fact"
            r"|recipe)$|\bsing\b|\bwikipedia\b|\brecommend\b|\bgood restaurant\b|^(?:define|spell"
            r"|summarize|explain|describe)\b|\bwhat does .+ mean\b|\bhow (?:do|would) you spell\b"
            r"|\bmeaning of\b|\bdefinition of\b",
            f"I can't search, and I can't write or tell stories: that needs a language model or "
            f"the network. {CONNECT}",
        ),
        (
            "weather",
            r"\bweather\b|\bforecast\b|\b(?:will|does|is) it (?:be |going to (?:be )?)?(?:rain"
            r"|raining|snow|snowing|storm|sunny|cloudy|windy|hail|foggy|freezing|pouring|hot|cold"
            r"|warm|cool|nice)\b|\bgoing to (?:rain|snow|storm)\b|\bumbrella\b|\b(?:hot|cold|warm"
            r"|cool|windy|humid|sunny|nice) (?:is it|outside|out|will it be|today|tomorrow)\b"
            r"|\btemperature\b|\bhow many degrees (?:is it|are there|outside|today)|\bsun(?:rise"
            r"|set)\b|\bsun (?:rise|set|go down|come up)\b|\b(?:chance|probability) of (?:rain"
            r"|snow)\b|\bdo i need a (?:coat|jacket|sweater)\b|\bair quality\b|\bhumidity\b"
            r"|\bmoon\b",
            "I can't look up the weather: that needs an online service, and I work offline.",
        ),
        (
            "motion",
            r"^(?:go|move|drive|walk|run|roll|step|turn|rotate|spin|fly|jump|come|sit"
            r"|follow)(?: (?:a bit|a little|slowly|quickly|straight))*(?: (?:forwards?|backwards?"
            r"|back|left|right|up|down|ahead|straight(?: ahead)?|around|to the (?:left|right)"
            r"|closer|here|me))(?: .*)?$|^(?:go|turn|move)$|^(?:go|move|drive) \d+ .*$"
            r"|^turn \d+ degrees.*$",
            "I can't move: I'm only a voice in this terminal.",
        ),
    )
)
_SHORT = {
    "weather": "The weather needs an online service too.",
    "lights": "I can't switch that either.",
    "music": "I can't do that with music either.",
    "programs": "I can't control that program either.",
    "drinks": "I can't order that either.",
    "news": "The news needs an online service too.",
    "messages": "I can't call or write to anyone.",
    "travel": "That needs maps from the network too.",
    "agenda": "I can't reach calendars, lists or notes.",
    "search": "That needs a language model or the network too.",
    "money": "Prices and rates need an online service too.",
    "translation": "That needs a language model too.",
    "motion": "I still can't move.",
}


def beyond(utterance: Utterance, context: Context) -> Reply | None:
    """Weather, music, lights, programs and the rest: what they would need, and briefly when asked again."""
    for intent, pattern, answer in _LIMITS:
        if pattern.search(utterance.core):
            return _limited(intent, answer, context)
    return None


def _limited(intent: str, answer: str, context: Context) -> Reply:
    repeated = any(
        message.role == "assistant" and message.content.strip() in (answer, _SHORT[intent])
        for message in context.history[-4:]
    )
    return Reply(intent, _SHORT[intent] if repeated else answer, topic=Limit(intent))


_ALSO = re.compile(r"(?:and|or|what about|how about|and what about|and how about) (?:in |at |on |for )?.+")


def also(utterance: Utterance, context: Context) -> Reply | None:
    """ "what about tomorrow", after something that was beyond us."""
    if _ALSO.fullmatch(utterance.core) and isinstance(topic := context.recall(), Limit):
        return Reply(topic.intent, _SHORT[topic.intent], topic=topic)
    return None


# Words that are common in their language and no English; two of them make a sentence foreign.
_WORDS = {
    "german": "ich du wie spat uhr ist das der die und nicht ein eine bitte danke wetter heute "
    "morgen guten hallo kannst mir was wieviel stell einen",
    "french": "je tu quelle heure est il le la les et une bonjour merci temps aujourd demain quel "
    "comment ca vous nous pouvez quoi combien mets",
    "spanish": "que hora es el la los y una hola gracias tiempo hoy manana cual como por favor "
    "puedes cuanto dime pon buenos dias",
    "italian": "che ora il la gli e una ciao grazie tempo oggi domani quale come puoi quanto dimmi "
    "sono ore buongiorno metti",
    "dutch": "hoe laat is het de en een hallo dank weer vandaag morgen wat kun je mij alsjeblieft "
    "zet goedemorgen",
    "portuguese": "que horas sao o os e uma ola obrigado tempo hoje amanha qual como pode quanto bom dia",
}
_ENGLISH = frozenset(
    [
        "is",
        "what",
        "a",
        "the",
        "i",
        "it",
        "in",
        "on",
        "me",
        "do",
        "to",
        "you",
        "of",
        "for",
        "and",
        "my",
        "at",
        "he",
        "she",
        "we",
        "that",
        "this",
        "was",
        "are",
        "be",
        "have",
        "not",
    ]
) - {"a"}


def fallback(utterance: Utterance, context: Context) -> Reply:
    """The honest sentence; short when it was just said."""
    if _foreign(utterance):
        return Reply("foreign", _FOREIGN)
    repeated = any(
        message.role == "assistant" and message.content.strip() in (_FALLBACK, _AGAIN)
        for message in context.history[-6:]
    )
    return Reply("fallback", _AGAIN if repeated else _FALLBACK)


def _foreign(utterance: Utterance) -> bool:
    letters = [letter for letter in utterance.text if letter.isalpha()]
    if letters and sum(not letter.isascii() for letter in letters) * 2 > len(letters):
        return True
    words = set(utterance.text.split()) - _ENGLISH
    english = set(utterance.text.split()) & _ENGLISH
    return any(len(words & set(common.split())) > max(1, len(english)) for common in _WORDS.values())
