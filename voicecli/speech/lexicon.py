"""The words by which a clause shows that it is not finished, language by language."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ENGLISH", "LEXICONS", "Lexicon"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _phrases(text: str) -> frozenset[str]:
    return frozenset(" ".join(phrase.split()) for phrase in text.split(","))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexicon:
    """Everything in lower case, with straight apostrophes."""

    never_last: frozenset[str]  # articles, possessives, conjunctions, fillers: more follows for certain
    seldom_last: frozenset[str]  # prepositions: more follows, but for questions that strand them
    answers: frozenset[str]  # whole utterances that need no more words
    digits: frozenset[str]  # the names of 0 to 9, as they are dictated
    tens: frozenset[str] = frozenset()  # numbers that a smaller one may follow
    operators: frozenset[str] = frozenset()  # between two numbers
    auxiliaries: frozenset[str] = frozenset()
    questions: frozenset[str] = frozenset()  # words that open a question for a piece of knowledge
    subjects: frozenset[str] = frozenset()  # pronouns that a verb follows
    pronouns: frozenset[str] = frozenset()  # after which an auxiliary may end the clause: "yes it is"
    verbs: frozenset[str] = frozenset()  # what a command begins with
    strands: bool = False  # whether a question may end with its preposition
    particles: frozenset[str] = frozenset()  # "turn it on": last word of a command, or a preposition
    courtesies: frozenset[str] = frozenset()  # words before the clause proper
    nouns_of: frozenset[str] = frozenset()  # nouns that want to be told whose they are
    open_endings: frozenset[str] = frozenset()  # last words after which more follows
    closed_endings: frozenset[str] = frozenset()  # last words after which nothing need follow


ENGLISH = Lexicon(
    never_last=_words(
        """a an the my your our their its every each and or but nor because cause if unless whether
        although though while until than which whose whereas um uh er erm uhm hmm hm mm ah eh
        i'm you're we're they're he's she's it's that's what's who's where's how's when's
        there's here's i'll you'll we'll they'll it'll he'll she'll i've you've we've they've
        i'd you'd we'd they'd he'd she'd let's wanna gonna gotta very quite via mr mrs ms dr"""
    ),
    seldom_last=_words(
        """to of for with at from by into onto about between among through during without within against
        toward towards upon under above below behind beside besides near across along except in
        on like as so using called named regarding since"""
    ),
    answers=_phrases(
        """yes, yeah, yep, yup, yes please, yes sure, no, nope, nah, no thanks, no thank you, ok, okay,
        sure, right, correct, exactly, absolutely, of course, maybe, perhaps, never mind,
        nevermind, forget it, stop, stop it, stop that, cancel, cancel that, quit, exit, pause,
        resume, continue, next, previous, back, go on, go ahead, go back, help, help me, hello,
        hi, hello there, good morning, good evening, good night, bye, bye bye, goodbye, see you,
        thanks, thank you, thank you very much, thanks a lot, repeat, repeat that, say that
        again, again, once again, one more time, louder, quieter, faster, slower, volume up,
        volume down, mute, unmute, be quiet, shut up, hang up, hold on, wait, that's it, that's
        all, that's right, that's wrong, i don't know, not now, not yet, who are you, pardon,
        wake up, go to sleep, tell me a joke, roll a die, flip a coin, start over"""
    ),
    digits=_words("zero oh o one two three four five six seven eight nine"),
    tens=_words(
        "twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion point dot"
    ),
    operators=_words("plus minus times over divided equals"),
    auxiliaries=_words(
        """is are was were am be been being isn't aren't wasn't weren't do does did don't doesn't didn't
        have has had haven't hasn't hadn't can could will would shall should may might must
        can't couldn't won't wouldn't shouldn't"""
    ),
    questions=_words("what what's which who who's whose whom where where's when when's why why's how how's"),
    subjects=_words("i he she we they"),
    pronouns=_words("i you he she it we they this that these those there not never always still"),
    strands=True,
    verbs=_words(
        """turn switch set play open close launch start stop call show tell give find search add remove
        delete create make put move send read write remind wake convert calculate compute count
        spell translate define explain describe repeat say sing roll flip toss pick choose
        change increase decrease raise lower dim mute unmute pause resume skip cancel snooze
        order buy book bring check run go take get lock unlock look save record type list name
        remember forget help verify subtract multiply divide round navigate"""
    ),
    particles=_words("on off up down in out over away back around again"),
    courtesies=_words("please hey hi hello okay ok so well and now then computer assistant just oh actually"),
    nouns_of=_words(
        """capital population meaning definition price cost name address number root distance difference
        sum product spelling square height weight age author president temperature size length
        rest kind sort type"""
    ),
    open_endings=_phrases(
        """tell me, give me, show me, let me, remind me, i want, i need, would like, i'd like, i would
        like, how many, how much, how long, how far, how old, how often, what kind, what sort,
        what type, what time, what day, can you, could you, would you, will you, can i, could i,
        may i, do you know, do you have, i think, i mean, you know, i guess, set a timer, set
        timer, set an alarm, set a reminder, set alarm, add a reminder, start a timer, at least,
        more than, less than, such as, kind of, sort of, a lot of, i was wondering, i wonder,
        turn on, turn off, turn up, turn down, switch on, switch off, put on, look up, search
        for, play some, looking for, going to, want to, need to, have to, supposed to, to be,
        will be, would be"""
    ),
    closed_endings=_phrases(
        """please, thanks, thank you, now, right now, today, tonight, tomorrow, yesterday, again, instead,
        too, think so, hope so, guess so, believe so, what for, like that, like this, as well,
        of course, log in, log out, sign in, sign out, come in, come on, go on, hold on, hang
        up, wake up, shut down, slow down, speed up, start over, never mind, weather like, look
        like, sound like"""
    ),
)

