"""Which language a text reads as."""

import subprocess
import sys

import pytest
from scripts import SCRIPTS
from xtts_cloning.model import languages

SENTENCES = {
    "en": "It was late and the children had already gone home when I came back from the town with him.",
    "es": "Era tarde y los niños ya se habían ido a casa cuando yo volví de la ciudad con él.",
    "fr": "Il était tard et les enfants étaient déjà partis quand je suis revenu de la ville avec lui.",
    "de": "Es war spät und die Kinder waren schon nach Hause gegangen, als ich mit ihm aus der Stadt kam.",
    "it": "Era tardi e i bambini erano già andati a casa quando sono tornato dalla città con lui.",
    "pt": "Era tarde e as crianças já tinham ido para casa quando eu voltei da cidade com ele.",
    "pl": "Było już późno i dzieci poszły do domu, kiedy ja wróciłem z nim z miasta, bo nie było go tam.",
    "tr": "Vakit geçti ve çocuklar çoktan eve gitmişti, ben onunla şehirden döndüğümde ise bu kadar çok kişi yoktu.",
    "ru": "Было поздно, и дети уже ушли домой, когда я вернулся с ним из города.",
    "nl": "Het was laat en de kinderen waren al naar huis gegaan toen ik met hem uit de stad kwam.",
    "cs": "Bylo pozdě a děti už šly domů, když jsem se s ním vrátil z města, ale nebyl tam nikdo jiný než on.",
    "ar": "كان الوقت متأخرا وكان الأطفال قد عادوا إلى البيت.",
    "zh-cn": "天已经晚了，孩子们都回家了。",
    "hu": "Késő volt, és a gyerekek már hazamentek, amikor én vele visszajöttem a városból, de nem volt ott senki.",
    "ko": "늦은 시간이라 아이들은 이미 집에 갔습니다.",
    "ja": "もう遅くて、子供たちは家に帰っていました。",
    "hi": "देर हो चुकी थी और बच्चे घर जा चुके थे।",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_a_text_reads_as_its_own_language_and_no_other(language):
    assert languages.reads_as([SENTENCES[language]], language) is None
    others = {other: languages.reads_as([SENTENCES[language]], other) for other in SENTENCES if other != language}
    assert others == dict.fromkeys(others, language)


def test_a_few_words_say_nothing():
    assert languages.reads_as(["Hello test."], "de") is None
    assert languages.reads_as(["1984"], "ja") is None
    assert languages.reads_as([], "ja") is None


def test_no_torch_is_imported():
    code = "import sys; from xtts_cloning.model import languages; languages.reads_as(['the of and to in it'], 'de'); "
    code += "sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, check=True)
