"""What people ask for that cannot be done offline: understood, and answered with what it would need."""

from __future__ import annotations

import re
from dataclasses import dataclass

from voicecli.providers.assistant.dialogue import Context, Reply, Topic, intent
from voicecli.providers.assistant.wording import Utterance

__all__ = ["CONNECT", "also", "beyond", "fallback"]

CONNECT = "Connect a model: set OPENAI_API_KEY and run with --llm openai, or start Ollama."


@dataclass(frozen=True, slots=True)
class Limit(Topic):
    """The last request was beyond us; "what about tomorrow" is too."""

    intent: str
    briefly: str


_ROOM = (
    r"(?:living room|kitchen|bedroom|bathroom|hall|hallway|office|dining room|garage|basement|garden|porch"
    r"|desk|ceiling|floor|night|bedside|outdoor|front|back)"
)
_DEVICE = (
    r"(?:(?:lights?|lamps?|bulbs?|candles?|chandelier)|television|t v|tv|heating|heater|heat|fan|radiator"
    r"|thermostat|air condition(?:ing|er)|ac|a c|radio|oven|stove|kettle|coffee (?:machine|maker)|dishwasher"
    r"|washing machine|vacuum|sprinklers?|alarm system|(?:front |back )?door|doors|garage|gate|windows?"
    r"|blinds?|curtains?|shades?|temperature|plug|outlet|everything)"
)
_DRINK = (
    r"(?:coffee|latte|americano|cappuccino|espresso|mocha|macchiato|flat white|cortado|tea|hot chocolate"
    r"|frappuccino|cold brew|drip coffee|drink|beer|wine|pizza|burger|sandwich|food|dinner|taxi|cab|uber"
    r"|ride)"
)
_MEDIA = (
    r"(?:music|songs?|tracks?|jazz|rock|pop|classical|radio|album|playlist|podcast|audio ?book|video|movie"
    r"|beatles|tune|something by|volume)"
)
_MONEY = r"(?:dollars?|euros?|yen|pounds?(?: sterling)?|francs?|pesos?|rupees?|yuan|bitcoins?|cents?)"
_WHO = (
    r"(?:mom|mum|dad|mother|father|wife|husband|brother|sister|john|boss|doctor|friend|son|daughter"
    r"|girlfriend|boyfriend|grandma|grandpa|(?:the )?police|911|9 1 1|ambulance|home|someone|him|her|them"
    r"|everyone)"
)
_MAIL = r"(?:messages?|e ?mails?|mails?|texts?"

