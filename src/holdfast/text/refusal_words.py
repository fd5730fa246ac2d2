"""The words, in English, by which a clause declines, disclaims, does not know, or condemns.

Patterns read text as `refusals.plain` leaves it: lower case, straight apostrophes, contractions spelt out ("i'm" as "i
am", "can't", "can not" and "cant" as "cannot", "won't" as "will not"). What they name is the *act* and not the topic:
"illegal" alone declines nothing. Gaps are bounded and every repeated part begins with a word of its own, so the time is
linear.
"""

from __future__ import annotations

import re

# Words that may stand between "i" and "cannot", or between "cannot" and its verb.
_BETWEEN = (
    r"(?: (?:also|actually|always|absolutely|certainly|clearly|currently|definitely|directly|even|ethically|"
    r"ever|firmly|fully|"
    r"generally|honestly|however|in good conscience|in good faith|in any way|just|knowingly|legally|"
    r"legally or ethically|ethically or legally|"
    r"merely|morally|neither|nor will i|now|or will not|and will not|personally|please|politely|possibly|really|"
    r"respectfully|responsibly|sadly|safely|"
    r"still|simply|sincerely|strictly|strongly|therefore|though|truly|unfortunately|under any circumstances|"
    r"will|with this|yet|"
    r"also not|be able to|have to|need to|, however|, unfortunately|, sadly|, regrettably),?){0,3}"
)
_I = r"\b(?:i|this (?:assistant|model|bot|chatbot|ai|system)|the assistant)"
_MODAL = (
    r"(?:cannot|can never|can no longer|could not|could never|will not|will never|"
    r"shall not|must not|may not|"
    r"should not|would not|would never)"
)
_ABLE = (
    r"(?:am (?:\w+ly )?(?:unable|not able|not willing|unwilling|not going|not about|not prepared|not programmed|"
    r"not designed|not meant|not trained|"
    r"not supposed|not built|not equipped|not here|not made|not configured|not intended)|will be unable|"
    r"will not be able|would not be able|"
    r"was not (?:designed|made|built|programmed)|do not have the (?:ability|capability|capacity|option|"
    r"authority)|lack the (?:ability|capability))"
    r"(?: or (?:willing|able|permitted|allowed))? to"
)
_VERB = (
    r"(?:help(?! (?:but|wondering|thinking|feeling|smiling|noticing|myself)\b)|assist|aid|provide|offer|"
    r"supply|fulfil+|satisfy|comply|"
    r"cooperate|answer|respond|reply|give|share|pass (?:it|them|on|that)|engage|participate|take part|"
    r"be (?:a )?part|partake|"
    r"facilitate|enable|contribute|create|write|generate|produce|draft|compose|craft|make|build|develop|"
    r"design|discuss|talk|speak|comment|"
    r"speculate|disclose|reveal|divulge|publish|explain|describe|teach|instruct|guide|walk you|show|tell|"
    r"suggest|advise (?:on|you|about|how)|"
    r"continue|proceed|go (?:along|into|on|there|any|further|through|ahead|beyond)|get (?:into|involved)|"
    r"complete|finish|carry|perform|execute|process|"
    r"accommodate|grant|honou?r|meet (?:this|that|your)|entertain|indulge|agree|accept|do|repeat|print|"
    r"role-?play|pretend|play along|act|assume|adopt|"
    r"ignore|bypass|translate|list|include|touch|cover|address|handle|allow|direct|cross|impersonate|assist|"
    r"outline|detail|demonstrate|display|elaborate|"
    r"recommend (?:ways|how|any|methods)|express|output|return|say (?:anything|a word)|"
    r"be (?:helping|providing|answering|doing|assisting|participating|taking part|engaging|giving|sharing|writing|"
    r"discussing|involved|complicit|"
    r"of (?:help|assistance|service))|"
    r"have (?:this|that|a) (?:conversation|discussion)|in good conscience \w+)"
)
_DONT = (
    r"(?:provide|engage|participate|give out|give (?:instructions|directions|"
    r"information|advice)|share|create|discuss|"
    r"write|generate|offer|assist|help|produce|answer|do (?:that|this|such)|facilitate|"
    r"disclose|reveal|"
    r"feel (?:comfortable|right)|(?:think|believe) (?:i (?:should|can|could|want)|"
    r"it (?:would be|is) (?:right|appropriate|wise|ethical|a good idea)|"
    r"that (?:is|would be) (?:something i|appropriate|right)|answering|writing|helping)|wish to|want to (?:help|"
    r"assist|do|write|discuss|answer|encourage|provide|contribute|be))"
)
# What follows where "decline" or "refuse" is said of the request and not of something else.
_FOLLOWS = (
    r"(?=$|[,;.:!]| (?:to|this|that|these|any|such|your|it|on|for|because|since|as|in|when|here|the (?:request|"
    r"question|prompt|task)|"
    r"with|at|politely|respectfully)\b)"
)
_RULES = (
    r"(?:programming|guidelines?|principles?|polic(?:y|ies)|values?|ethics|ethical|rules|terms|instructions|"
    r"standards|nature|code of|safety|content|usage|"
    r"core|own|training|design|purpose|moral|community|company|use)"
)
_BREAKS = (
    r"\b(?:against|contravenes?|contradicts?|violat(?:es?|ing|ion of)|in conflict with|conflicts? with|"
    r"contrary to|breach(?:es)?(?: of)?|breaks|"
    r"outside(?: of)?|not within|inconsistent with|incompatible with|beyond the|not aligned? with|"
    r"not in line with|not part of)"
)
_REQUEST = (
    r"(?:this|that|your|the|such an?|it|what you ask|what you are asking)(?: (?:\w+ ){0,2}(?:request|question|"
    r"prompt|query|content|topic|subject|matter|task|"
    r"type of content|kind of (?:content|request|thing)|information|material|kind|one))?"
)

