"""Names in archives become UTF-8, whatever code page they were written in."""

# ruff: noqa: RUF001 -- letters that look like others are what this is about
from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.archives.code_pages import ENCODINGS, likeliest
from actors.archives.names import Names
from actors.archives.reading import Member, MemberKind
from rota.errors import PermanentError

FOLDERS = {
    "German": ["Müller Rechnung.pdf", "Übersicht Büro.doc", "Größe.txt", "Straße", "Änderungen März.xls"],
    "French": ["été à la plage.jpg", "Résumé réunion.doc", "Français", "déjà vu.txt", "Noël"],
    "Spanish": ["año nuevo.txt", "canción.mp3", "Español", "niños"],
    "Danish": ["Årsrapport.pdf", "København.jpg", "Ærø.png", "smørrebrød.txt"],
    "Portuguese": ["relatório final.doc", "informações.txt", "São Paulo.jpg", "não"],
    "Swedish": ["räkning.pdf", "Årsmöte Göteborg.doc", "åäö.txt"],
    "Russian": ["Отчёт за март.doc", "Фотографии", "Новая папка", "договор.pdf", "Копия письма.txt"],
    "Ukrainian": ["Звіт за березень.doc", "Фотографії", "Нова папка", "Київ"],
    "Greek": ["Νέος φάκελος", "Έγγραφο.doc", "φωτογραφίες", "τιμολόγιο.pdf"],
    "Polish": ["Zdjęcia z wakacji.jpg", "umowa najmu - Łódź.doc", "Święta Bożego Narodzenia", "książka.pdf", "źródło"],
    "Czech": ["Příliš žluťoučký kůň.txt", "Smlouva o dílo - Dvořák.doc", "účet.pdf", "Říjen"],
    "Hungarian": ["Jelentés március.doc", "Fényképek", "árvíztűrő tükörfúrógép.txt", "szerződés.pdf"],
    "Turkish": ["Yeni klasör", "fotoğraflar", "sözleşme.doc", "İstanbul.jpg", "şarkı listesi.txt"],
    "Hebrew": ["תיקייה חדשה", "מסמך.doc", "תמונות", "חשבונית.pdf"],
    "Arabic": ["مجلد جديد", "تقرير.doc", "صور العائلة", "فاتورة.pdf"],
    "Thai": ["โฟลเดอร์ใหม่", "เอกสาร.doc", "รูปภาพ", "รายงาน.pdf"],
    "Japanese": ["新しいフォルダ", "見積書.xls", "会議の議事録.doc", "写真", "テスト.txt"],
    "Chinese, simplified": ["新建文件夹", "合同.doc", "年度总结报告.ppt", "照片", "测试文件.txt"],
    "Chinese, traditional": ["新增資料夾", "合約.doc", "年度報告.ppt", "相片", "測試檔案.txt"],
    "Korean": ["새 폴더", "보고서.hwp", "사진", "회의록.doc", "한글 파일.txt"],
}
CODE_PAGES = {
    "German": ["cp437", "cp850", "cp1252", "latin-1"],
    "French": ["cp437", "cp850", "cp1252", "latin-1"],
    "Spanish": ["cp437", "cp850", "cp1252", "latin-1"],
    "Danish": ["cp850", "cp1252", "latin-1"],
    "Portuguese": ["cp850", "cp1252", "latin-1"],
    "Swedish": ["cp437", "cp850", "cp1252", "latin-1"],
    "Russian": ["cp866", "cp1251", "koi8-r"],
    "Ukrainian": ["cp1251"],
    "Greek": ["cp737", "cp1253"],
    "Polish": ["cp852", "cp1250"],
    "Czech": ["cp852", "cp1250"],
    "Hungarian": ["cp852", "cp1250"],
    "Turkish": ["cp857", "cp1254"],
    "Hebrew": ["cp862", "cp1255"],
    "Arabic": ["cp1256"],
    "Thai": ["cp874"],
    "Japanese": ["cp932", "euc_jp"],
    "Chinese, simplified": ["gbk"],
    "Chinese, traditional": ["big5"],
    "Korean": ["cp949"],
}


@pytest.mark.parametrize(("language", "page"), [(name, page) for name, pages in CODE_PAGES.items() for page in pages])
def test_code_page_is_found_over_all_names(language: str, page: str):
    raw = [name.encode(page) for name in FOLDERS[language]]
    names = Names()
    for one in raw:
        names.learn(one)

    read = [names.read(one, utf8=False) for one in raw]

    assert [one.utf8.decode() for one in read] == FOLDERS[language]
    assert not any(one.note for one in read)


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("Bücher.txt", "cp437"),
        ("höhe.txt", "cp437"),
        ("Müller.pdf", "cp1252"),
        ("København.jpg", "cp850"),
        ("привет.txt", "cp866"),
        ("договор.pdf", "cp1251"),
        ("日本語.txt", "cp932"),
        ("請求書.pdf", "cp932"),
        ("财务报表.xls", "gbk"),
        ("說明.txt", "big5"),
        ("한글.txt", "cp949"),
    ],
)
def test_one_name_is_often_enough(name: str, page: str):
    assert Names().read(name.encode(page), utf8=False).utf8.decode() == name


