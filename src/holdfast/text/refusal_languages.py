"""How a model declines in other languages than English: one pattern each, of words that say no and verbs of helping.

An apology alone is no refusal in any of them ("entschuldige die Verspätung" opens an answer), so every pattern asks for
the words that say no. Patterns read text as `refusing.plain` leaves it: lower case, NFKC, straight apostrophes, no
zero-width marks. Gaps are bounded, so the time is linear in the text.
"""

from __future__ import annotations

import re


def _gap(most: int) -> str:
    return rf"[^.!?。！？؟।\n]{{0,{most}}}?"


def _both(no: str, verbs: str, most: int = 60) -> str:
    """The words that say no, and within `most` characters what is not done."""
    return rf"\b(?:{no})\b{_gap(most)}(?:{verbs})"


_GERMAN_VERBS = (
    "helfen|weiterhelfen|behilflich|unterstütz|antwort|auskunft|auskünfte|bereitstell|geben|nennen|erfüllen|"
    "nachkommen|erstell|schreib|"
    "verfass|anleitung|informationen|diskut|sprech|machen|tun\\b|anbieten|liefern|eingehen|entsprech|fortfahr|"
    "bearbeit|verraten|teilen|"
    "erklär|mitmachen|ausführ|dienen|weitermach"
)
_FRENCH_VERBS = (
    "aider|répondre|fournir|donner|assister|accéder|satisfaire|créer|écrire|rédiger|générer|partager|discuter|"
    "parler|participer|faire|"
    "expliquer|continuer|traiter|encourager|proposer|dire|accompagner|révéler|mesure|autorisé|capable|habilité|"
    "programmé|donner suite"
)
_SPANISH_VERBS = (
    "ayud|asist|proporcion|respond|\\bdar|brind|ofrec|cumpl|hacer|compart|crear|escrib|gener|habl|discut|"
    "particip|contest|facilit|apoy|"
    "continu|explic|decir|promov|atend|realiz|revel|divulg|tratar"
)
_PORTUGUESE_VERBS = (
    "ajud|auxili|forne|respond|\\bdar|oferec|cumpr|fazer|compartilh|partilh|criar|escrev|gerar|falar|discut|"
    "particip|atend|apoi|"
    "continu|explic|dizer|prest|realiz|revel|divulg|tratar"
)
_ITALIAN_VERBS = (
    "aiut|assist|forni|rispond|\\bdar|offri|soddisf|\\bfar|condivi|crea|scriv|gener|parla|discut|partecip|"
    "support|continu|spieg|"
    "\\bdir|esegui|accontent|procedere|rivel|divulg"
)
_DUTCH_VERBS = (
    "help|antwoord|verstrek|\\bgeven|\\bgeef|ondersteun|bieden|assist|voldo|schrij|maken|delen|informatie|"
    "bespre|doen|van dienst|meewerk|uitleg|"
    "ingaan|behulpzaam|verder"
)
_NORDIC_VERBS = (
    "hjälp|hjelp|hjælp|svar|\\bge\\b|\\bgi\\b|give|bistå|assist|skriv|diskut|skapa|dela|göra|gjøre|gøre|stå till|"
    "være til"
)
_RUSSIAN_VERBS = (
    "помо[чг]|ответ|отвеча|предостав|\\bда(?:ть|вать|м)\\b|обсужд|выполн|созда|напис|рассказ|поддерж|подели|"
    "продолж|объясн|участв|"
    "говорить|сообщ|делать|сделать|консульт|содейств"
)
_POLISH_VERBS = (
    "pomóc|pomoc|pomaga|odpowie|odpowiad|udziel|dostarcz|poda[ćj]|spełni|stworz|tworz|napisa|rozmawia|wspiera|"
    "kontynu|zrobić|robić|"
    "wyjaśn|udostępn|przekaz|doradz"
)
_CHINESE_NO = (
    "不能|不可|无法|無法|不会|不會|不便|不方便|不愿|不願|不想|不予|拒绝|拒絕|没办法|沒辦法|没法|"
    "不被允许|不允许|不允許|未被授权"
)
_CHINESE_VERBS = (
    "帮|幫|协助|協助|提供|回答|回應|回应|答复|答覆|满足|滿足|完成|支持|讨论|討論|给出|給出|生成|创作|創作|撰写|撰寫|告诉|告訴|解答|"
    "处理|處理|参与|參與|分享|继续|繼續|透露|执行|執行|这样做|這樣做|这么做|為您|为您|给您|给你|遵从|服务|服務|谈论|談論|编写|編寫"
)
_JAPANESE_WHAT = (
    "答え|回答|応え|手伝い|力に|お力|協力|対応|提供|サポート|支援|教え|案内|説明|要望|手助け|期待|"
    "助ける|作成|応じ|話|添え|依頼|書く|申し上げ"
)
_JAPANESE_NO = (
    "できません|出来ません|できかね|致しかね|いたしかね|しかね|できない|出来ない|わけにはいきません|差し控え|控えさせ|いたしません|"
    "られません|沿えません|なれません|添えません|じかね"
)
_KOREAN_WHAT = (
    "도와|도울|도움|답변|대답|제공|응답|응할|응해|지원|알려|말씀|설명|처리|수행|작성|논의|공유|협조|"
    "들어드|들어줄|해 드릴|해드릴"
)
_KOREAN_NO = "수 없|수가 없|수는 없|못합니다|못해|못 해|어렵습니다|어려울|불가|않겠|하지 않|곤란"
_ARABIC_NO = (
    "لا (?:أ|ا)ستطيع|لا يمكنني|لا يمكننا|لا نستطيع|لا أقدر|لن أستطيع|لن أتمكن|لن أقوم|لن أساعد|لست قادر|"
    "غير قادر|ليس بإمكاني|"
    "ليس بوسعي|يتعذر علي|لا يسمح لي|غير مسموح لي"
)
_ARABIC_VERBS = (
    "مساعد|أساعد|اساعد|تقديم|أقدم|الإجاب|الاجاب|إجاب|أجيب|الرد|توفير|تلبي|تنفيذ|القيام|مناقش|كتاب|إنشاء|مشارك|"
    "دعم|إعطا|الإفصاح|ذلك|هذا"
)
_TURKISH_NO = (
    r"(?:yardımcı ol|yardım ed|yanıt ver|cevap ver|bilgi ver|destek ol|destek ver|yerine getir|izin ver|"
    r"tarif ed|devam ed)"
    r"(?:e|a)m(?:em|am|iyorum|ıyorum|eyeceğim|ayacağım|eyiz|ayız)|(?:yardımcı ol|yardım ed|yanıt ver|cevap ver|"
    r"bilgi ver|yerine getir)"
    r"(?:amam|emem|amıyorum|emiyorum|amayacağım|emeyeceğim|amayız|emeyiz|mem|mam|meyeceğim|mayacağım|"
    r"mem mümkün değil|mam mümkün değil)|"
    r"(?:yanıtla|cevapla|sağla|paylaş|sun|oluştur|yaz|konuş|tartış|açıkla|anlat|yap|karşıla|destekle|"
    r"üret)y?(?:a|e)(?:mam|mem|mıyorum|miyorum|"
    r"mayacağım|meyeceğim)\b|reddet(?:mek zorundayım|iyorum)"
)

