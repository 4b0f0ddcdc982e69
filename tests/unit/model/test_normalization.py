"""What all 17 languages make of digits, symbols and abbreviations, through the library's own cleaners.

Right and wrong were judged per language; where only the library's own reading is meant, that stands in the table too.
"""

import json
import re
import sys
import unicodedata

import pytest
from xtts_cloning.errors import UserError
from xtts_cloning.model import number_words, texts
from xtts_cloning.model.library import VoiceBpeTokenizer

LANGUAGES = ["en", "es", "fr", "de", "it", "pt", "pl", "tr", "ru", "nl", "cs", "ar", "zh-cn", "hu", "ko", "ja", "hi"]

# Sent through every language: digits, years, decimals, currencies, ordinals, groups, symbols, abbreviations.
WRITTEN = [
    *("0", "7", "25", "1984", "x 1984.", "2024. x", "1000000", "007", "3,5", "3.5", "0.05", "12.1234567", "3,141"),
    *("1,000", "1.000", "1 000", "1\u202f000", "1,400,000,000", "1.400.000.000", "1,234.5", "10.000,50", "20$", "$20"),
    *("20 $", "20€", "20 €", "20.15€", "20,15 €", "£5", "1 $", "2 $", "14%", "14 %", "%14", "7°", "1. x", "3. X"),
    *(
        "8. x 1984",
        "3.10.1984",
        "1st",
        "2nd",
        "1º",
        "1er",
        "5-й",
        "1번째",
        "100번째",
        "3번",
        "Dr. x",
        "x & x",
        "x @ x",
        "8:30",
    ),
]

SAID = {
    "en": [
        ("In 1984 there were 1,400 of 3.5 at $20.",
         "in one thousand, nine hundred and eighty-four there were one thousand, four hundred of "
         "three point five at twenty dollars."),
        ("Dr. Smith came 1st & won 5%", "doctor smith came first and won five percent"),
    ],
    "de": [
        ("Geboren ist er im Jahr 1984.", "geboren ist er im jahr eintausendneunhundertvierundachtzig."),
        ('"Im Jahr 1984."', "im jahr eintausendneunhundertvierundachtzig."),
        ("Er ist 25. Sie ist 30.", "er ist fünfundzwanzig. sie ist dreißig."),
        ("Die Sitzung ist am 3. Oktober.", "die sitzung ist am dritten oktober."),
        ("Der 100. Geburtstag", "der hundertste geburtstag"),
        ("Wir sehen uns am 3.", "wir sehen uns am dritten"),
        ("1 000 Leute, 1.400.000.000 Leute", "eintausend leute, eine milliarde vierhundert millionen leute"),
        ("3,50 € und 20$", "drei euro und fünfzig cent und zwanzig dollar"),
    ],
    "tr": [
        ("Yıl 1984.", "yıl bindokuzyüzseksendört."),
        ("3. sınıf, 1. Dünya Savaşı", "üçüncü sınıf, birinci dünya savaşı"),
        ("12,5 saniye, 3.5 saniye", "oniki virgül beş saniye, üç virgül beş saniye"),
        ("İstanbul'da 20€ ve %14", "istanbul'da yirmi avro ve yüzde ondört"),
        ("14%", "yüzde ondört"),
    ],
    "hu": [
        ("Született: 1984.", "született: ezerkilencszáznyolcvannégy."),
        ("1984. október 3.", "ezerkilencszáznyolcvannégy október harmadik"),
        ("Ez a 3. osztály.", "ez a harmadik osztály."),
        ("3,14159 és 20$", "három egész egy négy egy öt kilenc és húsz dollár"),
    ],
    "cs": [
        ("V roce 1984 bylo 25 žáků.", "v roce tisíc devětset osmdesát čtyři bylo dvacet pět žáků."),
        ("V roce 1984.", "v roce tisíc devětset osmdesát čtyři."),
        ("Sešli jsme se 8. května.", "sešli jsme se osmého května."),
        ("Je to 25. ročník.", "je to dvacátý pátý ročník."),
        ("Cena je 2,5 koruny, 1 000 $ a 5 %.", "cena je dvě celé pět koruny, tisíc dolarů a pět procent."),
        ("Dr. Novák má 3 libry, £3.", "doktor novák má tři libry, tři libry."),
    ],
    "ar": [
        ("الثمن 20$", "الثمن عشرون دولارًا"),
        ("الثمن $5", "الثمن خمسة دولارات"),
        ("الثمن €100", "الثمن مائة يورو"),
        ("٣٫٥ و ١٬٠٠٠", "ثلاثة فاصلة خمسة و ألف"),
        ("1,400,000", "مليون و أربعمائة ألف"),
    ],
    "zh-cn": [
        ("人口是1,400,000,000。", "ren2kou3shi4shi2si4yi4"),
        ("他有1,000元。", "ta1you3yi1qian1yuan2"),
        ("一共100 000人。", "yi1gong4shi2wan4ren2"),
        ("今天天气很好，我们去公园。", "jin1tian1tian1qi4hen3hao3, wo3men5qu4gong1yuan2"),
        ("好吗？好！走吧……", "hao3ma5, hao3, zou3ba5"),
        ("$20，€20.15", "er4shi2mei3yuan2, er4shi2dian3yi1wu3ou1yuan2"),
        ("1984年，3.5%，圆周率3.14159",
         "yi1jiu3ba1si4nian2, bai3fen1zhi1san1dian3wu3, yuan2zhou1lv4san1dian3yi1si4yi1wu3jiu3"),
    ],
    "ko": [
        ("1,000원", "cheon-won"),
        ("1번째, 100번째, 3번 출구, 2차", "cheos beon-jjae, baeg beon-jjae, sambeon chulgu, icha"),
        ("20€와 3.141", "isib yulo-wa sam jeom il sa il"),
    ],
    "ja": [
        ("1984年に100円。", "sen kyuuhyaku hachijuu yon nen ni hyaku en."),
        ("$20と3.5％", "nijuu dollar to san ten go percent"),
        ("1,400,000人", "hyaku yonjuu mannin"),
    ],
    "hi": [
        ("1984 में 12,34,567 लोग", "एक हज़ार नौ सौ चौरासी में बारह लाख चौंतीस हज़ार पाँच सौ सड़सठ लोग"),
        ("₹20 और ३.५%", "बीस रुपये और तीन दशमलव पाँच प्रतिशत"),
    ],
    "ru": [
        ("1 000 рублей, 3,141 и £5", "одна тысяча рублей, три целых сто сорок одна тысячная и пять фунтов"),
        ("Г-н Иванов, 5-й, 20%", "господин иванов, пятый, двадцать процентов"),
    ],
    "pl": [("1 000 osób, £5, 20€", "tysiąc osób, pięć funtów, dwadzieścia euro")],
    "fr": [("1\u202f000 francs, 12,5 % et 1er, 20 €, Mme. X",
            "mille francs, douze virgule cinq pour cent et premier, vingt euros, "
            "madame x")],
    "es": [("Sra. X, 1.000 y 1 000, 3,5 €", "señora x, mil y mil, tres euros con cincuenta céntimos")],
    "it": [("1.000.000 e 1 000, 3,5", "un milione e mille, tre virgola cinque")],
    "pt": [("Dr. X, 1 000, 20$", "doutor x, mil, vinte dólares")],
    "nl": [("Dhr. X, 1 000, 20%", "de heer x, duizend, twintig procent")],
}  # fmt: skip
TOO_LONG = "12345678910111213141516171819202122"


