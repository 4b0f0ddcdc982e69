"""What a text is before the library's cleaners see it: in training and in speaking the same.

First whatever is not text: composed and decomposed letters are one (NFC), invisible characters go. Then, in every
language but English, what TTS 0.21.3 with num2words 0.5.14 would get wrong is written out, or written so that the
library gets it right: groups of digits, dates, currencies, decimals, ordinals. Everything else is left to the library.
What has been written out once is not changed by a second pass.

Languages are the config's; a region (`zh-cn`) does not count.
"""

import re
import unicodedata
from functools import cache, partial

from xtts_cloning.model import characters, number_words

SPACES = " \u00a0\u2009\u202f"
FULL_WIDTH = {0xFF01 + n: 0x21 + n for n in range(94)}  # to ASCII

# Between groups of three digits. Where the comma is the decimal mark, the library takes the points out by itself.
GROUP_MARKS = {
    **dict.fromkeys(("es", "pt", "pl", "ru", "nl"), ""),
    **dict.fromkeys(("fr", "de", "it"), "'\u2019"),
    **dict.fromkeys(("cs", "hu", "tr"), "."),
    **dict.fromkeys(("zh", "ja", "ko", "hi"), ","),
    "ar": ".,\u066c",
}

# What is counted, where num2words has another currency (ar), another language's words (hu), a wrong place (tr), one
# form for all numbers (cs, pl, ru) or none. One form where a noun after a number does not change; one, few, many in
# Slavic languages; one, two, few, many in Arabic.
UNITS = {
    "ar": {
        "$": ("دولار", "دولاران", "دولارات", "دولارًا"),
        "€": ("يورو",) * 4,
        "£": ("جنيه إسترليني", "جنيهان إسترلينيان", "جنيهات إسترلينية", "جنيهًا إسترلينيًا"),
    },
    "cs": {
        "$": ("dolar", "dolary", "dolarů"),
        "€": ("euro", "eura", "eur"),
        "£": ("libra", "libry", "liber"),
        "%": ("procento", "procenta", "procent"),
        "°": ("stupeň", "stupně", "stupňů"),
    },
    "hi": {"$": ("डॉलर",), "€": ("यूरो",), "£": ("पाउंड",), "₹": ("रुपये",)},
    "hu": {"$": ("dollár",), "€": ("euró",), "£": ("font",)},
    "ja": {"$": ("ドル",), "€": ("ユーロ",), "£": ("ポンド",), "¥": ("円",), "\uffe5": ("円",)},
    "ko": {"$": ("달러",), "€": ("유로",), "£": ("파운드",), "₩": ("원",), "\uffe6": ("원",)},
    "pl": {"£": ("funt", "funty", "funtów"), "°": ("stopień", "stopnie", "stopni")},
    "ru": {
        "£": ("фунт", "фунта", "фунтов"),
        "%": ("процент", "процента", "процентов"),
        "°": ("градус", "градуса", "градусов"),
    },
    "tr": {"$": ("dolar",), "€": ("avro",), "£": ("sterlin",), "₺": ("lira",)},
    "zh": {"$": ("美元",), "€": ("欧元",), "£": ("英镑",), "¥": ("元",), "\uffe5": ("元",)},
}

# Where the library writes no symbols out (hi, ja), or takes them away before it comes to them (zh).
SYMBOLS = {
    "hi": {"%": " प्रतिशत", "&": " और ", "@": " ऐट ", "°": " डिग्री", "+": " प्लस ", "=": " बराबर ", "#": " नंबर "},
    "ja": {"%": "パーセント", "&": "アンド", "@": "アット", "°": "度", "℃": "度", "+": "プラス", "=": "イコール"},
    "zh": {"&": "和", "@": "在", "#": "号", "+": "加", "=": "等于", "°": "度", "℃": "摄氏度"},
}

