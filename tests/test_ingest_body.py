"""What is new in a reply: shapes that one file of the corpus cannot show, and the limits."""

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcrm.ingest.body import MARKER, has_marker, new_text, segments
from mailcrm.ingest.html import html_to_text, is_within_limits, sanitise, strip_tags, two_cell_rows
from mailcrm.ingest.memory import Known, fold_known
from mailcrm.mail import SegmentKind
from mailcrm.subject import base_subject, is_forward_subject


def test_lines_after_the_last_one_looked_at_are_kept() -> None:
    text = "\n".join(f"rivi {number}" for number in range(6_000))
    parts = segments(text, is_reply=True)
    assert "\n".join(part.text for part in parts) == text


def test_text_below_a_quoted_marker_is_the_answer() -> None:
    parts = segments(f"> {MARKER}\n> vanhaa\n\nUusi vastaus.", is_reply=True)
    assert new_text(parts) == "Uusi vastaus."
    assert has_marker(parts)


def test_text_below_an_unquoted_marker_is_folded_and_not_lost() -> None:
    parts = segments(f"Kiitos.\n{MARKER}\nkortti\n{MARKER}\nalla", is_reply=True)
    assert new_text(parts) == "Kiitos."
    assert parts[-1].kind is SegmentKind.QUOTE
    assert "alla" in parts[-1].text


def test_an_indented_marker_is_found() -> None:
    assert new_text(segments(f"Kiitos.\n   {MARKER}\nkortti", is_reply=True)) == "Kiitos."


def test_a_long_text_below_dashes_is_no_signature() -> None:
    text = "Alku\n--\n" + "\n".join(f"rivi {number}" for number in range(40))
    assert new_text(segments(text, is_reply=True)) == text


def test_the_persons_words_above_a_wrapped_attribution_stay() -> None:
    text = "Otetaan 5 kpl\nti 5.3.2024 klo 10.11 Alice Myyjä (alice@firma.example)\nkirjoitti:\n> vanha"
    assert new_text(segments(text, is_reply=True)) == "Otetaan 5 kpl"


@pytest.mark.parametrize(
    "text",
    [
        "Yes.\nalice@firma.example wrote:\n\nold words",
        "Yes.\n\nOn Monday, 4 March 2024, 14:05, Alice <alice@firma.example> wrote: old words\nand more",
        "Yes.\n\n>>> Alice Seller <alice@firma.example> 04.03.24 14.05 >>>\nold words",
        "Yes.\n\nFrom: alice@firma.example\nDate: Mon, 4 Mar 2024 14:05:00 +0200\n\nold words",
        "Yes.\n\nAlice Seller ---04.03.2024 14:05:11---old words\nand more",
        "Yes.\n\nFrom: Alice\nSent: Monday, 4 March 2024 14:05\nTo: Carol\n\nold words",
        "Yes.\n\nQuoting Alice (2024-03-04 14:05:11)\n> old words",
        'Yes.\nTemat: Oferta Data: 2024-03-04 14:05Nadawca: "Alice" alice@firma.example Adresat:\nold words',
    ],
)
def test_rarer_heads_of_quoted_mails(text: str) -> None:
    assert new_text(segments(text, is_reply=True)) == "Yes."


@pytest.mark.parametrize(
    "text",
    [
        "From: Bristol\nTo: Helsinki\nDate: 4.3.2024\n\nIs that right?",
        "The log says:\nOn 2024-03-04 14:05 the service wrote:\nERROR 500\n\nCan you help?",
        "Hi,\n\nAs you wrote on 4.3.2024:\n\nthe price is 100",
        "Hi,\n\nOn 4.3.2024 you wrote:\n\nthe price is 100",
        "Lähettäjä: Varasto Oy\nVastaanottaja: Kauppa Ky\nPäivämäärä: 4.3.2024\nLavoja: 3",
    ],
)
def test_an_order_or_a_log_is_no_header_block(text: str) -> None:
    assert new_text(segments(text, is_reply=True)) == text


def test_a_link_wrapped_within_a_quote_is_quote() -> None:
    text = "Sininen.\n\nOn 4.3.2024 14:05 Alice wrote:\n> Katso (https://firma.example/a\nb?c=d)\n> Alice"
    assert new_text(segments(text, is_reply=True)) == "Sininen."


