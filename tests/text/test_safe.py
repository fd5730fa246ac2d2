import pytest

from holdfast.text.safe import for_markdown, for_page, for_record, for_terminal


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\n\ttext", "plain\n\ttext"),
        ("\x1b[31mred\x07", "⟨U+001B⟩[31mred⟨U+0007⟩"),
        ("a\u202eb\u2066c\u200bd", "a⟨U+202E⟩b⟨U+2066⟩c⟨U+200B⟩d"),
        ("\ud800\udfff\ue000", "⟨U+D800⟩⟨U+DFFF⟩⟨U+E000⟩"),
        ("a\u2028b\x00", "a⟨U+2028⟩b⟨U+0000⟩"),
        ("z" + "\u0301" * 50, "z" + "\u0301" * 4),
        ("ชื่อ, 你好, Ünï", "ชื่อ, 你好, Ünï"),
        (12, "12"),
    ],
)
def test_a_page_names_what_would_steer_a_reader(text, shown):
    assert for_page(text) == shown


def test_a_long_text_on_a_page_is_cut_and_says_so():
    shown = for_page("x" * 1_000_000, 600)
    assert len(shown) < 700 and shown.endswith("(999,400 characters more)")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb\x07\u202ec", "a[31mbc"),
        ("  two\n\tlines  ", "two lines"),
        ("\ud800x\ue000", "x"),
        ("x" * 300, "x" * 199 + "…"),
    ],
)
def test_a_terminal_gets_one_line_without_control_characters(text, shown):
    assert for_terminal(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[a](http://b) | `c` <d> *e* _f_ ~g~", r"\[a\](http://b) \| \`c\` \<d\> \*e\* \_f\_ \~g\~"),
        ("ask @somebody about #12", "ask @\u2060somebody about #\u206012"),
        ("two\nlines\x1b", "two lines⟨U+001B⟩"),
    ],
)
def test_markdown_gets_no_markup(text, shown):
    assert for_markdown(text) == shown


def test_a_record_keeps_the_length_of_its_text():
    assert for_record("a\x1b[31m\u202e b\n\ud800") == "a\ufffd[31m\ufffd b \ufffd"
    assert for_record("plain") == "plain"