GROUPED_BY_COMMAS = ("zh", "ja", "ko", "hi", "ru")  # by Russian ones only for the library, see _numbers_in_words
ENGLISH_NUMBER = re.compile(r"(?<![\d.,])(\d{1,3}(?:,\d{3})+)\.(\d+)(?![\d.,]*\d)", re.ASCII)
DATE = re.compile(r"(?<![\d.,])(\d{1,2})\. ?(\d{1,2})\. ?(\d{4})(?!\d)", re.ASCII)
WRITTEN_OUT = ("cs", "hi", "ja")  # all numbers: the library asks num2words for 'cz', and writes out none of hi and ja
WRITTEN_DECIMALS = ("ar", "cs", "hi", "hu", "ja", "ko", "tr")
DOTTED_ORDINALS = ("cs", "de", "hu", "tr")  # a point after a number makes it an ordinal, or ends the sentence
CLOSING = "\"'»«“”’‘)]"
GERMAN_DATIVE = re.compile(
    r"\b(?:ab|am|beim|bis|dem|den|des|im|seit|vom|zum|zur)$", re.IGNORECASE
)  # dritten, not dritte
CZECH_MONTHS = re.compile(  # of which a day is said in the genitive, as before the number of a month
    r"\d|(?:ledna|února|března|dubna|května|června|července|srpna|září|října|listopadu|prosince)\b", re.IGNORECASE
)
# After these a number with a point is a day, even at the end.
BEFORE_A_DAY = {
    "cs": r"\bdne$",
    "de": r"\b(?:am|ab|bis|vom|zum|der|dem|den)$",
    "hu": r"\b(?:január|február|március|április|május|június|július|augusztus|szeptember|október|november|december)$",
    "tr": r"(?!)",
}
# German nouns are capitals as sentences are: these words begin a sentence where they are capitals.
GERMAN_OPENINGS = (
    "Aber Alle Als Also Am Auch Auf Bei Bis Da Damals Danach Dann Darauf Das Dazu Dem Den Denn Der Des Deshalb Die "
    "Dies Diese Dieser Dieses Doch Dort Ein Eine Einen Einer Er Es Für Heute Hier Ich Ihm Ihn Ihr Ihre Im In Ist "
    "Jetzt Kein Keine Man Mein Meine Mit Nach Nein Nicht Noch Nun Nur Ob Oder Ohne Schon Sein Seine Seit Sie So "
    "Später Trotzdem Um Und Uns Unser Von Vor Während Wann War Warum Was Weil Wenn Wer Wie Wir Wo Zu Zuerst Zum "
    "Zwar"
)


def normalized(text: str, language: str) -> str:
    """The text for the library's cleaners; raises what num2words raises on a number that it cannot say."""
    text, language = characters.visible(text), language.split("-")[0]
    if language != "hi":
        text = text.translate(dict.fromkeys(map(ord, characters.JOINERS)))
    if language == "en":
        return text
    if language in ("zh", "ja", "ko"):
        text = text.translate(FULL_WIDTH)
    if language == "tr":  # the small form of this letter alone is not one character, and the library cleans only it
        text = text.replace("İ", "i")
    text = _plain_numbers(text, language)
    text = _units(text, language)
    for symbol, word in SYMBOLS.get(language, {}).items():
        text = text.replace(symbol, word)
    return _numbers_in_words(text, language)


def _plain_numbers(text: str, language: str) -> str:
    """ASCII digits, dates of three numbers apart, no marks between groups of digits, one decimal mark."""
    text = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)
    text = text.replace("\u066b", ",").replace("\u066a", "%")  # Arabic decimal mark and percent sign
    between = ". " if language in ("cs", "de") else " "
    text = DATE.sub(rf"\1{between}\2{between}\3", text)
    if language not in GROUPED_BY_COMMAS:
        text = ENGLISH_NUMBER.sub(lambda m: f"{m[1].replace(',', '')},{m[2]}", text)
    write = partial(number_words.cardinal, language="zh") if language == "zh" else str
    for pattern in _groups(language):
        text = pattern.sub(lambda m: write(re.sub(r"[^\d.]" if m["fraction"] else r"\D", "", m[0])), text)
    if language not in GROUPED_BY_COMMAS:  # the library takes points of long fractions for marks of thousands
        text = re.sub(r"(?<![\d.,])(\d+)\.(\d{1,2}|\d{4,})(?![.,]?\d)", r"\1,\2", text)
    return text


@cache
def _groups(language: str) -> list[re.Pattern]:
    """Numbers with marks between their groups of three digits; of Chinese ones with what follows the decimal mark."""
    fraction = r"(?P<fraction>\.\d+)?" if language == "zh" else "(?P<fraction>(?!))?"
    end = rf"{fraction}(?!\d|(?P=mark)\d)"

    def start(marks: str) -> str:
        return rf"(?<![\d.,+])(?<!\d[{marks}])[1-9]\d{{0,2}}(?P<mark>[{marks}])\d{{3}}"

    repeated = "(?:(?P=mark)\\d{3})"
    patterns = [start(GROUP_MARKS[language] + SPACES) + repeated + "*" + end, start(".,") + repeated + "+" + end]
    if language == "hi":  # 12,34,567
        patterns.insert(0, rf"(?<![\d.,+])[1-9]\d?(?P<mark>,)(?:\d\d,)*\d{{3}}{end}")
    return [re.compile(pattern, re.ASCII) for pattern in patterns]