def test_below_a_header_block_at_the_top_the_rest_is_read_as_a_reply() -> None:
    block = "Od: Jan <jan@x.example>\nWysłano: 1 marca 2023 12:00\nDo: Anna <anna@x.example>\nTemat: Re: Test"
    text = f"{block}\n\nTak.\n\nDnia 28 lutego 2023 14:00 Anna <anna@x.example> napisał(a):\n> Pytanie"
    assert new_text(segments(text, is_reply=True)) == f"{block}\n\nTak."


def test_a_foot_below_a_marked_forward_belongs_to_it_if_the_forwarder_wrote_above() -> None:
    quoted = "Begin forwarded message:\n\n> From: Carol <carol@x.example>\n> Subject: x\n>\n> Hi\n\n"
    above = segments(f"Please take.\n\n{quoted}Firma Oy", is_reply=True, is_forward=True)
    assert new_text(above) == "Please take."
    assert new_text(segments(f"{quoted}Please take.", is_reply=True, is_forward=True)) == "Please take."


def test_a_mailing_lists_foot_is_footer() -> None:
    parts = segments("Sopii.\n_______________________________\nMyynti mailing list\nhttps://x.example", is_reply=True)
    assert [part.kind for part in parts] == [SegmentKind.NEW, SegmentKind.FOOTER]


@pytest.mark.parametrize(
    "line",
    ["On " * 100_000, "a@b " * 50_000, "From: " + "To: " * 50_000, ">" * 500_000, "-" * 500_000, ":" * 500_000],
)
def test_no_line_is_slow(line: str) -> None:
    started = time.process_time()
    segments(f"{line}\n" * 2, is_reply=True)
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize("line", ["--", "From: a", "12:30 a@b wrote:", "On 5.3.2024 x", "> a", "________", "x wrote:"])
def test_no_number_of_lines_is_slow(line: str) -> None:
    started = time.process_time()
    segments(f"{line}\n" * 100_000, is_reply=True)
    assert time.process_time() - started < 2.0


def test_deep_html_is_not_given_to_quadratic_parsers() -> None:
    deep = "<div>" * 60_000 + "Hei"
    assert not is_within_limits(deep)
    assert sanitise(deep) == ""
    assert html_to_text(deep) == "Hei"


def test_stray_end_tags_do_not_hide_depth() -> None:
    assert not is_within_limits("<div></span>" * 300)


def test_unclosed_paragraphs_are_not_deep() -> None:
    assert is_within_limits("<p>a<br><li>b" * 1_000)


def test_styles_that_load_are_removed_and_harmless_ones_stay() -> None:
    clean = sanitise(
        '<p style="color:red;position:fixed">a</p><p style="background:url(https://x.example/a.png)">b</p>'
    )
    assert "color:red" in clean.replace(" ", "")
    assert "position" not in clean
    assert "x.example" not in clean


@pytest.mark.parametrize(
    "link",
    [
        '<a href="data:text/html,x">y</a>',
        '<a href="&#100;ata:text/html,x">y</a>',
        '<a href="cid:x">y</a>',
        "<image src='https://x.example/a.png'>",
    ],
)
def test_nothing_loads_or_runs_from_plain_html_either(link: str) -> None:
    clean = sanitise(f"<p style='color:red'>a</p>{link}")
    assert not any(word in clean for word in ("data:", "cid:", "x.example"))
    assert "color:red" in clean.replace(" ", "")


def test_a_rule_is_shown_only_above_another_mail() -> None:
    assert "____" not in html_to_text("<p>a</p><hr><p>b</p>")
    assert "____" in html_to_text("<p>a</p><hr><b>Lähettäjä:</b> Alice &lt;a@x.example&gt;<br>Aihe: x")


def test_outlooks_line_above_labels_of_an_unknown_language_folds_what_is_below() -> None:
    html = (
        '<p>Já.</p><div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p><b>Sendandi:</b> '
        "Alice &lt;a@x.example&gt;<br><b>Sent þann:</b> 4. mars<br><b>Viðtakandi:</b> Jón</p></div><p>Gamalt</p>"
    )
    assert new_text(segments(html_to_text(html), is_reply=True)) == "Já."


def test_a_blockquote_that_no_program_marked_is_the_persons_own() -> None:
    assert ">" not in html_to_text("<p>The sign:</p><blockquote>Open 9-17</blockquote>")
    assert "> Hi" in html_to_text("<div>04.03.2024, 14:05, Alice &lt;a@x.example&gt;:</div><blockquote>Hi</blockquote>")


def test_gmails_forward_is_no_quote() -> None:
    html = '<div class="gmail_quote"><div class="gmail_attr">---------- Forwarded message ---------<br>From: x</div>Hi</div>'
    assert ">" not in html_to_text(html)


