"""Abbreviations: which words carry a full stop that ends nothing, or may end something."""

from __future__ import annotations

from enum import Enum

from voicecli.reply.rules import words

__all__ = ["CONTINUERS", "STARTERS", "Ending", "ending"]


_STREET = 40  # characters: no name of a street is longer


class Ending(Enum):
    """What the full stop after a word can be the end of."""

    NEVER = "never"  # something always follows: "Dr. Smith", "e.g. this"
    BEFORE_CAPITAL = "before a capital"  # "apples, etc. Then", but "apples, etc. are"
    BEFORE_STARTER = "before a starter"  # "in the U.S. The", but "the U.S. Senate"
    UNLESS_NUMBER = "unless a number follows"  # "I said no. Then", but "No. 5"
    ALWAYS = "always"  # an ordinary word


# Titles that are ordinary words when written small.
_TITLES = words("""
    Gen Adm Rep Sen Col Hon Pres Mt Ft St Fr Hr Rev Maj Gov Art
""")

_ENDINGS = {
    word: kind
    for kind, words in (
        (
            Ending.NEVER,
            "dr mr mrs ms mx messrs prof sgt cpl capt cmdr lt supt sra srta mme mlle "
            "e.g eg i.e ie vs cf viz approx ca resp incl excl esp a.k.a p.ej "
            "z.b d.h u.a i.d.r bzw bspw ggf evtl vgl inkl zzgl mio mrd",
        ),
        (
            Ending.BEFORE_CAPITAL,
            "etc inc ltd co corp llc plc bros jr sr esq al ave blvd rd dept univ est a.m p.m am pm usw uvm "
            "ud uds vd vds min max hrs lb lbs oz hr ft mi gal tbsp tsp "
            "ph.d m.d b.a m.a b.sc m.sc b.c a.d b.c.e",
        ),
        (Ending.BEFORE_STARTER, "u.s u.s.a u.k u.n e.u d.c"),
        (
            Ending.UNLESS_NUMBER,
            "no nos nr nrn abs kap fig figs eq eqs sec vol vols ch pp pg p para tel ext "
            "jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri sat sun",
        ),
    )
    for word in words.split()
}

STARTERS = words("""
    the a an it he she they we you i this that these those there here in on at for from with by to of as
    if when while where what who why how but and or so yet then however also although because since
    after before my your his her its our their no yes not let is are was do did does can could would
    should will
    der die das ein eine er sie es wir ich ihr dann aber und oder wenn wer wie wo warum doch auch nun da
    hier dort am im mit von für auf bei nach danach man ja nein heute
""")
"""Words that open a sentence far more often than they continue a name."""

CONTINUERS = words("""
    monday tuesday wednesday thursday friday saturday sunday january february march april may june july
    august september october november december est edt cst cdt mst mdt pst pdt gmt utc cet cest bst
""")
"""Capitalised words that continue a time of day: "5 p.m. Monday"."""


def ending(word: str) -> Ending:
    """What a full stop after `word`, given without it, can be the end of."""
    if word in _TITLES:
        return Ending.NEVER
    small = word.lower()
    known = _ENDINGS.get(small)
    if known is None and small.endswith("str") and len(small) < _STREET:
        return Ending.BEFORE_CAPITAL  # "Hauptstr. 5"
    if known is not None:
        return known
    if all(len(part) == 1 and part.isalpha() for part in word.split(".")):
        # An initial ("J. Smith"), "plan B", or an abbreviation that is not listed or still arriving.
        return Ending.BEFORE_STARTER
    return Ending.ALWAYS