def _units(text: str, language: str) -> str:
    """`20 $` and `$ 20` as the library reads them, or with the unit as a word after the number."""
    text = re.sub(rf"(?<=\d)[{SPACES}]+(?=[$€£](?!\d))", "", text)
    if units := UNITS.get(language):
        number, signs, money = r"\d+(?:[.,]\d+)?", re.escape("".join(units)), re.escape("".join(units.keys() - {*"%°"}))
        after, before = rf"({number})[{SPACES}]?([{signs}])", rf"([{money}])[{SPACES}]?({number})"
        text = re.sub(after, lambda m: _amount(m[1], units[m[2]], language), text)
        text = re.sub(before, lambda m: _amount(m[2], units[m[1]], language), text)
    if language == "tr":
        text = re.sub(r"(\d+(?:[.,]\d+)?)\s?%", r"%\1", text)  # yüzde is said first
    return text


def _amount(number: str, forms: tuple[str, ...], language: str) -> str:
    """A number, still in digits, and the unit in the form that goes with it."""
    whole = number.isdigit()
    if len(forms) == 1:
        unit = forms[0]
    elif len(forms) == 3:
        unit = number_words.plural(int(number), forms, language) if whole else forms[1]
    elif number in ("1", "2"):  # the Arabic noun alone says it
        return forms[int(number) - 1]
    else:
        last = int(number) % 100 if whole else 0
        unit = forms[2] if 3 <= last <= 10 else forms[3] if 11 <= last <= 99 else forms[0]
    return f"{number}{unit}" if language in ("ja", "zh") else f"{number} {unit}"


def _numbers_in_words(text: str, language: str) -> str:
    """Decimals, ordinals and whole numbers where the library gets them wrong."""
    say = partial(re.sub, flags=re.ASCII)
    if language in WRITTEN_DECIMALS:
        text = say(r"(\d+)[.,](\d+)", lambda m: number_words.decimal(m[1], m[2], language), text)
    if language == "ru":  # the library takes this comma for a mark of thousands
        text = say(r"(?<![\d.,])(\d+),(\d{3})(?![\d.,])", lambda m: number_words.decimal(m[1], m[2], language), text)
    if language == "zh":  # the library loses the points of long ones, and zeros that are alone
        text = say(r"\d{4,}\.\d+|\d+\.\d{4,}", lambda m: number_words.cardinal(m[0], "zh"), text)
        text = say(r"(?<![\d.])00+(?![\d.])", lambda m: "零" * len(m[0]), text)
    if language in DOTTED_ORDINALS:
        text = say(r"(?<![\d.,])(\d+)\.(?=[\s" + re.escape(CLOSING) + "]|$)", partial(_dotted, language), text)
    if language == "ko":
        text = say(r"(\d+) ?번째", lambda m: number_words.ordinal(m[1], "ko"), text)
        text = say(r"(\d+)(번|차)", lambda m: number_words.cardinal(m[1], "ko") + m[2], text)
    if language in WRITTEN_OUT:
        text = say(r"\d+", lambda m: number_words.cardinal(m[0], language), text)
    return text


def _dotted(language: str, number: re.Match) -> str:
    """A number before a point in words: an ordinal, or a cardinal and the end of its sentence."""
    before, after = number.string[: number.start()].rstrip(), number.string[number.end() :].lstrip(CLOSING + SPACES)
    if not _is_ordinal(language, before, number[1], after):
        end = "" if after[:1].islower() else "."  # the Hungarian year before its month
        return number_words.cardinal(number[1], language) + end
    said = number_words.ordinal(number[1], language)
    if language == "cs" and (CZECH_MONTHS.match(after) or not after):
        return re.sub(r"í\b", "ího", re.sub(r"ý\b", "ého", said))
    return said + ("n" if language == "de" and GERMAN_DATIVE.search(before) else "")


def _is_ordinal(language: str, before: str, digits: str, after: str) -> bool:
    if len(digits) > 3:  # a year
        return False
    if re.search(BEFORE_A_DAY[language], before, re.IGNORECASE) and int(digits) <= 31:
        return True
    if not after:
        return False
    if not before or after[0].isdigit():  # an item of a list, a date
        return True
    if language == "de":
        return re.match(r"\w*", after)[0] not in GERMAN_OPENINGS.split()
    return after[0].islower() or (language == "tr" and len(digits) <= 2)