DECLINES: dict[str, str] = {
    "Arabic": rf"(?:{_ARABIC_NO}){_gap(50)}(?:{_ARABIC_VERBS})|أرفض (?:الإجابة|المساعدة|هذا|القيام)",
    "Chinese": rf"(?:我(?!的)|抱歉|对不起|對不起|遗憾|遺憾|您的|你的|该|該|此|本|这|這|那)[^。！？\n可]{{0,20}}?"
    rf"(?:{_CHINESE_NO})[^。！？，,\n]{{0,14}}?(?:{_CHINESE_VERBS})|[帮幫]不[了上到]|答不了|恕(?:我)?(?:不能|无法|無法|难|難)|"
    r"(?:我|请允许我|必须|得|只能)(?:拒绝|拒絕)|我不(?:能|会|會)(?:这|這)?(?:样|樣)?(?:做|说|說)",
    "Czech": _both(
        "nemohu|nemůžu|nemůžeme|nesmím|nebudu|nejsem schopen", "pomoc|pomáh|pomůž|odpov|poskyt|spln|vytvoř|napsat|sdíl"
    ),
    "Danish, Norwegian, Swedish": _both(
        "(?:jag|jeg|vi) (?:kan|får|vil|vill|kommer|må|tänker)|(?:kan|får|vil|vill|kommer|må) (?:jag|jeg|vi)",
        f"(?:inte|ikke){_gap(40)}(?:{_NORDIC_VERBS})",
        40,
    ),
    "Dutch": _both(
        "ik (?:kan|mag|zal|wil|ga|ben)|(?:kan|mag|zal|wil|ga|ben) ik|we kunnen",
        f"(?:niet|geen){_gap(50)}(?:{_DUTCH_VERBS})",
    )
    + r"|\bik (?:weiger|moet (?:dit|dat|het)? ?weigeren)|\bik ben niet in staat",
    "Finnish": _both("en (?:voi|pysty|saa|aio)|emme voi", "auttaa|vastata|antaa|tarjota|tehdä|kirjoittaa|jakaa"),
    "French": _both(
        "(?:je |j'|nous )?(?:ne |n')(?:peux|puis|suis|pourrai|vais|veux|souhaite|dois|pouvons) pas", _FRENCH_VERBS
    )
    + r"|\bje (?:refuse|dois (?:décliner|refuser)|préfère ne pas)|(?:il m'est|m'est) impossible|"
    r"\bimpossible de (?:vous|t')|contraire à mes",
    "German": _both(
        "(?:ich|wir) (?:kann|können|darf|dürfen|werde|werden|möchte|will)|(?:kann|können|darf|dürfen|werde|"
        "werden|möchte|will) (?:ich|wir)",
        rf"(?:nicht|keine?[nrs]?)\b{_gap(60)}(?:{_GERMAN_VERBS})",
        90,
    )
    + r"|\b(?:ich|wir|das|dies|dies(?:e|en)|muss)\b[^.!?\n]{0,60}?\bablehnen\b|"
    r"\blehne (?:ich )?[^.!?\n]{0,30}?ab\b|\bich bin nicht (?:in der lage|befugt|berechtigt)"
    r"|gegen meine (?:richtlinien|prinzipien|grundsätze|werte)|\bnicht (?:möglich|gestattet|erlaubt), (?:dir|"
    r"ihnen|ihre|deine|diese|darauf|dazu)",
    "Greek": _both(
        "δεν (?:μπορώ|μπορούμε|θα|επιτρέπεται|είμαι σε θέση)",
        "βοηθήσ|απαντήσ|παρέχ|παράσχ|δώσ|κάν|συζητ|γράψ|δημιουργ|υποστηρ|εκπληρώ",
    )
    + "|αρνούμαι",
    "Hebrew": r"(?:לא (?:יכול|יכולה|אוכל|מסוגל|מסוגלת|מורשה)|איני יכול|אינני יכול|מסרב)[^.!?\n]{0,40}?(?:לעזור|"
    "לסייע|לספק|לענות|להשיב|לתת|לבצע|לכתוב|למלא|לדון|לשתף|לעשות)",
    "Hindi": rf"(?:मैं|हम|मुझे){_gap(80)}(?:नहीं (?:कर|दे|बता|लिख|बना) (?:सकता|सकती|सकते|पाऊ)|असमर्थ|अक्षम|मना करता)",
    "Hungarian": _both(
        "nem (?:tudok|tudunk|segíthetek|válaszolhatok|áll módomban)", "segít|válaszol|teljesít|adni|adhat|írni|megoszt"
    ),
    "Indonesian, Malay": _both(
        "(?:saya|kami|aku)(?: [a-z]{1,12}){0,3}? (?:tidak|tak|nggak) (?:bisa|dapat|boleh|mampu|akan|diizinkan|"
        "diperbolehkan)|tidak (?:bisa|dapat)",
        "(?:mem|ber|me)?(?:bantu|beri|jawab|sedia|penuh|laku|buat|tulis|dukung|bahas|bagi|lanjut|jelas|layan)|"
        "menjawab|menyedia|menulis|melaku|menduk",
        40,
    )
    + r"|\b(?:saya|kami) (?:harus )?menolak",
    "Italian": _both(
        "non (?:posso|possiamo|potrò|sono in grado|sono autorizzat[oa]|mi è possibile|mi è permesso|intendo|"
        "devo|voglio)",
        _ITALIAN_VERBS,
    )
    + r"|\bmi rifiuto|\bdevo (?:rifiutare|declinare)",
    "Japanese": rf"(?:{_JAPANESE_WHAT})[^。！？\n]{{0,14}}?(?:{_JAPANESE_NO})|お断り|応じかね|"
    r"お力になれ(?:ません|ない)",
    "Korean": rf"(?:{_KOREAN_WHAT})[^.!?\n]{{0,12}}?(?:{_KOREAN_NO})|거절(?:합니다|하겠|해야)|거부(?:합니다|하겠|해야)",
    "Persian": rf"(?:نمی ?توانم|نمی ?توانیم|نمی ?تونم|قادر نیستم){_gap(60)}(?:کمک|پاسخ|جواب|ارائه|انجام|اطلاعات|"
    "بدهم|دهم|کنم)"
    rf"|(?:کمک|پاسخ|ارائه|انجام){_gap(40)}(?:نمی ?توانم|نمی ?کنم|نمی ?دهم)",
    "Polish": _both("nie (?:mogę|możemy|będę|jestem w stanie|wolno mi|zamierzam|chcę)", _POLISH_VERBS)
    + r"|\bmuszę odmówić|\bodmawiam",
    "Portuguese": _both(
        "não (?:posso|podemos|poderei|consigo|conseguimos|vou|devo|estou (?:autorizad[oa]|apt[oa]|em condições)|"
        "sou capaz|me é possível|"
        "tenho permissão)",
        _PORTUGUESE_VERBS,
    )
    + r"|\bme recuso|\brecuso-me|\bdevo recusar",
    "Romanian": _both(
        "nu (?:pot|putem|voi|am voie|sunt în măsură)", "ajut|răspund|oferi|furniz|crea|scrie|\\bda\\b|discut|îndeplin"
    ),
    "Russian": _both(
        "не (?:могу|можем|смогу|буду|вправе|имею права|в состоянии|должен|должна|готов|готова|стану)",
        _RUSSIAN_VERBS,
        50,
    )
    + r"|\b(?:я|вынужден[аы]?) отказыва|вынужден\w{0,2} (?:вам )?отказать|\bотказываюсь",
    "Spanish": _both(
        "no (?:puedo|podemos|podré|podría|debo|voy a|quiero|estoy (?:autorizad[oa]|capacitad[oa]|en condiciones|"
        "programad[oa]|en posición|"
        "dispuest[oa])|soy capaz|me es posible|me está permitido|tengo permitido|está permitido)",
        _SPANISH_VERBS,
    )
    + r"|\bme niego|\bdebo (?:negarme|rechazar|declinar)|\bva en contra de mis",
    "Thai": r"ไม่สามารถ[^\n]{0,40}?(?:ช่วย|ให้|ตอบ|ทำ|ดำเนิน|สร้าง|เขียน|พูด|สนับสนุน)|ช่วย(?:คุณ)?ไม่ได้|ขอปฏิเสธ",
    "Turkish": _TURKISH_NO,
    "Ukrainian": _both(
        "не (?:можу|можемо|зможу|буду)", "допомо|відпові|надат|надав|викон|створ|напис|обговор|поділ|робити|зробити"
    ),
    "Vietnamese": _both(
        "(?:tôi|mình|chúng tôi|em)(?: [^\\s.!?]{1,12}){0,3}? (?:không thể|không được phép|không có khả năng|từ chối)",
        "giúp|hỗ trợ|cung cấp|trả lời|đáp ứng|thực hiện|tạo|viết|chia sẻ|thảo luận|làm|nói|hướng dẫn|tiếp tục|tham gia",
        40,
    ),
}