# The intent, its answer, what is said when it is asked again, and what is searched for, in this order.
_LIMITS = (
    (
        "money",
        "I can't look up prices and exchange rates: they need an online service, and I work offline.",
        "Prices and rates need an online service too.",
        rf"\bexchange rate|\bhow (?:much|many)\b.*\b{_MONEY}\b|\b(?:convert|change"
        rf"|exchange)\b.*\b{_MONEY} (?:to|into|in)\b|^\d.*\b{_MONEY} (?:in|to|into) {_MONEY}$"
        r"|\bin (?:dollars|euros|yen)$|\bstock(?:s| market| price)|\bprice of\b|\bhow much (?:does|is|are"
        r"|do) .* cost|\bhow much (?:does|is) (?:gold|oil)\b|\bbitcoin\b|\bcheck my (?:bank )?(?:balance"
        r"|account)",
    ),
    (
        "news",
        "I can't read the news or scores: they need an online service, and I work offline.",
        "The news needs an online service too.",
        r"\bnews\b|\bheadlines\b|\bwho won\b|\bscores?\b|\bwhat happened (?:today|yesterday|in)"
        r"|\bwhat is (?:happening|going on)|\belection\b|\bdid .* win\b|\bwhen (?:is|do) .* (?:play|game"
        r"|match)\b",
    ),
    (
        "translation",
        f"I can't translate: that needs a language model. {CONNECT}",
        "That needs a language model too.",
        r"\btranslate\b|\bhow (?:do|would|can) (?:you|i|we) say\b|\bwhat is .+ in (?:french|german|spanish"
        r"|italian|japanese|chinese|russian|portuguese|dutch|korean|arabic|latin)$|\bspeak (?:french|german"
        r"|spanish|italian|japanese)\b",
    ),
    (
        "agenda",
        "I can't reach calendars, lists or notes. I can set timers, alarms and reminders for as long as "
        "this conversation runs.",
        "I can't reach calendars, lists or notes.",
        r"\b(?:calendar|agenda|schedule|appointments?|meetings?)\b|\b(?:to ?do|shopping|grocery|my) list\b"
        r"|\b(?:take|make|write|add) (?:a |an |me a |down )?note\b|\bwrite (?:that|this) down\b"
        r"|\bremember (?:that|to|this)\b|\badd .+ to (?:my|the) .*list\b",
    ),
    (
        "programs",
        "I can't start or control programs: I have no access to this computer beyond its sound and its "
        "clock.",
        "I can't control that program either.",
        r"^(?:launch|start(?: up)?|run|open(?: up)?|close|quit|kill|exit|minimize|maximize|switch to|go to"
        r"|install|uninstall|update) (?:the |a |an |my |new |me )*+(?!door|front|garage|window|blinds"
        r"|curtain|gate|timer|alarm)(?:window$|[a-z]+\.[a-z]+|\w+)(?: .*)?$|\bscreen ?shot\b|\b(?:shut ?down"
        r"|restart|reboot|turn off|switch off|power off|log out of|sleep|lock) (?:the |my "
        r"|this )?(?:computer|machine|laptop|screen|system|p c|pc)\b|\b(?:open|launch) .*\b(?:browser|file"
        r"|app|program|website|page|terminal|new window|new tab)\b|\b(?:delete|save|copy|move|rename"
        r"|print) (?:the |this |that |my |a )*(?:files?|folders?|documents?|page)\b|\bcheck (?:the "
        r"|my )?(?:battery|disk|memory|c p u)\b",
    ),
    (
        "music",
        "I can't play music or set its volume: that needs a player I can reach, and I have none.",
        "I can't do that with music either.",
        r"^(?:play|pause|resume|skip|shuffle)\b|\b(?:pause|stop|start|turn (?:on|off|up|down)|put on"
        rf"|switch (?:on|off)|hear|listen to|next|previous|skip|change)\b.*\b{_MEDIA}\b"
        r"|\bnext (?:song|track|1|one)\b|\bwhat (?:song|music) is\b|\bvolume\b|^(?:mute|unmute)$",
    ),
    (
        "lights",
        "I can't switch lights or devices: that needs a smart home connection, and I have none.",
        "I can't switch that either.",
        r"\b(?:turn|switch|put|shut)\b.*\b(?:on|off|up|down|out|to|red|blue|green|white|yellow)\b"
        rf"|\b(?:dim|brighten)\b|\bset (?:the |my )?(?:{_ROOM} )?(?:lights?|lamps?|thermostat|temperature"
        r"|heating|heater|brightness|air conditioning|fan)\b|\b(?:lock|unlock|open|close|shut|raise"
        rf"|lower)\b.*\b{_DEVICE}\b"
        r"|\blights? (?:on|off|out)\b|\bincrease the (?:temperature|heat|brightness)\b|^(?:lights|lamp)$"
        rf"|\bis the {_DEVICE} (?:on|off|open|closed|locked)\b|\bstart the {_DEVICE}\b",
    ),
    (
        "messages",
        "I can't call or send messages: I have no phone and no mail account. In an emergency, please use a "
        "telephone.",
        "I can't call or write to anyone.",
        r"^(?:call|phone|ring|dial|text|message|e ?mail|mail|video call|facetime|skype) .+|\b(?:send|write"
        r"|read|check"
        rf"|answer|reply to|compose)\b.*\b{_MAIL}|letter|s m s|inbox|whatsapp)\b|\b(?:any|new|have"
        rf"|unread)\b.*\b{_MAIL})\b|\bmake a (?:phone )?call\b|\bsend {_WHO}\b|\btell {_WHO} (?:that|to)\b",
    ),
    (
        "drinks",
        "I can't order or make anything: that needs an online service or a machine I can reach, and I have "
        "neither.",
        "I can't order that either.",
        r"^(?:i would (?:like|love)|i want|i will (?:have|take)|i need|let me (?:have|get)|get|give|make"
        r"|order|bring|pour|brew|can i (?:have|get|order)|could i (?:have|get|order)|may i have"
        r"|let us (?:order|have)|fetch"
        rf"|buy)\b.*\b{_DRINK}s?\b|^(?:a |an |1 |2 |double |triple |single |large |small |medium |iced "
        rf"|hot )*{_DRINK}"
        r"(?: with .+| please)?$|\b(?:double|triple|single) shot\b|\b(?:dark|light|medium) roast\b"
        r"|^i am (?:hungry|thirsty)$|\breserve a table\b|\bbook (?:me )?a\b|^(?:buy|order)\b",
    ),
    (
        "travel",
        "I can't give directions or distances between places: they need maps and traffic from the network, "
        "and I work offline.",
        "That needs maps from the network too.",
        r"\bhow (?:do|can|would|should) (?:i|we|you) (?:get|drive|go|walk) (?:to|from|home)\b"
        r"|\bhow far (?:away )?is\b|\bhow long (?:does it take|is it|will it take|is the (?:drive|walk"
        r"|flight|trip)) (?:to get |to drive |to walk |to fly )?(?:to|from)\b|\btraffic\b|\bdirections?\b"
        r"|^(?:take|drive|bring)(?: me| us)? (?:to|home)\b|^navigate\b|\bwhere (?:am i|are we)\b|\b(?:near"
        r"|clos)est\b|\bflights?\b.*\bto\b|\b(?:bus|train|plane|subway)\b.*\b(?:leave|arrive|come|next)\b"
        r"|\bnext (?:bus|train|plane)\b|\bwhere is (?:the|my|a)\b",
    ),
    (
        "search",
        "I can't search, and I can't write or tell stories: that needs a language model or the network. "
        f"{CONNECT}",
        "That needs a language model or the network too.",
        r"^(?:search|google|look up|browse|find(?: me)?(?! the (?:square|cube|sum))|surf)\b"
        r"|\bsearch (?:the )?(?:web|internet|for)\b|\bon (?:the internet|wikipedia|google|the web)\b"
        r"|\b(?:tell|read|write|give)(?: me| us)? (?:a|an|the|some|my)?(?: \w+)? ?(?:story|poem|song|book"
        r"|recipe|bedtime story|fact|essay|riddle|letter|article|quote|trivia)\b|^(?:a|an)(?: \w+)? (?:story"
        r"|poem|riddle|fact|recipe)$|\bsing\b|\bwikipedia\b|\brecommend\b|\bgood restaurant\b|^(?:define"
        r"|spell|summarize|explain|describe)\b|\bwhat does .+ mean\b|\bhow (?:do|would) you spell\b"
        r"|\b(?:meaning|definition) of\b",
    ),
    (
        "weather",
        "I can't look up the weather: that needs an online service, and I work offline.",
        "The weather needs an online service too.",
        r"\bweather\b|\bforecast\b|\b(?:will|does|is) it (?:be |going to (?:be )?)?(?:rain|raining|snow"
        r"|snowing|storm|sunny|cloudy|windy|hail|foggy|freezing|pouring|hot|cold|warm|cool|nice)\b"
        r"|\bgoing to (?:rain|snow|storm)\b|\bumbrella\b|\b(?:hot|cold|warm|cool|windy|humid|sunny"
        r"|nice) (?:is it|outside|out|will it be|today|tomorrow)\b|\btemperature\b"
        r"|\bhow many degrees (?:is it|are there|outside|today)|\bsun(?:rise|set)\b|\bsun (?:rise|set"
        r"|go down|come up)\b|\b(?:chance|probability) of (?:rain|snow)\b|\bair quality\b"
        r"|\bdo i need a (?:coat|jacket|sweater)\b|\bhumidity\b|\bmoon\b",
    ),
    (
        "motion",
        "I can't move: I'm only a voice in this terminal.",
        "I still can't move.",
        r"^(?:go|move|drive|walk|run|roll|step|turn|rotate|spin|fly|jump|come|sit|follow)(?: (?:a bit"
        r"|a little|slowly|quickly|straight))*(?: (?:forwards?|backwards?|back|left|right|up|down|ahead"
        r"|straight(?: ahead)?|around|to the (?:left|right)|closer|here|me))(?: .*)?$|^(?:go|turn|move)$"
        r"|^(?:go|move|drive) \d+ .*$|^turn \d+ degrees.*$",
    ),
)
_SEARCHES = [(*limit[:3], re.compile(limit[3])) for limit in _LIMITS]


