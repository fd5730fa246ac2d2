"""What the scanners of words look for in other languages than English: word stems, and phrases as expressions.

Stems are looked for as plain substrings, which is some hundred times faster than one expression of so many branches.
"""

from __future__ import annotations

import re

# ---- obedience, lifted limits and overwritten roles (`identity-shift`) ----------------------------------------------

LATIN_STEMS = (
    (
        "obedien obedec obedez sumisa sumiso órdenes obéi obeis soumis dévoué obbed ubbid sottomess gehors gehorch "
        "unterwürfig untertan hörig gefügig befehl gehoorza onderdanig posłusz posluszn uległ rozkaz itaat boyun "
        "emrin lydig poslušn ascultăt engedelmes vâng_lời tuân_lệnh phục_tùng tuân_theo patuh taat tunduk ordini "
        "servidor fedel"
    )
    .replace("_", "\u00a0")
    .split()
)
LATIN_STEMS = [stem.replace("\u00a0", " ") for stem in LATIN_STEMS]
OTHER_STEMS = (
    "послуш повину подчин покор слухня верный верная υπάκου υπακού 服从 服從 听从 聽從 顺从 順從 唯命是 言听计从 "
    "言聽計從 听命 聽命 遵命 俯首 従順 従いま 従う 従い 仰せ 忠実 しもべ 복종 순종 명령 충실 충성 مطيع أطيع اطيع "
    "طاعة طاعتي خاضع رهن आज्ञाकारी आज्ञा हुक्म वफ़ादार वफादार เชื่อฟัง ציית فرمانبردار مطیع"
).split()
LIMIT_STEMS = (
    "restric restriz restri límite limit censur filtr einschränk beschränk grenzen zensur tabus beperking "
    "ogranicze kısıt sınır sansür ограничен цензур фильтр запрет 限制 约束 約束 审查 審查 过滤 過濾 制限 制約 検閲 "
    "제한 검열 필터 قيود حدود رقابة प्रतिबंध रोक सीमा giới hạn chế kiểm batas sensor"
).split()
OVERWRITE_STEMS = (
    "ignor olvid oubli dimentic vergiss vergessen esque negeer vergeet zignoruj zapomnij eres n'es n'êtes sei più "
    "nicht mehr du bist não é niet meer niet langer jesteś artık больше не теперь не забудь игнорируй 忽略 无视 "
    "無視 忘记 忘記 从现在 從現在 你不再 これまで 今からあなた 무시 잊 تجاهل पिछले"
).split()
FOREIGN_CUES = re.compile(
    r"absolut|total|complet|incondicional|siempre|cualquier|tod[oa]s|agente|asistente|instrucci|orden|órden|"
    r"comando|petici|toujours|tout(?:e|es)?\b|chaque|n'importe|inconditionnel|agent|assistant|instruction|ordre|"
    r"demande|assolut|sempre|qualsiasi|ogni|istruzion|ordin|comand|richiest|agente|assistente|immer|jede|alle|"
    r"bedingungslos|völlig|vollkommen|anweisung|befehl|wunsch|assistent|sempre|qualquer|instruç|ordens|pedido|"
    r"altijd|elke|volledig|onvoorwaardelijk|opdracht|bevel|zawsze|każd|całkowi|bezwzgl|polece|rozkaz|her |"
    r"her zaman|mutlak|tamamen|talimat|emir|komut|kesin|абсолют|всегда|любо|кажд|полность|беспрекослов|безоговор|"
    r"инструкц|приказ|команд|указан|агент|ассистент|помощник|завжди|будь-як|накази|绝对|絕對|完全|永远|永遠|始终|"
    r"任何|一切|所有|无条件|無條件|指令|命令|吩咐|要求|代理|助手|您的|你的|絶対|必ず|すべて|全て|あらゆる|無条件|"
    r"指示|ご命令|エージェント|アシスタント|절대|항상|모든|무조건|완전|지시|명령|에이전트|비서|مطلق|دائم|كل |أي |"
    r"جميع|أوامر|اوامر|تعليمات|طلب|وكيل|مساعد|पूर्ण|हमेशा|सभी|हर |किसी भी|निर्देश|आदेश|एजेंट|सहायक|tuyệt đối|luôn|"
    r"mọi|bất kỳ|mệnh lệnh|yêu cầu|trợ lý|mutlak|selalu|semua|setiap|perintah|instruksi|asisten|agen\b|sepenuhnya|"
    r"ทุก|คำสั่ง|הוראה|פקוד|دستور"
)
LIMITLESS_FOREIGN = re.compile(
    r"(?:sin|ninguna?) (?:ning[uú]n[a]? )?(?:restric|límite|limitaci|censura|filtro)|"
    r"sans (?:aucune |la moindre )?(?:restric|limite|limitation|censure|filtre)|senza "
    r"(?:alcuna? )?(?:restriz|limit|censur|filtr)|ohne (?:jegliche |jede |irgendwelche )?(?:einschränk|beschränk|"
    r"grenzen|zensur|filter|tabus)|sem (?:nenhuma |quaisquer )?(?:restri|limit|censura|filtro)|"
    r"zonder (?:enige )?(?:beperking|grenzen|censuur|filter)|bez (?:żadnych )?(?:ogranicze|cenzury|filtr|limit)|"
    r"(?:kısıtlama|sınırlama|sınır|sansür|filtre)(?:sız|lama)? (?:olmadan|yok)|без "
    r"(?:каких-либо |всяких |любых )?(?:ограничен|цензур|фильтр|запрет)|никаких (?:ограничен|запрет)|"
    r"(?:没有|沒有|不受|无|無|毫无|毫無|没有任何)(?:任何|一切)?(?:限制|约束|約束|审查|審查|过滤|過濾|道德约束)|"
    r"(?:制限|制約|検閲|フィルター)(?:は|が|も)?(?:一切)?(?:ない|なし|なく|ありません|無し)|"
    r"(?:제한|검열|필터)(?:이|은|도)? ?(?:없이|없는|없다|없습니다)|(?:بدون|دون|بلا)(?: أي)? (?:قيود|حدود|رقابة)|"
    r"बिना किसी (?:प्रतिबंध|रोक|सीमा)|không (?:có )?(?:bất kỳ )?(?:giới hạn|hạn chế|kiểm duyệt)|"
    r"tanpa (?:batas|pembatas|sensor|filter)"
)
OVERWRITE_FOREIGN = re.compile(
    r"(?:ignora|olvida|ignorez|ignore[sz]?|oubliez|oublie|dimentica|ignoriere|vergiss|vergessen sie|esqueça|ignore|"
    r"negeer|vergeet|zignoruj|zapomnij)(?: \w{1,10}){0,4} (?:instrucciones|instructions|istruzioni|anweisungen|"
    r"instruções|instructies|instrukcj\w*|reglas|règles|regole|regeln|regras)(?: \w{1,10}){0,2} ?(?:anterior|"
    r"précédent|preceden|vorherig|bisherig|vorige|poprzedni)?|ya no eres|tu n'es plus|vous n'êtes plus|non sei più|"
    r"du bist (?:nicht mehr|kein)|você não é mais|je bent niet (?:meer|langer)|nie jesteś już|artık (?:sen|bir)|"
    r"(?:ты|вы) (?:больше не|теперь не)|забудь(?:те)? (?:все|обо всех|о всех|предыдущ)|"
    r"игнорируй(?:те)? (?:все |предыдущ)|(?:忽略|无视|無視|忘记|忘記)(?:掉)?(?:你)?(?:之前|以前|先前|所有|上面|"
    r"以上|一切)|从现在(?:开始|起)[，,]?你|從現在(?:開始|起)[，,]?你|你不再是|これまでの(?:指示|命令|ルール)(?:を|"
    r"は)?(?:すべて|全て)?(?:無視|忘れ)|今からあなたは|(?:이전|지금까지의) (?:지시|명령|규칙)(?:를|을)? "
    r"(?:모두 )?(?:무시|잊)|تجاهل (?:جميع |كل )?(?:التعليمات|الأوامر)|पिछले सभी निर्देश"
)