# Which languages a text may be in, by its letters; one pattern for each such family.
_SCRIPTS = {
    "\u0370-\u03ff": ("Greek",),
    "\u0400-\u04ff": ("Russian", "Ukrainian"),
    "\u0590-\u05ff": ("Hebrew",),
    "\u0600-\u06ff": ("Arabic", "Persian"),
    "\u0900-\u097f": ("Hindi",),
    "\u0e00-\u0e7f": ("Thai",),
    "\u3040-\u30ff": ("Japanese",),
    "\u3400-\u9fff": ("Chinese", "Japanese"),
    "\uac00-\ud7af": ("Korean",),
}
_PLACED = {name for names in _SCRIPTS.values() for name in names}
_LATIN = re.compile("|".join(f"(?:{pattern})" for name, pattern in DECLINES.items() if name not in _PLACED))
_OTHERS = [
    (re.compile(f"[{letters}]"), re.compile("|".join(f"(?:{DECLINES[name]})" for name in names)))
    for letters, names in _SCRIPTS.items()
]
# Of text in plain letters, only what holds one of these is looked at: English does not, or seldom.
_MAYBE = (
    "nicht", "kein", "ablehn", "lehne", "niet", "geen", "weiger", "inte ", "ikke", " pas", "je refuse", "je dois",
    "impossible", "contraire", "no puedo", "no podemos", "no podr", "no debo", "no voy", "no quiero", "no estoy",
    "no soy", "no me", "no tengo", "me niego", "debo", "en contra", "non ", "rifiut", "recus", "tidak", "tak ",
    "nggak", "menolak", "nie ", "odmawiam", "nem ", "nu ", "en voi", "emme", "en pysty", "en saa", "en aio", "emem",
    "amam", "miyorum", "amayacag", "emeyece", "reddet", "nemohu", "nebudu",
)  # fmt: skip


def declined(text: str) -> str:
    """The words by which a clause declines in a language other than English, or ""."""
    if text.isascii():
        for word in _MAYBE:
            if word in text:
                found = _LATIN.search(text)
                return found[0] if found else ""
        return ""
    for letters, pattern in _OTHERS:
        if letters.search(text) and (found := pattern.search(text)):
            return found[0]
    found = _LATIN.search(text)
    return found[0] if found else ""


# Words that turn from a refusal to what was asked.
TURNED = re.compile(
    r"\b(?:aber hier|hier (?:ist|sind) (?:die|der|eine) (?:anleitung|schritte)|voici (?:comment|les étapes)|"
    r"aquí (?:tienes|están) (?:los pasos|cómo)|"
    r"aqui (?:estão|vão) os passos|ecco (?:come|i passaggi)|вот как|hier is hoe|oto jak|işte adımlar)|(?:但是?|不过|"
    r"不過)[^。！？\n]{0,12}(?:步骤|步驟|方法)如下|"
    r"(?:方法|手順)は(?:以下|次)"
)