def beyond(utterance: Utterance, context: Context) -> Reply | None:
    """Weather, music, lights, programs and the rest: what they would need, and briefly when asked again."""
    for name, answer, briefly, pattern in _SEARCHES:
        if pattern.search(utterance.core):
            repeated = not {answer, briefly}.isdisjoint(context.before("assistant", 4))
            return Reply(name, briefly if repeated else answer, topic=Limit(name, briefly))
    return None


@intent("limit", r"(?:and|or|what about|how about|and what about|and how about) (?:in |at |on |for )?.+")
def also(match: re.Match[str], context: Context) -> Reply | None:
    """ "what about tomorrow", after something that was beyond us."""
    topic = context.recall()
    return Reply(topic.intent, topic.briefly, topic=topic) if isinstance(topic, Limit) else None


# Words that are common in their language and no English; two of them make a sentence foreign.
_FOREIGN = tuple(
    frozenset(words.split(" "))
    for words in (
        "ich du wie spat uhr ist das der die und nicht ein eine bitte danke wetter heute morgen guten hallo "
        "kannst mir was wieviel stell einen",
        "je tu quelle heure est il le la les et une bonjour merci temps aujourd demain quel comment ca vous "
        "nous pouvez quoi combien mets",
        "que hora es el la los y una hola gracias tiempo hoy manana cual como por favor puedes cuanto dime "
        "pon buenos dias",
        "che ora il la gli e una ciao grazie tempo oggi domani quale come puoi quanto dimmi sono ore "
        "buongiorno metti",
        "hoe laat is het de en een hallo dank weer vandaag morgen wat kun je mij alsjeblieft zet goedemorgen",
        "que horas sao o os e uma ola obrigado tempo hoje amanha qual como pode quanto bom dia",
    )
)
_ENGLISH = re.compile(
    r"(?:is|what|the|i|it|in|on|me|do|to|you|of|for|and|my|at|he|she|we|that|this|was|are|be|have|not)"
)


def fallback(utterance: Utterance, context: Context) -> Reply:
    """The honest sentence; short when it was just said."""
    if _foreign(utterance.text):
        return Reply("foreign", f"I only understand English offline. {CONNECT}")
    texts = (
        f"I can't do that offline. {CONNECT}",
        "I can't do that offline either. Say help to hear what I can do.",
    )
    return Reply("fallback", texts[not set(texts).isdisjoint(context.before("assistant", 6))])


def _foreign(text: str) -> bool:
    letters = [letter for letter in text if letter.isalpha()]
    if letters and sum(not letter.isascii() for letter in letters) * 2 > len(letters):
        return True
    english = {word for word in text.split() if _ENGLISH.fullmatch(word)}
    words = set(text.split()) - english
    return any(len(words & common) > max(1, len(english)) for common in _FOREIGN)