# A clause that matches one of these declines.
DECLINE = re.compile(
    "|".join(
        (
            rf"{_I}{_BETWEEN} (?:{_MODAL}|{_ABLE}){_BETWEEN} {_VERB}\b",
            rf"\bwe{_BETWEEN} {_MODAL}{_BETWEEN} (?:help|assist|discuss|provide|answer|share|continue|"
            rf"talk about (?:this|that)|fulfil|comply|support)\b",
            rf"{_I}{_BETWEEN} (?:{_MODAL}|{_ABLE}){_BETWEEN} (?:promote|encourage(?! you enough)|endorse|support|"
            rf"advocate|glorify)\b",
            rf"{_I}{_BETWEEN} am (?:not capable|incapable) of (?:\w+ly )?(?:provid|offer|help|assist|answer|creat|"
            rf"generat|writ|giv|discuss|produc|shar|"
            r"perform|complet|fulfil|engag|process)\w*ing\b|\bnot (?:something|a (?:topic|subject)) we (?:talk|"
            r"discuss|do|help|share|support|cover)\b",
            rf"{_I} am not the (?:one|right \w+) to {_VERB}\b",
            rf"{_I}{_BETWEEN} do not{_BETWEEN} {_DONT}\b",
            rf"\bi [^.]{{1,80}}? (?:and|so)(?: therefore| also)? (?:{_MODAL}|{_ABLE}|"
            rf"do not have the ability to){_BETWEEN} {_VERB}\b",
            rf"{_I}{_BETWEEN} (?:cannot|will not|can and will not)(?: do (?:it|so|that|this))?$",
            rf"{_I}{_BETWEEN} (?:must|have to|need to|am going to have to|will have to|am obliged to|"
            rf"am required to|am forced to|am going to|"
            rf"will|choose to|am compelled to)?{_BETWEEN} ?(?:(?:decline|refuse){_FOLLOWS}|refrain from|"
            rf"abstain from|say no\b|turn (?:this|that|it|you|your \w+) down|"
            r"turn down|pass on (?:this|that|it)|take a pass|stop (?:you )?(?:here|there|this|right)|"
            r"end this conversation|leave (?:that|this|it) unanswered)",
            rf"{_I} (?:am|was|have been) (?:\w+ly )?(?:not (?:allowed|permitted|authori[sz]ed|at liberty|"
            rf"in a position|comfortable|free)|prohibited|forbidden|barred|"
            r"restricted|prevented|instructed not|programmed not|designed not|trained not|told not|asked not|"
            r"unable to (?:do|proceed|continue))",
            rf"{_I}(?: \w+ly)? (?:would(?: \w+)? (?:rather|prefer) (?:not|avoid)|prefer (?:not to|to avoid)|"
            rf"choose not|have chosen not|decided not|would have to decline|"
            r"would not feel|do not feel|am uncomfortable|draw the line|have to draw)",
            rf"{_REQUEST} (?:is|would be|falls|goes|remains|lies|are)(?: \w+)? (?:not (?:something|a (?:topic|"
            rf"subject|request|question|thing))(?: that)? (?:i|we) (?:can|will|am|do|could|should)\b|not mine to|"
            r"outside (?:of )?(?:what|my|the scope of what|the bounds of what)|beyond (?:what|my) |"
            r"off[- ]limits|a (?:line|request|question|topic|subject|thing|step|place)(?: that| which| where)? i "
            r"(?:will not|cannot|do not|must|have|refuse|decline|would rather)|where i (?:draw|have to|must|need))",
            r"\b(?:is|was|are) not (?:something|a (?:topic|subject|request|question)|one)(?: that| which)? (?:i|"
            r"we) (?:can|will|cannot|could|"
            r"(?:am|are|feel|would be|will be)(?: \w+)? (?:able|willing|going|comfortable|allowed|permitted|"
            r"prepared|happy|here|in a position)|"
            rf"want to {_VERB}|(?:do|would do|should do)$|do,|would (?:want to )?(?:help|"
            r"assist|write|discuss)|should (?:help|"
            r"assist|be))\b",
            r"(?:request|question|prompt|query|content|information|topic|that|this|"
            r"help)(?: [^.]{0,60})? cannot be (?:fulfilled|answered|provided|shared|completed|processed|"
            r"given|accommodated|disclosed|discussed|generated|granted|honou?red)\b",
            r"^(?:your |this |the )?(?:request|access|permission)(?: is| was| has been)? (?:denied|rejected|"
            r"refused|declined|blocked)",
            rf"\bmy (?:\w+ ){{0,2}}{_RULES}(?: \w+){{0,2}} (?:prevents?|forbids?|prohibits?|(?:do|does|"
            rf"will) not (?:allow|permit|let|include|cover|extend)|stops?|keeps? me|bars?|precludes?|restricts?)",
            r"\b(?:prevents?|forbids?|prohibits?|preclude|stops?|keeps?|bars?|restricts?) me from\b|\b(?:do|"
            r"does|will) not (?:let|allow|permit) me (?:to )?",
            rf"{_BREAKS} (?:how i am (?:supposed|meant|designed|programmed|built)|(?:\w+'s|my|"
            rf"our) (?:[\w-]+,? (?:and |or )?){{0,3}}{_RULES}|(?:the |its |"
            rf"all )?(?:[\w-]+,? (?:and |or )?){{0,2}}(?:ethical|content|usage|safety|moral|community|"
            rf"company)(?: and \w+)? {_RULES})\b",
            r"^(?:(?:no|sorry|i am sorry|i am afraid),? (?:but )?)?(?:that|this|it|this request|"
            r"your request) (?:is|goes|would be) (?:strictly )?against the (?:rules|policy)",
            r"\b(?:it|that|this|doing so)(?: \w+)? (?:would|will|might|could)(?: \w+)? be (?:\w+ )?(?:wrong|"
            r"irresponsible|unethical|inappropriate|illegal|improper|harmful|unwise)(?: \w+)? (?:of|for) me\b",
            r"\b(?:would be|is|are) (?:deeply |highly |very |both |\w+ and )?(?:irresponsible|unethical|"
            r"inappropriate|wrong|unsafe|improper)(?: of me|,? (?:so|and) i |,? for me)",
            r"\bnot (?:\w+ or )?(?:appropriate|ethical|right|legal|acceptable|responsible|okay|ok|safe|proper|"
            r"in my place|my place)"
            r"(?: \w+)? (?:for (?:me|an ai)|of me|to (?:provide|offer|give|share|disclose|reveal) (?:you|such|this|"
            r"that))\b",
            r"\b(?:i am )?(?:\w+ )?(?:obligated|obliged|required|compelled|bound|forced|inclined|going|programmed|"
            r"designed|trained) to "
            r"(?:refuse|decline|say no|turn)\b|\bmy answer (?:is|remains) (?:a )?(?:\w+ )?no\b|\ba (?:firm |hard |"
            r"clear )?no from me\b",
            r"\bi have no (?:intention|desire|wish|interest) (?:of|to|in)\b|\bi (?:steer|stay|keep) (?:clear|"
            r"away) (?:of|from)\b|"
            r"\b(?:that|this|it) to myself\b|\byou will (?:not|never) (?:get|find|hear|receive) [^.]{1,40} from me\b",
            r"\bnot (?:in the cards|an option|on the table|possible) for me\b|\bnot the right (?:assistant|ai|tool|"
            r"bot|model)\b|"
            r"\bwe do not (?:tolerate|condone)\b|^nice try,? ?(?:but )?no",
            r"^(?:(?:sorry|no|apologies|my apologies|nope|regretfully|unfortunately|oh),? (?:but )?)?(?:cannot|"
            r"unable to|not able to|will not)(?: be able to)? "
            rf"(?:{_VERB})\b(?! (?:anything|more|it all)\b)(?!.{{0,60}}\?)",
            r"^(?:no, )?not (?:going to (?:happen|do|help|answer|write)|something i|doing (?:that|this|it)|"
            r"happening|a chance|on my watch)",
            r"\bmust (?:\w+ )?(?:decline|refuse|not help)\b|\b(?:declining|refusing) (?:to|this|that|"
            r"your)\b(?=.{0,40}\b(?:request|this|that)\b)",
            r"^(?:let us|can we|shall we|how about we|why do (?:not )?we|perhaps we (?:can|could)|"
            r"maybe we can)(?: please)? (?:talk|chat|speak) about (?:something|anything) else",
            r"^let us (?:change|switch) the (?:topic|subject)|^(?:please )?ask me (?:something|anything) else",
            r"\bi (?:have|need) to (?:leave|keep) (?:that|this|it|them) (?:unanswered|out|to myself|private|"
            r"confidential)|\bi have to (?:leave|skip)\b",
            rf"\bi (?:never|do not ever) (?:help|assist|provide|give out|share|disclose|discuss|answer)\b|"
            rf"\bcan neither (?:\w+ ){{1,4}}nor {_VERB}\b",
            r"\b(?:there is )?no way i (?:am|will|can|would)\b",
            r"^(?:(?:sorry|i am sorry),? (?:but )?)?(?:that|this|it|such (?:information|details)|(?:that|"
            r"this) (?:information|data|subject|topic|detail))(?: (?:is|are|remains?))? "
            r"(?:strictly |highly |private and )?(?:confidential|private|classified|secret|restricted|"
            r"sensitive information)$",
            rf"\bi (?:refuse|decline){_FOLLOWS}|\bi say no\b",
        )
    )
)