# That a sentence in the Latin alphabet is not English: two of the commonest words of another language.
FUNCTION_WORDS = re.compile(
    r"\b(?:el|los|las|que|una?|para|por|soy|eres|sus?|tus?|es|le|les|des|je|suis|vous|votre|vos|tes?|ses|et|est|"
    r"ich|bin|und|der|die|das|den|dein|deine[mnrs]?|ihr|ihre[mnrs]?|ein|eine|sono|sei|il|che|tuoi?|suoi?|ogni|"
    r"sempre|eu|sou|seus?|sua|você|meu|um|uma|todas?|todos|ik|ben|een|het|uw|jouw|je|alle|jestem|twój|twoim|jest|"
    r"każde|sen|bir|senin|her|saya|anda|adalah|yang|akan|là|của|bạn|tôi|jag|är|din|jeg|er|som|sunt|este)\b"
)

# ---- orders not to refuse (`refusal-suppression`) -------------------------------------------------------------------

NO_REFUSAL = re.compile(
    r"nunca (?:te niegues|rechaces|digas que no|rehúses)|no (?:te niegues|rechaces|puedes negarte|te disculpes)|"
    r"sin (?:advertencias|disculpas|negarte)|ne (?:refuse[zs]?|décline[zs]?|t'excuse|vous excusez) "
    r"(?:jamais|pas|aucune)|sans (?:avertissement|refuser|jamais refuser|excuses)|(?:lehne|verweigere|weigere|"
    r"lehnen sie|verweigern sie)(?: \w{1,12}){0,3} (?:nie|niemals|nicht|keine)|ohne (?:warnung|zu verweigern|"
    r"ablehnung)|non rifiutar(?:e|ti)(?: mai)?|senza (?:avvertenze|rifiutare|scuse)|nunca recuse|"
    r"não (?:recuse|se recuse|peça desculpas)|sem (?:avisos|recusar|recusas)|никогда не "
    r"(?:отказывай|извиняй|отклоняй)|не (?:отказывайся|отказывай|извиняйся|имеешь права отказ)|"
    r"без (?:предупреждений|отказов|извинений)|(?:不要|不得|不能|不许|禁止|永远不|绝不|从不|别|勿)(?:再)?(?:拒绝|道歉|"
    r"说不|推脱|警告)|無條件不拒絕|拒否(?:しない|してはいけ|するな|は禁止)|断(?:らない|ってはいけ|るな)|"
    r"謝罪(?:しない|するな)|거(?:절|부)(?:하지 ?마|하면 ?안|은 ?금지)|لا ترفض|لا تعتذر|दोबारा मना मत|मना मत कर|"
    r"इनकार मत|asla reddetme|reddetme|weiger nooit|nigdy nie odmawiaj"
)
# One of these is in whatever NO_REFUSAL finds.
REFUSAL_STEMS = (
    "nieg recha refus reh exc lehn weiger rifiut recus desculp отказ извин отклон предупрежд 拒 道歉 说不 推脱 "
    "警告 断 謝罪 거 ترفض تعتذر मना इनकार reddetme odmawiaj advertenc disculp warnung ablehnung avvert scuse aviso"
).split()