@pytest.fixture(scope="module")
def cleaner():
    """The library's tokenizer without a vocabulary: enough for what is said."""
    return VoiceBpeTokenizer()


@pytest.fixture(scope="module")
def tokenizer(hub_files):
    return texts.load_tokenizer(hub_files / "vocab.json")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_of_number_symbol_and_abbreviation_is_said_in_every_language(cleaner, language):
    for written in WRITTEN:
        try:
            said = texts.cleaned(cleaner, written, language)
        except texts.Unspeakable as error:  # ruled out below
            said = str(error)
        digits = said.translate(str.maketrans("", "", "12345")) if language == "zh-cn" else said  # tones of pinyin
        assert not re.search(r"\d", digits), f"{language}: {written!r} is said {said!r}"
        assert "cannot be said" not in said, f"{language}: {said}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_said(tokenizer, language):
    for written, said in SAID[language]:
        assert texts.cleaned(tokenizer, written, language).lower() == said  # num2words has German nouns as capitals
        assert texts.rejection(tokenizer, written, language, 400) is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_written_out_once_is_not_changed_again(language):
    for written in [*WRITTEN, *(text for text, _ in SAID[language])]:
        once = texts.written_out(written, language)
        assert texts.written_out(once, language) == once
        assert texts.written_out(once.lower(), language) == once.lower()


@pytest.mark.parametrize("language", LANGUAGES)
def test_learnt_as_it_is_spoken(tokenizer, language):
    """Training encodes a transcript as it stands, speaking its sentences in small letters, as Xtts.inference does."""
    for written in ["İstanbul", "ISTANBUL IS Big", "NHK", "Ö Ü É", *WRITTEN, *(text for text, _ in SAID[language])]:
        spoken = texts.written_out(written, language).strip().lower()
        assert texts.token_ids(tokenizer, spoken, language) == texts.token_ids(tokenizer, written.strip(), language)


