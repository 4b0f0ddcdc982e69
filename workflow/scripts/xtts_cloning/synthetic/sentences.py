"""Sentences of a closed vocabulary of common words, for the demo's model to learn; each draw is another one."""

import random


def _words(line: str) -> list[str]:
    return line.split()


def _phrases(line: str) -> list[str]:
    return line.split("|")


TIMES = _phrases(
    "in the morning|in the evening|at noon|at night|after the rain|after dinner|late last night|early this morning|"
    "on monday|on sunday|before the winter|every day|every year|last week|one day|long ago|on market day"
)
ADJECTIVES = _words(
    "old young tired happy quiet kind clever little good strong green red brown black white golden silver wooden cold "
    "warm dark long heavy quick lazy cloned"
)
PEOPLE = _words(
    "baker sister sailor doctor neighbour teacher farmer child king queen mother father brother friend captain boy "
    "girl man woman painter dog fox cat horse"
)
SINGULAR, BOTH = _words("a every this that"), _words("the my our his her their")  # what stands before a noun
PLACES = _words("village town city hill road river bridge sea shore harbour garden house school market forest wall")
THINGS = _words(
    "gate door window letter book boat ship basket lamp table chair pipe bread water stone story song voice fish hat "
    "coat test catch quarrel"
)
MANY_THINGS = _words("boats coins bells apples birds gulls stars shells sails years")
VERBS = _words(
    "opened closed carried counted saw found lost made gave sold bought brought painted watched kept wanted moved "
    "turned sells jumps"
)
DEEDS = _phrases(
    "went home|came home|walked up the hill|walked slowly down the road|ran across the bridge|sat on the wall|"
    "sang a song|looked over the sea|slept all day|worked all night|waited for the boats|said hello|"
    "spoke with a quiet voice|was speaking naturally"
)
ENDINGS = _phrases(
    "and went home|while the bells rang|over the quiet town|by the sea shore|as he had done every day|for forty years|"
    "for the first time|but nobody saw it|when the boats came home|with his hat in his hand"
)
NUMBERS = _words("one two three four five six seven eight nine ten twenty thirty forty hundred")
OTHERS = _words(
    "hello this is was were has had have not yet begun done first she they we you it i and but with from through into "
    "an under near there here again never always"
)
WORDS = sorted({
    word
    for group in (
        *(TIMES, ADJECTIVES, PEOPLE, SINGULAR, BOTH, PLACES, THINGS, MANY_THINGS),
        *(VERBS, DEEDS, ENDINGS, NUMBERS, OTHERS),
    )
    for phrase in group
    for word in phrase.split()
})  # fmt: skip
SALAD_SHARE = 0.4  # of random words: every word is heard beside every other
LONG_SHARE = 0.06  # two sentences in one


def draw(generator: random.Random) -> str:
    """One sentence of 2 to 26 words in lower case, as the library's cleaner leaves it."""
    kind = generator.random()
    if kind < SALAD_SHARE:
        text = " ".join(_punctuated(generator, generator.choices(WORDS, k=generator.randint(2, 8))))
    elif kind < SALAD_SHARE + LONG_SHARE:
        text = f"{clause(generator)}, {generator.choice(['and', 'but', 'when'])} {clause(generator)}"
    else:
        text = clause(generator)
    return text + generator.choices([".", ",", "", "!", "?"], [85, 5, 4, 3, 3])[0]


def _punctuated(generator: random.Random, words: list[str]) -> list[str]:
    return [word + "," if n < len(words) and generator.random() < 0.08 else word for n, word in enumerate(words, 1)]


def clause(generator: random.Random) -> str:
    """3 to 20 words, such as: after dinner the old baker opened a window by the sea shore."""
    parts = [_person(generator), _deed(generator)]
    if generator.random() < 0.35:
        parts.insert(0, generator.choice(TIMES) + ("," if generator.random() < 0.2 else ""))
    if generator.random() < 0.35:
        parts.append(generator.choice(ENDINGS))
    return " ".join(parts)


def _person(generator: random.Random) -> str:
    if generator.random() < 0.1:
        return generator.choice(["she", "he", "they", "we", "you", "i", "nobody"])
    return _noun(generator, SINGULAR + BOTH, PEOPLE)


def _deed(generator: random.Random) -> str:
    if generator.random() < 0.3:
        return generator.choice(DEEDS)
    place = generator.choice(["in", "to", "from", "over", "by", "near"])
    where = [place, "the", generator.choice(PLACES)] if generator.random() < 0.35 else []
    return " ".join([generator.choice(VERBS), _thing(generator), *where])


def _thing(generator: random.Random) -> str:
    if generator.random() < 0.3:
        return _noun(generator, NUMBERS[1:] + BOTH, MANY_THINGS)
    return _noun(generator, [*SINGULAR, *BOTH, "one"], THINGS + PLACES)


def _noun(generator: random.Random, first: list[str], nouns: list[str]) -> str:
    adjective = [generator.choice(ADJECTIVES)] if generator.random() < 0.5 else []
    before, *rest = generator.choice(first), *adjective, generator.choice(nouns)
    return " ".join(["an" if before == "a" and rest[0][0] in "aeiou" else before, *rest])