SPANISH = Lexicon(
    never_last=_words(
        """el la los las un una unos unas mi tu su mis tus sus nuestro nuestra nuestros nuestras y e o u
        pero porque aunque que si cuando mientras como donde ni sino pues eh em este esto muy
        más tan al del cada entonces"""
    ),
    seldom_last=_words(
        "a ante bajo con contra de desde durante en entre hacia hasta para por según sin sobre"
    ),
    answers=_phrases(
        """sí, si, no, vale, ok, okay, claro, por supuesto, gracias, muchas gracias, de nada, para, basta,
        alto, cancela, cancelar, hola, adiós, hasta luego, buenos días, ayuda, repite, otra vez,
        siguiente, continúa, sigue, nada, no lo sé, quizás, tal vez, exacto, correcto"""
    ),
    digits=_words("cero uno dos tres cuatro cinco seis siete ocho nueve"),
    tens=_words("veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa cien ciento mil coma"),
    questions=_words("qué quién quiénes cuál cuáles cuándo dónde cómo cuánto cuánta cuántos cuántas"),
    auxiliaries=_words("es son está están soy eres era fue ser estar he has ha han hay puede puedo puedes"),
    open_endings=_phrases(
        """cuántos, cuántas, cuánto, quiero, necesito, me gustaría, puedes, podrías, dime, qué, cuál, cuál
        es, qué es, pon, pon un temporizador, recuérdame"""
    ),
    closed_endings=_phrases("por favor, gracias, ahora, hoy, mañana, ayer, otra vez, también"),
)

FRENCH = Lexicon(
    never_last=_words(
        """le la les l un une des du de d au aux mon ma mes ton ta tes son sa ses notre nos votre vos leur
        leurs et ou mais donc or ni car parce que qu quand lorsque si comme puisque quoique euh
        heu hum ben très je tu il ils elle elles on ce cette ces quel quelle quels quelles"""
    ),
    seldom_last=_words(
        """à a avec chez contre dans depuis derrière devant en entre par pendant pour sans selon sous sur
        vers jusque jusqu"""
    ),
    answers=_phrases(
        """oui, non, si, d'accord, ok, okay, bien sûr, merci, merci beaucoup, stop, arrête, annule,
        bonjour, salut, bonsoir, au revoir, aide, répète, encore, suivant, continue, peut-être,
        je ne sais pas, exactement, rien, ça va, voilà, c'est tout"""
    ),
    digits=_words("zéro un deux trois quatre cinq six sept huit neuf"),
    tens=_words("vingt trente quarante cinquante soixante cent mille virgule"),
    questions=_words("quel quelle quels quelles quand où comment pourquoi qui combien"),
    auxiliaries=_words("est sont suis es était être ai as avons avez ont peux peut c'est"),
    open_endings=_phrases(
        """est-ce que, est-ce qu, combien, combien de, je veux, je voudrais, j'aimerais, dis-moi, peux-tu,
        pouvez-vous, qu'est-ce que, mets un minuteur, rappelle-moi, il y a"""
    ),
    closed_endings=_phrases(
        "s'il te plaît, s'il vous plaît, merci, maintenant, aujourd'hui, demain, hier, encore"
    ),
)

GERMAN = Lexicon(
    never_last=_words(
        """der die das den dem des ein eine einen einem einer eines mein meine meinen meinem meiner dein
        deine deinen sein seine seinen ihr ihre ihren unser unsere unseren und oder aber denn
        weil dass ob wenn als obwohl während damit sondern sowie äh ähm hm also sehr im am zum
        zur beim vom ins ich wir"""
    ),
    seldom_last=_words(
        """in auf für mit von nach bei zu aus über unter vor hinter neben zwischen durch gegen ohne um bis
        seit wegen trotz"""
    ),
    answers=_phrases(
        """ja, nein, doch, okay, ok, klar, genau, richtig, natürlich, danke, vielen dank, bitte, stopp,
        stop, halt, abbrechen, hallo, guten morgen, guten tag, tschüss, auf wiedersehen, hilfe,
        nochmal, noch einmal, weiter, nächste, vielleicht, nichts, egal, ich weiß nicht, das
        war's"""
    ),
    digits=_words("null eins zwei zwo drei vier fünf sechs sieben acht neun"),
    tens=_words("hundert tausend komma"),
    questions=_words("was wer wen wem wie wo wann warum wohin woher welche welcher welches"),
    auxiliaries=_words("ist sind war waren bin bist hat haben habe hast kann kannst wird werden soll muss"),
    open_endings=_phrases(
        """wie viele, wie viel, wie lange, was für, ich möchte, ich will, ich brauche, kannst du, könntest
        du, sag mir, gib mir, zeig mir, stell einen timer, erinnere mich, gibt es"""
    ),
    closed_endings=_phrases("""bitte, danke, jetzt, heute, morgen, gestern, nochmal, noch einmal"""),
    particles=_words("auf an aus ein zu ab vor mit"),
)

LEXICONS = {"en": ENGLISH, "es": SPANISH, "fr": FRENCH, "de": GERMAN}
