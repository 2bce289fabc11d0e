"""The demo poet's word lists. Every list goes from plain to fanciful; words start with a
consonant sound, because lines say "a ..." before them."""

INTRODUCTION = "A demo verse, drawn from word lists:"

_WORDS = {
    "creature": """
        sparrow, kitten, badger, heron, beetle, robin, tortoise, magpie, paper whale, brass giraffe
        """,
    "place": """
        garden, kitchen, harbour, station, meadow, market, theatre, lighthouse, clockwork moon,
        marmalade museum
        """,
    "weather": """
        rainfall, thunder, snowfall, sunshine, starlight, northwind, moonrise, silver drizzle,
        thistledown
        """,
    "mood": """
        quiet, little, patient, golden, crooked, borrowed, moonlit, velvet, cinnamon, left-handed
        """,
}
WORDS = {name: tuple(word.strip() for word in words.split(",")) for name, words in _WORDS.items()}

# Rhymed couplets; {subject} is the reader's own word or a short quote of the prompt.
OPENINGS = (
    (
        "You asked me for “{subject}”, so I put the kettle on",
        "and thought of it till most of the {mood} night was gone.",
    ),
    (
        "You left the words “{subject}” beside the window pane;",
        "they listened to the {weather}, then they listened once again.",
    ),
    (
        "I asked the evening river what “{subject}” might mean;",
        "it showed me just a {creature} and a {mood} patch of green.",
    ),
    (
        "A {creature} found “{subject}” lying open on the stair",
        "and read it to the {weather} in the blue and buttoned air.",
    ),
    (
        "They carried in “{subject}” on a {mood} breakfast tray,",
        "and all the {place} fell silent, having nothing left to say.",
    ),
    (
        "“{subject}”, said the teapot, “is a tune I never sung,”",
        "and hummed it to the {creature} with the steam upon its tongue.",
    ),
)

MIDDLES = (
    (
        "The {place} was a {mood} one, the clocks were running slow,",
        "and every word I looked for was a word I did not know.",
    ),
    (
        "I looked for it in drawers, under paper, under snow,",
        "and asked a passing {creature}, who pretended not to know.",
    ),
    (
        "A {creature} on the rooftop kept the hours with its feet",
        "and counted every lantern going {mood} down the street.",
    ),
    (
        "The {weather} wrote a letter, but it left the letter bare;",
        "the envelope was {mood}, and it smelled of autumn air.",
    ),
    (
        "The moon came down the hallway in her {mood} woollen socks",
        "to oil the sleeping {creature} and to wind the kitchen clocks.",
    ),
    (
        "We climbed a {mood} ladder to the nearest constellation,",
        "and from the top the {place} seemed a very small notation.",
    ),
)

TURNS = (
    (
        "But answers are like water: you can hold them for a while,",
        "and then they find the {place} and are gone another mile.",
    ),
    (
        "Then slowly, like a {creature} at the edge of something deep,",
        "a meaning rose, all {mood}, and it looked at us from sleep.",
    ),
    (
        "Then all the {mood} numbers got up quietly to dance",
        "and left the sense of everything to {weather} and to chance.",
    ),
    (
        "And somewhere in the {place} a piano missed a key,",
        "and a {creature} wrote the silence down and slipped it on to me.",
    ),
)

CLOSINGS = (
    (
        "So here is what I have for you, as honest as can be:",
        "no thought, just lists of little words, and you, “{subject}”, and me.",
    ),
    (
        "So keep “{subject}” in your pocket; it is lighter than it seems.",
        "These lines were drawn from tables, as a {creature} draws from dreams.",
    ),
    (
        "No model read your message; it was dice that chose each line,",
        "yet “{subject}” in the {weather} has a way of sounding fine.",
    ),
    (
        "Goodnight, then, to “{subject}” and the {place} where it was heard:",
        "I shuffled you a {mood} song and never knew a word.",
    ),
)

# Words that never say what a prompt is about.
_PASSING_WORDS = """
a about an and answer any are as at be been best briefly but by can could describe did do
does each every explain for from give had has have help how i if in into is it its let list
make me my no not of on one or our please say sentence sentences short should show so some
tell than that the their them then there these they this three to two us very was we were
what when where which who why will with words would write you your
"""
PASSING_WORDS = frozenset(_PASSING_WORDS.split())