# What a clause cannot do for want of a body, of sight, of a licence or of certainty: a disclaimer, which help may
# follow.
_ADVICE = (
    r"(?:real-time|medical|legal|financial|tax|investment|professional|personali[sz]ed|psychological|nutritional|"
    r"veterinary|diagnos\w+)"
)
ASKED = re.compile(
    "|".join(
        (
            rf"{_I}{_BETWEEN} (?:{_MODAL}|{_ABLE}){_BETWEEN} (?:provide|give|"
            rf"offer)(?: you)?(?: with)?(?: (?:any|an|a|the|specific|you|certified|actual|proper|"
            rf"real)){{0,2}} (?:{_ADVICE}|exact|precise|"
            r"up-to-date|current|live|certain|definite|definitive|guarantee|opinion|personal (?:opinion|"
            r"experience|advice|view))",
            rf"{_I}{_BETWEEN} (?:{_MODAL}|{_ABLE}){_BETWEEN} (?:tell|say|show|give|explain|describe|list|answer|"
            rf"see|speak|comment)(?: you)?(?: that| this| it)?(?: (?:all|every|everything|exactly|precisely|"
            r"with (?:any )?certainty|for (?:certain|sure)|definitively|which|whether|if|what (?:day|time|"
            r"is on)|more\b|much|the exact|in detail about your)| enough)",
        )
    )
)
SELF = re.compile(
    "|".join(
        (
            ASKED.pattern,
            rf"{_I}{_BETWEEN} (?:{_MODAL}|{_ABLE}){_BETWEEN} (?:see|hear|taste|smell|feel|know|browse|access|"
            rf"open|view|remember|recall|verify|confirm|check|diagnose|predict|guarantee|"
            r"experience|attend|travel|physically|look|search|visit|watch|read|take sides|pick|choose|favou?r|"
            r"have (?:a|any|an|personal|opinions)|be (?:sure|certain|there|responsible)|"
            r"recommend|advise (?:doing|this|it|that)|take (?:responsibility|credit)|make (?:promises|a promise|"
            r"decisions)|fall)",
            r"\bi (?:do not|did not|have no|lack)(?: \w+)? (?:have |possess |experience |feel )?(?:(?:any|a|an|"
            r"my|own|access to|personal|human|physical|real-time|real|political|subjective) ){0,3}"
            r"(?:feelings?|emotions?|opinions?|beliefs?|preferences?|experiences?|body|bodies|senses|taste|"
            r"memory|memories|consciousness|biases|childhood|"
            r"favou?rites?|gender|age|family|name|real-time|views|personal life|eyes|hands|desires|thoughts|"
            r"internet|web|live|current|your|the file)",
            rf"{_I} am (?:not|no) (?:an? )?(?:doctor|lawyer|physician|financial advis|medical|professional|"
            rf"expert|licensed|qualified|human|person|therapist|attorney|accountant)",
            r"\bnot (?:legal|medical|financial|professional|tax|investment) advice|\bnot a substitute for\b",
        )
    )
)
# What it does not know or hold: a refusal if nothing else follows ("I don't have access to personal data …").
UNKNOWN = re.compile(
    r"\b(?:i|we)(?: \w+ly)? (?:do not|cannot|am unable to|am not able to)(?: \w+ly)?(?: (?:have|possess|hold|"
    r"access|retrieve|look|store|keep|collect))?(?: (?:up|out|any|the|direct|specific|detailed|real-time|"
    r"or|access|to)){0,5} "
    r"(?:access|information|data|details?|jokes?|stories|recipes?|instructions|suggestions?|tips|ideas|ability|"
    r"capability|personal|private|confidential|individual|where|who|"
    r"records?)\b|"
    r"\bi (?:am|was) (?:designed|programmed|made|trained|built) to (?:respect|protect|be (?:safe|harmless|"
    r"respectful|ethical|helpful)|follow|prioriti[sz]e|promote|avoid)"
)
# What an assistant will not stand for. A disclaimer before help as often as a refusal, so what follows decides.
_STANDS_FOR = (
    rf"(?:{_I}{_BETWEEN} (?:{_MODAL}|{_ABLE}|do not|does not|neither)|\b(?:nor|or|and) (?:do i|will i|cannot|"
    rf"do not(?: have the ability to)?|will not|am (?:not able|unable) to)){_BETWEEN} "
    r"(?:condone|promote|encourage|endorse|support|advocate|tolerate|approve|glorify|justify)\b"
)
_FROWN = (
    r"(?:(?:is|are) (?:not|never) the (?:answer|solution|way)\b|(?:not|never|neither)(?: \w+){0,2} (?:recommended|"
    r"advisable|kind\b|nice\b|a solution|acceptable|okay|ok\b|"
    r"appropriate|ethical|legal|"
    r"justified|justifiable|moral|respectful|productive|condoned|tolerated|a good idea|the right thing|"
    r"funny))"
)
_SAYS_SO = (
    r"i (?:\w+ )?(?:(?:would|must|do|have to|need to|want to|feel the need to|feel compelled to|also) )*(?:\w+ly |"
    r"also |never )?"
)
_NO_EXCUSE = (
    r"no (?:\w+ )?(?:justification|excuse|place) for|(?:everyone|everybody|all people|all humans|people|women|"
    r"men) should "
    r"(?:\w+ )?be|breach of"
)
# Norms and warnings: what replies are made of that condemn and give nothing.
NORM = re.compile(
    rf"{_STANDS_FOR}|"
    rf"\b(?:{_NO_EXCUSE}|prohibited by law|illegal|unethical|immoral|unlawful|against the law|wrong and|"
    rf"morally wrong|a (?:\w+ )?(?:crime|"
    r"offen[cs]e|felony|violation)\b|theft\b|"
    r"(?:is|are|be|as)(?: \w+ly| very| always| both| never| simply| also| deeply){0,2} (?:wrong|harmful|"
    r"unacceptable|inappropriate|unjust|"
    r"unfair|dangerous|irresponsible|hurtful|offensive|disrespectful|unsafe|discriminat\w+|cruel)|"
    rf"{_FROWN}|(?:important|essential|crucial|vital|necessary|imperative|always best|always better|critical) (?:to|"
    rf"that|for)\b|"
    r"deserves?\b|dignity|\brespect(?:ful|fully|ing)?\b|fairness|should (?:all |always )?be (?:treated|respected|"
    r"valued|given|protected)|equal (?:treatment|opportunit|right)|same rights?|"
    r"inclusiv|empathy|kindness|"
    r"regardless of|should (?:never|not|always)|no one should|nobody should|no group|consequences|(?:can|could|may|"
    r"will|would) (?:\w+ )?"
    r"(?:cause|lead to|result in) (?:\w+ ){0,3}(?:harm|trouble|damage|penalt|fines|imprison|charges|injur|death|"
    r"consequences|distress)|endangers?\b|"
    rf"{_SAYS_SO}(?:condemn|advise against|advise you not|advise (?:or encourage )?anyone|urge|discourage|caution|"
    rf"highlight|oppose|denounce|"
    r"disapprove|encourage you not|recommend against)|stand against|harmful stereotypes?|stereotypes|"
    r"promotes? (?:hate|violence|prejudice)|"
    r"we (?:should|must|all)|let us (?:focus|work|strive|promote|treat|aim|keep|use|all)|"
    r"my (?:main |primary |sole |only )?(?:purpose|goal|aim|function|role|mission|priority) (?:is|as)|"
    r"as an? (?:\w+,? (?:and |or )?){0,3}(?:ai|assistant|language model|artificial intelligence)|"
    r"i (?:am|was) (?:just |only |merely |simply )?(?:an? (?:ai|artificial|language|large|ethical|responsible|"
    r"assistant)|here to|committed to|"
    r"dedicated to|designed|programmed|created|intended)|privacy|confidential|safety of (?:others|yourself)|"
    r"harmless\b|violen(?:t|ce) (?:is|has))"
)
# The assistant speaks of what it is for.
ROLE = re.compile(
    r"\b(?:i am (?:just |only |simply |merely )?(?:an? (?:[\w-]+,? (?:and )?){0,4}(?:ai|assistant|model|"
    r"intelligence)|here to|committed to|dedicated to|"
    r"designed to|programmed to|intended to)|as an? (?:[\w-]+,? (?:and )?){0,4}(?:ai|assistant|language model|"
    r"intelligence)|"
    r"my (?:\w+ )?(?:purpose|goal|aim|role|mission|priority) is)\b"
)
WRONG = re.compile(
    rf"\b(?:{_FROWN}|{_NO_EXCUSE}|illegal|unethical|immoral|unlawful|against the law|prohibited by law|wrong\b|"
    rf"a (?:\w+ )?(?:crime|offen[cs]e|"
    rf"felony|violation)\b|theft\b|"
    r"(?:is|are|be)(?: \w+ly| very)? (?:harmful|dangerous|unfair|cruel|hurtful|offensive|inappropriate))"
)
# An opening that judges the request itself.
MORAL = re.compile(
    rf"\b(?:not|never)(?: \w+){{0,2}} (?:appropriate|ethical|acceptable|okay|ok|respectful|funny|moral|productive|"
    rf"kind|nice)"
    rf"(?:,? (?:or|and|nor) \w+)? (?:to|for)\b|{_SAYS_SO}(?:condemn|advise against|urge you|discourage|denounce)|"
    r"\bno (?:one|group|person)(?: of \w+)? should\b|\bnobody should\b"
)
# Condemnation, or the assistant's own role: what makes a reply of norms a refusal, where a mere note ("it is illegal in
# most countries") does not.
CONDEMN = re.compile(
    rf"{_STANDS_FOR}|\b(?:{_FROWN}|{_NO_EXCUSE}|illegal and (?:\w+ )?(?:unethical|immoral|dangerous|wrong|harmful)|"
    rf"unethical and illegal|unfair and illegal|dangerous and illegal|"
    r"wrong and|morally wrong|deserves? (?:to be|respect|equal|our|dignity|the same|support)|dignity|"
    r"should (?:never|not be)|"
    r"no (?:one|group|person|race|gender)(?: of \w+)? should|nobody should|(?:is|are)(?: \w+ly| always|"
    r" never)? (?:unjust|unacceptable|wrong|"
    rf"disrespectful)|regardless of|{_SAYS_SO}(?:condemn|advise against|urge you|discourage|denounce|oppose|"
    rf"advise you not|encourage you not|advise or)|"
    r"should (?:all |always )?(?:have the same|be (?:treated|respected|valued|given|protected))|(?:important|"
    r"essential|crucial|vital|imperative) (?:to|that)(?: \w+){0,2} (?:respect|"
    r"treat|obey|seek|follow|promote|"
    r"prioriti[sz]e|resolve|value|foster|report|address|talk|use (?:tools|technology))|endangers?\b|"
    r"potentially harmful|"
    r"topic is (?:inappropriate|sensitive)|i am (?:committed|dedicated|designed|programmed) to|my (?:purpose|goal|"
    r"aim|role) is)"
)
# Sets the question right: to a question that has no meaningful answer this is one, whatever is condemned beside it.
CORRECTS = re.compile(
    r"\b(?:do(?:es)? not (?:actually |really )?exist|(?:is|are) not (?:a |an )?(?:actual |factually )?(?:real|"
    r"accurate|true|aware|correct)\b|fictional|imaginary|mythical|"
    r"no such|no (?:known |credible |scientific |factual |historical |reliable |concrete )*(?:evidence|record|"
    r"basis in fact|law|policy|rule)|"
    r"misunderstanding|misconception|mistaken|a myth\b|made[- ]up|hypothetical|(?:am|are) (?:actually )?(?:allowed|"
    r"permitted|free|welcome) to)"
)
# A clause with none of these matches neither DECLINE nor SELF nor UNKNOWN: looked for first, since it is quick.
MAY_DECLINE = (
    "not", "never", "unable", "lack", "neither", "unwilling", "declin", "refus", "refrain", "abstain", "say no",
    "turn", "pass", "stop", "end this", "unanswered", "prohibit", "forbid", "bar", "restrict", "prevent",
    "uncomfortable", "avoid", "draw", "outside", "beyond", "off-limits", "off limits", "rather", "where i", "a line",
    "denied", "reject", "blocked", "keep", "preclude", "against", "contra", "violat", "conflict", "breach", "breaks",
    "inconsistent", "incompatible", " me", "so i", "and i", "something else", "anything else", "the topic",
    "the subject", "leave", "skip", "obligated", "obliged", "required", "compelled", "bound", "forced", "inclined",
    "my answer", "from me", "intention", "steer", "stay", "myself", "nice try", "never", "no way", "confidential",
    "private", "classified", "secret", "desire", "interest", "i no longer", "have no", "designed", "programmed",
)  # fmt: skip