@pytest.mark.parametrize("name", ['name="messageSignatureSection"', 'id="x_Signature"', 'class="gmail_signature"'])
def test_programs_name_the_signature(name: str) -> None:
    assert new_text(segments(html_to_text(f"<div>Yes.</div><div {name}>Carol</div>"), is_reply=True)) == "Yes."


def test_stripping_tags_keeps_every_letter_outside_them() -> None:
    assert strip_tags("2 > 1 <b>ja</b> 1 &lt; 2<br>loppu<style>x</style> a <") == "2 > 1 ja 1 < 2\nloppu a <"


@pytest.mark.parametrize(
    ("subject", "bare", "has_prefix"),
    [
        ("VS: Tarjous", "Tarjous", True),
        ("Re[2]: VS: Tarjous", "Tarjous", True),
        ("RE: VL: [EXTERNAL] Tarjous", "Tarjous", True),
        ("[EXTERNAL] Tarjous", "Tarjous", False),
        ("AW: WG: Angebot", "Angebot", True),
        ("SV: Offert", "Offert", True),
        ("回复：报价", "报价", True),
        ("Remontti: keittiö", "Remontti: keittiö", False),
        ("[Fwd: Tarjous]", "Tarjous", True),
        ("Tarjous (fwd)", "Tarjous", True),
        ("Re:", "", True),
        ("", "", False),
    ],
)
def test_prefixes_are_taken_off_the_subject(subject: str, bare: str, has_prefix: bool) -> None:
    assert base_subject(subject) == (bare, has_prefix)


def test_only_the_outermost_prefix_makes_a_forward() -> None:
    assert is_forward_subject("VL: Re: Tarjous")
    assert not is_forward_subject("Re: VL: Tarjous")


_PIECES = [
    "Hei Alice,", "sopii", "", "", "> vanhaa", ">> vanhempaa", "-- ", "--",
    "On Mon, 4 Mar 2024 at 14:05, Alice <a@x.example> wrote:",
    "Alice kirjoitti 4.3.2024 klo 14.05:", "________________________________", "-------- Alkuperäinen viesti --------",
    "---------- Forwarded message ---------", "Lähettäjä: Alice <a@x.example>", "Lähetetty: 4.3.2024 14.05", "Vastaanottaja: Carol",
    "Aihe: Tarjous", "Terveisin", "Carol Smith", "Acme Oy, puh. 040 123 4567", "Lähetetty iPhonesta", "[EXTERNAL]",
    "CAUTION: This email originated from outside the organization. Do not click links.", "\xa0", "\t",
    "##- reply above this line -##",
    "This e-mail is confidential. If you received it in error, please delete it and notify the sender.", MARKER,
    "hyllyjen toimitus varastolle maanantaina kello yhdeksän aamulla lastauslaiturille",
]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.sampled_from(_PIECES), max_size=40), st.booleans(), st.booleans(), st.sampled_from(["", "Carol Smith"])
)
def test_whatever_is_folded_the_union_is_the_text(
    lines: list[str], is_reply: bool, is_forward: bool, writer: str
) -> None:
    text = "\n".join(lines)
    parts = segments(text, is_reply=is_reply, is_forward=is_forward, writer=writer)
    assert "\n".join(part.text for part in parts) == text
    assert all(above.kind is not below.kind for above, below in pairwise(parts))
    if text.strip() and not is_forward and not has_marker(parts):
        assert new_text(parts), "if folding leaves nothing, everything shows"


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(_PIECES), max_size=40), st.lists(st.sampled_from(_PIECES), min_size=1, max_size=12))
def test_reading_by_memory_keeps_every_line(lines: list[str], known: list[str]) -> None:
    text, message = "\n".join(lines), "\n".join(known)
    parts = fold_known(segments(text, is_reply=True), (Known(message, message),))
    assert "\n".join(part.text for part in parts) == text
    if text.strip() and not has_marker(parts):
        assert new_text(parts)


def test_rows_of_two_cells_are_labels_and_values_and_layout_is_none() -> None:
    inner = "<table><tr><th>Nimi</th><td>Liisa<br>Laine</td></tr><tr><td>x</td></tr></table>"
    assert two_cell_rows(f"<table><tr><td>{inner}</td><td>y</td></tr></table>") == (("Nimi", "Liisa\nLaine"),)
    assert two_cell_rows("<div>" * 300) == ()