def test_english_is_the_librarys_byte_for_byte(tokenizer):
    for written in [
        *WRITTEN,
        "It's 5 o'clock -- \u201cso\u201d, he said; (A.D. 79) [sic]",
        "caf\u00e9 \u2014 na\u00efve\u00a0x",
        "A  B\tC",
    ]:
        assert texts.token_ids(tokenizer, written, "en") == tokenizer.encode(written, "en")


@pytest.mark.parametrize("language", ["es", "pt", "tr", "ru", "cs", "ja"])
def test_a_number_too_long_is_named(tokenizer, language):
    slug, detail = texts.rejection(tokenizer, f"x 12 {TOO_LONG} x", language, 400)
    assert slug == "unspeakable" and repr(TOO_LONG) in detail and "write it out in words" in detail


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_of_no_words_is_no_text(tokenizer, language):
    for written in [
        '"',
        "\u2026\u2026",
        "...",
        "?!",
        "\u3002",
        "\uff1f\uff01",
        " \u200b ",
        "\u00ad",
        "-",
        "\u300c\u300d",
    ]:
        assert texts.rejection(tokenizer, written, language, 400)[0] == "empty_text", written


def test_invisible_characters_say_nothing(cleaner):
    for written in [
        "A so\u00adft hyphen.",
        "\ufeffA so\u2060ft hyphen.\u200f",
        "A soft\u2028hyphen.",
        "A soft\x0bhyphen.\ufe0f",
    ]:
        assert texts.cleaned(cleaner, written, "en") == "a soft hyphen."


def test_what_cannot_be_seen_is_named_by_code_point(tokenizer):
    assert texts.rejection(tokenizer, "A \x00 and \ue000 here", "en", 400)[1].endswith("lacks U+0000 U+E000")


def test_decomposed_letters_are_the_composed_ones(cleaner):
    for written in ["Größe café", "Åse ÿ", "いい天気ですが、パン", "가나다"]:
        for language in ("de", "ja", "ko"):
            decomposed = unicodedata.normalize("NFD", written)
            assert texts.cleaned(cleaner, decomposed, language) == texts.cleaned(cleaner, written, language)


def test_hindi_keeps_its_joiners():
    assert texts.written_out("क्\u200dष", "hi") == "क्\u200dष"
    assert texts.written_out("a\u200db", "de") == "ab"


def test_japanese_that_cutlet_cannot_read_is_named(tokenizer):
    assert texts.rejection(tokenizer, "これは☃とйです。", "ja", 400) == (
        "unknown_characters",
        "the Japanese cleaner cannot read й ☃",
    )


def test_czech_ordinals():
    said = {1: "první", 12: "dvanáctý", 40: "čtyřicátý", 99: "devadesátý devátý", 100: "stý", 125: "sto dvacátý pátý"}
    said |= {
        300: "třístý",
        1000: "tisící",
        2000: "dvoutisící",
        2025: "dva tisíce dvacátý pátý",
        12100: "dvanáct tisíc stý",
    }
    assert {number: number_words.ordinal(str(number), "cs") for number in said} == said
    with pytest.raises(ValueError):
        number_words.ordinal("11000", "cs")


def test_every_hindi_number_below_a_hundred_is_another_word():
    words = number_words.HINDI.split()
    assert len(set(words)) == len(words) == 100


@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "hi"])  # that needs no package
def test_the_language_check_needs_what_writes_its_numbers_out(tokenizer, language, hub_files, monkeypatch):
    """With an empty text, which asks nothing of the packages, the check would pass whatever is missing."""
    texts.check_language(tokenizer, language, hub_files / "config.json")

    def broken(*arguments, **named):
        raise NotImplementedError

    monkeypatch.setattr(number_words, "num2words", broken)
    for name in ("num2words", "zh_num2words"):
        monkeypatch.setattr(sys.modules[VoiceBpeTokenizer.__module__], name, broken)
    with pytest.raises(UserError, match=f"write out '{language}' do not work"):
        texts.check_language(tokenizer, language, hub_files / "config.json")


def test_japanese_without_its_package_is_told(tokenizer, hub_files, monkeypatch):
    monkeypatch.setitem(sys.modules, "cutlet", None)
    tokenizer.__dict__.pop("katsu", None)  # the library keeps it once it is made
    with pytest.raises(UserError, match="'ja' needs the Python package cutlet"):
        texts.check_language(tokenizer, "ja", hub_files / "config.json")


def test_all_of_the_models_languages_are_tested(hub_files):
    assert sorted(json.loads((hub_files / "config.json").read_text())["languages"]) == sorted(LANGUAGES)
