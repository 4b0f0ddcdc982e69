"""Numbers in words where num2words 0.5.14, which the library calls, lacks them or says them wrongly.

Languages are those of the library's tokenizer: `zh` for zh-cn. Whatever num2words raises (a number too long, say) is
passed on.
"""

import re

from num2words import CONVERTER_CLASSES, num2words

from xtts_cloning.model.library import num2chn

# What is said for the decimal mark. Czech and Hungarian: "wholes", of which the fraction is the rest.
POINT = {
    "ar": "\u0641\u0627\u0635\u0644\u0629",
    "cs": ("celá", "celé", "celých"),
    "hi": "दशमलव",
    "hu": "egész",
    "ja": "点",
    "ko": "점",
    "tr": "virgül",
}
HUNGARIAN_FRACTION = 3  # digits; num2words has no name for smaller parts than thousandths

JAPANESE_DIGITS = 24  # cutlet cannot read the units of longer numbers

CZECH_ORDINALS = (
    "nultý první druhý třetí čtvrtý pátý šestý sedmý osmý devátý desátý jedenáctý dvanáctý třináctý čtrnáctý "
    "patnáctý šestnáctý sedmnáctý osmnáctý devatenáctý"
)
CZECH_TENS = "dvacátý třicátý čtyřicátý padesátý šedesátý sedmdesátý osmdesátý devadesátý"
CZECH_MULTIPLES = ["", "dvou", "tří", "čtyř", "pěti", "šesti", "sedmi", "osmi", "devíti"]  # of stý and tisící

HINDI = (
    "शून्य एक दो तीन चार पाँच छह सात आठ नौ दस ग्यारह बारह तेरह चौदह पंद्रह सोलह सत्रह अठारह उन्नीस बीस इक्कीस बाईस "
    "तेईस चौबीस पच्चीस छब्बीस सत्ताईस अट्ठाईस उनतीस तीस इकतीस बत्तीस तैंतीस चौंतीस पैंतीस छत्तीस सैंतीस अड़तीस "
    "उनतालीस चालीस इकतालीस बयालीस तैंतालीस चौवालीस पैंतालीस छियालीस सैंतालीस अड़तालीस उनचास पचास इक्यावन बावन "
    "तिरेपन चौवन पचपन छप्पन सत्तावन अट्ठावन उनसठ साठ इकसठ बासठ तिरेसठ चौंसठ पैंसठ छियासठ सड़सठ अड़सठ उनहत्तर सत्तर "
    "इकहत्तर बहत्तर तिहत्तर चौहत्तर पचहत्तर छिहत्तर सतहत्तर अठहत्तर उनासी अस्सी इक्यासी बयासी तिरासी चौरासी पचासी "
    "छियासी सत्तासी अट्ठासी नवासी नब्बे इक्यानवे बानवे तिरानवे चौरानवे पचानवे छियानवे सत्तानवे अट्ठानवे निन्यानवे"
)
HINDI_UNITS = [(10**7, "करोड़"), (10**5, "लाख"), (1000, "हज़ार"), (100, "सौ")]


def cardinal(digits: str, language: str) -> str:
    """A whole number, given as ASCII digits (a Chinese one may have a fraction); one that begins with 0, as telephone
    numbers do, digit by digit."""
    if digits[0] == "0" and digits.isdigit() and len(digits) > 1:
        return _each(digits, language)
    if language == "zh":
        return num2chn(digits)
    if language == "hi":
        return _hindi(int(digits))
    if language == "ja" and len(digits) > JAPANESE_DIGITS:
        raise OverflowError(digits)
    return num2words(int(digits), lang=language)


def decimal(whole: str, fraction: str, language: str) -> str:
    """A number with digits after its decimal mark, none of them lost."""
    if language == "ru":
        return num2words(f"{whole}.{fraction}", lang="ru")
    if language == "hu" and len(fraction) <= HUNGARIAN_FRACTION:
        return num2words(float(f"{whole}.{fraction}"), lang="hu")
    point, before = POINT[language], cardinal(whole, language)
    if language == "cs":
        point = point[0] if int(whole) == 0 else plural(int(whole), point, "cs")
        before = re.sub(r"\bdva$", "dvě", before)
    if language in ("ja", "ko", "hi") or len(fraction) > 2:
        said = _each(fraction, language)
    else:
        said = cardinal(fraction, language)
    separator = "" if language == "ja" else " "
    return separator.join([before, point, said])


def ordinal(digits: str, language: str) -> str:
    """First, second, ... in the form of dictionaries, as the library says it."""
    number = int(digits)
    if language == "cs":
        return _czech_ordinal(number)
    if language == "ko" and not 1 <= number <= 99:  # native words end at 99
        return f"{num2words(number, lang='ko')} 번째"
    return num2words(number, ordinal=True, lang=language)


def plural(number: int, forms: tuple[str, str, str], language: str) -> str:
    """The form of a noun for one, for two to four and for many, by a Slavic language's rule."""
    return CONVERTER_CLASSES[language].pluralize(number, forms)


def _each(digits: str, language: str) -> str:
    return ("" if language in ("ja", "zh") else " ").join(cardinal(digit, language) for digit in digits)


def _czech_ordinal(number: int) -> str:
    """The last two digits are ordinals and what is before them is a cardinal: tisíc devětset osmdesátý čtvrtý."""
    rest = number % 100
    for size, word in ((1000, "tisící"), (100, "stý")):
        if number and number % size == 0:
            before, times = divmod(number // size, 10)
            if not times or (before and size == 1000):
                raise ValueError(f"no Czech ordinal of {number}")
            return " ".join([*_before(before * 10 * size), CZECH_MULTIPLES[times - 1] + word])
    said = [CZECH_ORDINALS.split()[rest]] if rest < 20 else [CZECH_TENS.split()[rest // 10 - 2], *_last(rest % 10)]
    return " ".join([*_before(number - rest), *said])


def _before(number: int) -> list[str]:
    return [num2words(number, lang="cs")] if number else []


def _last(digit: int) -> list[str]:
    return [CZECH_ORDINALS.split()[digit]] if digit else []


def _hindi(number: int) -> str:
    if number < 100:
        return HINDI.split()[number]
    size, unit = next((size, unit) for size, unit in HINDI_UNITS if number >= size)
    count, rest = divmod(number, size)
    return " ".join([_hindi(count), unit, *([_hindi(rest)] if rest else [])])
