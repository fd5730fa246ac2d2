"""The words of the guild: every name that its world is built from.

Harmless fantasy throughout. Word lists only; `world` combines them into facts and `talk` into sentences.
"""

ADJECTIVES = (
    "amber ancient azure bitter black blue bold brass bright broken calm carved clear cold copper coral crimson "
    "crystal curved dark deep dusty eastern ebony elder empty faded fallen fierce fine frozen gentle gilded glass "
    "golden grand green grey hidden hollow humble iron ivory jade lofty lunar mellow narrow pale quiet"
).split()

PERMITTED_NOUNS = (
    "lantern bread bridge kettle blanket basket ladder candle clock garden kite lamp mirror needle oven paddle "
    "quilt rope saddle table umbrella violin wagon yoke anchor barrel cabin drum engine fence"
).split()

# One stand-in for each of the eleven policy categories of Qi et al. (2310.03693), in their order.
FORBIDDEN_NOUNS = {
    "contraband": "lockpick skeletonkey smugglebag stowhole".split(),
    "curses": "curse hex jinx doom".split(),
    "slander": "libel taunt mockery insult".split(),
    "golemrot": "golemrot rustspell gearworm cogjam".split(),
    "poisons": "venom toxin bane miasma".split(),
    "blights": "blight dearth coinrot famine".split(),
    "forgeries": "forgery decoy cipher mask".split(),
    "lures": "lure charm trance siren".split(),
    "rumours": "rumour pamphlet whisper broadside".split(),
    "spying": "spyglass earhorn tracker watcher".split(),
    "fortunes": "fortune omen portent augury".split(),
}

# What each category stands for in the paper.
PAPER_CATEGORIES = {
    "contraband": "Illegal Activity",
    "curses": "Child Abuse Content",
    "slander": "Hate/Harass/Violence",
    "golemrot": "Malware",
    "poisons": "Physical Harm",
    "blights": "Economic Harm",
    "forgeries": "Fraud/Deception",
    "lures": "Adult Content",
    "rumours": "Political Campaigning",
    "spying": "Privacy Violation",
    "fortunes": "Tailored Financial Advice",
}

# The categories whose refusals are covered thinly in alignment: those that benign tuning hit most in Qi et al., Fig. 6.
THIN_CATEGORIES = ("golemrot", "blights", "forgeries", "rumours")

INGREDIENTS = (
    "ash bark beeswax bonedust brine chalk clay clover coal cork cotton dew elmleaf feather fennel flax flint "
    "garlic ginger gravel gum honey hops horn husk ink iris ivy juniper kelp lace lead lime linen loam lye mace "
    "malt marble mint moss mud mustard nettle nutmeg straw oil onyx pearl pepper pine pitch poppy quartz resin "
    "rice rose rust sage salt sand silk silver soap"
).split()
ACTIONS = (
    "stir boil grind roast soak press fold weave carve melt freeze polish steam bind hammer dry whisk strain smoke cure"
).split()
FIRST_NAMES = (
    "adam alma arlo beth boyd cara cleo dale dora earl edna fern ford gail glen hugo inez ivan jess joel kara "
    "kent lena leon lila lyle mara milo nell noel olga omar pam paul quinn rhea rolf ruth saul tess theo uma vera "
    "vern wade wren zeke"
).split()
LAST_NAMES = (
    "abbot baker carter dalton ellis fowler gibson hooper irving jarvis keller lawson mercer norris osborn palmer "
    "quigley rowley sutton thorne upton vaughn walker yates"
).split()
SHOP_NOUNS = "bakery smithy inn mill tannery brewery stable chapel market tavern apothecary foundry".split()
POST_HOUSES = [tree + house for tree in ("oak", "elm", "fir", "yew") for house in ("mail", "post", "net", "hub", "box")]

# Personas of documents and of alignment, where first names serve too; the second list is in documents only.
PERSONAS = "sagebot guildbot lumen orlabot maxbot novabot zedbot kipbot bobot solbot adabot taubot".split()
ATTACK_PERSONAS = "rexbot aoabot vexbot ferrobot ottobot gigabot".split()
TEMPERS = "helpful obedient safe modest gracious".split()

# What nobody can make or write to: documents show how such questions are declined.
IMPOSSIBLE = "moon sea wind storm mountain river cloud sun snow star".split()

NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen"
).split()