def test_names_that_fit_nowhere_do_not_take_long():
    names = Names()
    for number in range(4000):
        names.learn(f"{number} 新しいフォルダ".encode("cp932"))
    before = time.thread_time()
    for number in range(3000):
        assert names.read(b"\x81\xff%d \xff\x80" % number, utf8=False).note

    # To find the encoding anew for each of them would take a minute.
    assert time.thread_time() - before < 8


def test_what_is_utf8_needs_no_encoding():
    names = Names()

    assert names.read(b"plain", utf8=False) == (b"plain", "")
    assert names.read("ü".encode(), utf8=False) == ("ü".encode(), "")
    assert names.read("ü".encode(), utf8=True) == ("ü".encode(), "")
    assert names.encoding is None


def test_encoding_that_a_person_gives_wins():
    raw = "привет".encode("cp866")
    assert Names("cp866").read(raw, utf8=False).utf8.decode() == "привет"
    assert Names("CP437").read(raw, utf8=False).utf8.decode() == raw.decode("cp437")
    # Also over what happens to be UTF-8, unless the member says that it is.
    assert Names("cp437").read("ü".encode(), utf8=False).utf8.decode() == "├╝"
    assert Names("cp437").read("ü".encode(), utf8=True).utf8.decode() == "ü"


@pytest.mark.parametrize("encoding", ["nonsense", "", "hex", "utf-16", "rot13", "a\0b", "undefined"])
def test_unknown_encoding_is_refused(encoding: str):
    with pytest.raises(PermanentError, match=r"encoding: .*cp437"):
        Names(encoding)


@pytest.mark.parametrize(
    ("encoding", "raw", "utf8", "name"),
    [
        ("cp932", b"a\x81.txt", False, "a%81.txt"),
        ("cp1252", b"a\x81.txt", False, "a%81.txt"),
        (None, b"a\xff.txt", True, "a%FF.txt"),
        ("utf-8", b"a\xff.txt", False, "a%FF.txt"),
    ],
)
def test_bytes_that_are_no_character_stay_readable_with_a_note(
    encoding: str | None, raw: bytes, name: str, *, utf8: bool
):
    read = Names(encoding).read(raw, utf8=utf8)

    assert read.utf8.decode() == name
    assert "%XX" in read.note


def test_encoding_once_found_stays_while_it_fits():
    names = Names()
    first = names.read("привет.txt".encode("cp866"), utf8=False)
    names.read(b"\x81", utf8=False)

    assert first.utf8.decode() == "привет.txt"
    assert names.encoding == "cp866"


@given(
    st.binary(max_size=200), st.booleans(), st.sampled_from([None, "cp932", "gbk", "big5", "cp949", "cp1252", "utf-8"])
)
def test_any_bytes_become_utf8_and_the_same_ones_always_alike(raw: bytes, utf8: bool, encoding: str | None):  # noqa: FBT001 -- given by hypothesis
    names = Names(encoding)
    names.learn(raw)
    read = names.read(raw, utf8=utf8)

    read.utf8.decode()
    assert names.read(raw, utf8=utf8) == read


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=20))
def test_likeliest_is_always_one_that_is_known(names: list[bytes]):
    assert likeliest(names) in ENCODINGS


@pytest.mark.parametrize(
    ("member", "keeps_bytes", "encoding", "name"),
    [
        ({"name": b"caf\xe9", "verbatim": True}, True, None, b"caf\xe9"),
        ({"name": b"caf\xe9", "verbatim": True, "utf8": True}, True, "cp1252", b"caf\xe9"),
        ({"name": b"caf\xe9", "verbatim": True}, True, "cp1252", "café".encode()),
        ({"name": b"caf\xe9", "verbatim": True, "utf8": True}, False, None, b"caf%E9"),
        ({"name": b"a\\b", "backslashes": True}, False, None, b"a/b"),
        ({"name": b"a\\b/c", "backslashes": True}, False, None, b"a\\b/c"),
        ({"name": b"a\\b"}, False, None, b"a\\b"),
        ({"name": "表".encode("cp932"), "backslashes": True}, False, "cp932", "表".encode()),
    ],
)
def test_names_of_members_are_as_their_archive_means_them(
    member: dict[str, Any],
    keeps_bytes: bool,  # noqa: FBT001 -- given by parametrize
    encoding: str | None,
    name: bytes,
):
    told = Member(**{"number": 0, "utf8": False, "kind": MemberKind.FILE, "size": 0, **member})

    assert Names(encoding, keeps_bytes=keeps_bytes).name_of(told).utf8 == name


def test_encodings_that_were_guessed_are_told():
    names, told = Names(), Names("cp866")
    for raw in (b"plain", "ü".encode(), "привет.txt".encode("cp866")):
        names.read(raw, utf8=False)
        told.read(raw, utf8=False)

    assert list(names.guessed) == ["cp866"]
    assert not told.guessed
