"""What a colleague wrote in their HTML is found in it and made anew; in all doubt it is not."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailcrm.ingest.formatting import counted, formatted
from mailcrm.ingest.html import html_to_text
from mailcrm.ingest.styles import colour_of, contrast, look_of

NOTICE = (
    "<div>— mailcrm: reply above this line · vastaa tämän rivin yläpuolelle —</div><table><tr><td>Your reply goes to Carol."
    '</td></tr><tr><td><a href="mailto:raaaaaaaaaaaaaaaaaaaaaaaaae@crm.firma.test">Internal note</a></td></tr>'
    "<tr><td>Stage: Assigned</td></tr></table>"
)


def shown(html: str, text: str, **pictures: str) -> str:
    found = formatted(html, text, pictures)
    return found.html if found else ""


# --- mail clients, each as it writes -------------------------------------------------------------------------------------

GMAIL = (
    '<div dir="ltr"><div>/won 12000</div><div><br></div><div>Hello <b>Carol</b>,</div><div><br></div><div>We offer '
    '<span style="background-color:rgb(255,255,0)">two</span>:</div><div><ul><li>a pump</li><li>a <i>valve</i></li></ul>'
    '<div>See <a href="https://firma.example/pumps?a=1&amp;b=2">our pumps</a>.</div></div></div><br>'
    '<div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">On Mon, 23 Nov 2026 at 10:00, Carol via '
    'Firma &lt;<a href="mailto:notify@crm.firma.test">notify@crm.firma.test</a>&gt; wrote:<br></div><blockquote '
    f'class="gmail_quote" style="margin:0px 0px 0px 0.8ex">{NOTICE}</blockquote></div>'
)
GMAIL_TEXT = "Hello *Carol*,\n\nWe offer two:\n\n   - a pump\n   - a *valve*\n\nSee our pumps <https://firma.example/pumps?a=1&b=2>."
OUTLOOK = (
    '<html xmlns:o="urn:schemas-microsoft-com:office:office"><head><style><!-- p.MsoNormal {margin:0cm} --></style></head>'
    "<body lang=EN-GB link=\"#0563C1\" style='word-wrap:break-word'><div class=WordSection1><p class=MsoNormal>Hello "
    "<b>Carol</b>,<o:p></o:p></p><p class=MsoNormal><o:p>&nbsp;</o:p></p><p class=MsoListParagraph style='margin-left:36.0pt;"
    "text-indent:-18.0pt;mso-list:l0 level1 lfo1'><![if !supportLists]><span style='font-family:Symbol'><span "
    "style='mso-list:Ignore'>·<span style='font:7.0pt \"Times New Roman\"'>&nbsp;&nbsp;&nbsp; </span></span></span><![endif]>"
    "a pump<o:p></o:p></p><table class=MsoTableGrid border=1 cellspacing=0 style='border-collapse:collapse;border:none'><tr>"
    "<td width=100 valign=top style='border:solid windowtext 1.0pt;padding:0cm 5.4pt'><p class=MsoNormal>Pump<o:p></o:p></p></td>"
    "<td style='border:solid windowtext 1.0pt'><p class=MsoNormal><span style='color:#C00000'>500 €</span><o:p></o:p></p></td></tr>"
    "</table><p class=MsoNormal><o:p>&nbsp;</o:p></p><div><div style='border:none;border-top:solid #E1E1E1 1.0pt;"
    "padding:3.0pt 0cm 0cm 0cm'><p class=MsoNormal><b>From:</b> Carol via Firma &lt;notify@crm.firma.test&gt;<br><b>Sent:</b> x"
    f"<br><b>To:</b> Alice<br><b>Subject:</b> Pump<o:p></o:p></p></div></div>{NOTICE}</div></body></html>"
)
OUTLOOK_TEXT = "Hello Carol,\n\n\n  *   a pump\nPump\n500 €"
OUTLOOK_WEB = (
    '<html><head><style type="text/css" style="display:none;"> P {margin-top:0;margin-bottom:0;} </style></head><body dir="ltr">'
    '<div class="elementToProof" style="font-family: Aptos, sans-serif; font-size: 12pt; color: rgb(0, 0, 0);">Hello <b>Carol</b>,'
    '</div><ol data-editing-info="{}"><li style="color: rgb(0, 0, 0);"><div class="elementToProof">10 pumps</div></li><li><div>'
    '2 <span style="color: rgb(12, 136, 42);">valves</span></div></li></ol><div class="elementToProof"><br></div>'
    '<div id="Signature"><p>Alice</p><img src="cid:logo@firma"></div><div id="appendonsend"></div><hr style="display:inline-block;'
    f'width:98%"><div id="divRplyFwdMsg" dir="ltr"><b>From:</b> Carol via Firma</div>{NOTICE}</body></html>'
)
OUTLOOK_WEB_TEXT = "Hello Carol,\n\n  1.  10 pumps\n  2.  2 valves"
APPLE = (
    '<html><head><meta http-equiv="content-type" content="text/html; charset=utf-8"></head><body style="overflow-wrap: break-word;'
    ' line-break: after-white-space;">Hello <b>Carol</b>,<div><br></div><div>This is the pump:</div><div><br></div><div>'
    '<img apple-inline="yes" id="A1" src="cid:A1-23@firma.test"></div><div><br></div><div><font color="#ff2600">It fits.</font>'
    '</div><div><br><blockquote type="cite"><div>On 23. Nov 2026, at 10.00, Carol via Firma wrote:</div><br '
    f'class="Apple-interchange-newline"><div>{NOTICE}</div></blockquote></div><br></body></html>'
)
APPLE_TEXT = "Hello Carol,\n\nThis is the pump:\n\n<pump.png>\n\nIt fits."
IPHONE = (
    '<html><head></head><body dir="auto"><div dir="ltr">Hello <b>Carol</b></div><div dir="ltr"><br></div><div dir="ltr">Alice</div>'
    '<div dir="ltr"><br><blockquote type="cite">On 23. Nov 2026, at 10.00, Carol via Firma wrote:<br><br></blockquote></div>'
    f'<blockquote type="cite"><div dir="ltr">{NOTICE}</div></blockquote></body></html>'
)
IPHONE_TEXT = "Hello Carol\n\nAlice"
THUNDERBIRD = (
    '<!DOCTYPE html><html><head><meta http-equiv="Content-Type" content="text/html; charset=UTF-8"></head><body><p>/won 12000</p>'
    "<p>Hello <b>Carol</b>, <i>thank you</i>!</p><p>The <u>price</u> is 500.</p>"
    '<div class="moz-cite-prefix">On 23/11/2026 10.00, Carol via Firma wrote:<br></div><blockquote type="cite" '
    f'cite="mid:1@crm.firma.test">{NOTICE}</blockquote></body></html>'
)
THUNDERBIRD_TEXT = "Hello *Carol*, /thank you/!\n\nThe _price_ is 500."
SAMSUNG = (
    '<html><head></head><body dir="auto"><div dir="auto">Hello <strong>Carol</strong></div><div dir="auto"><br></div>'
    '<div dir="auto" id="composer_signature"><div style="font-size:12px;color:#575757" dir="auto">Sent from my Galaxy</div></div>'
    '<div><br></div><div align="left" dir="auto" style="font-size:100%;color:#000000"><div>-------- Original message --------'
    f"</div><div>From: Carol via Firma</div></div>{NOTICE}</body></html>"
)
SAMSUNG_TEXT = "Hello Carol"
K9 = (
    '<!DOCTYPE html><html><body><div dir="auto">Hello <b>Carol</b>,<br><br>500 euros.</div><br><br><div class="gmail_quote">'
    '<div dir="auto">On 23 November 2026 10:00:00 EET, Carol via Firma wrote:</div><blockquote class="gmail_quote" '
    f'style="margin: 0pt 0pt 0pt 0.8ex">{NOTICE}</blockquote></div></body></html>'
)
K9_TEXT = "Hello Carol,\n\n500 euros."

CLIENTS = {
    "Gmail": (GMAIL, GMAIL_TEXT, ("<b>Carol</b>", "<li>a pump</li>", 'href="https://firma.example/pumps?a=1&amp;b=2"')),
    "Outlook": (OUTLOOK, OUTLOOK_TEXT, ("<b>Carol</b>", "• a pump", "<td", "#d04242")),
    "new Outlook": (OUTLOOK_WEB, OUTLOOK_WEB_TEXT, ("<b>Carol</b>", "<ol><li>", "#0c882a")),
    "Apple Mail": (APPLE, APPLE_TEXT, ("<b>Carol</b>", "cid:HASH", "#f52400")),
    "iPhone": (IPHONE, IPHONE_TEXT, ("<b>Carol</b>",)),
    "Thunderbird": (THUNDERBIRD, THUNDERBIRD_TEXT, ("<b>Carol</b>", "<i>thank you</i>", "<u>price</u>")),
    "Samsung": (SAMSUNG, SAMSUNG_TEXT, ("<b>Carol</b>",)),
    "K-9": (K9, K9_TEXT, ("<b>Carol</b>",)),
}


@pytest.mark.parametrize("client", CLIENTS)
def test_what_was_newly_written_keeps_its_looks_and_nothing_else_is_there(client: str) -> None:
    html, text, kept = CLIENTS[client]

    found = shown(html, text, **{"A1-23@firma.test": "HASH", "logo@firma": "LOGO"})

    assert all(one in found for one in kept), found
    for inside in ("mailcrm", "Stage", "raaaa", "notify@", "/won", "wrote", "Original", "LOGO", "class=", "Galaxy"):
        assert inside not in found
    assert counted(html_to_text(found)) in (counted(text), counted(_without_drawing(text)))


def _without_drawing(text: str) -> str:
    return re.sub(r"<[^>]*>|(?m:^ +\d\. )|/(?=thank|!)", "", text)


@pytest.mark.parametrize("client", CLIENTS)
def test_an_answer_between_the_quoted_lines_leaves_as_text(client: str) -> None:
    html, text, _ = CLIENTS[client]
    interleaved = html.replace("<tr><td>Stage", "</table><p>Answer two</p><table><tr><td>Stage")

    assert shown(interleaved, f"{text}\n\nAnswer two") == ""


# --- doubt -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>We offer 500.</p>", "We offer 600."),
        ("<p>We offer 500.</p>", "We offer 500. Alice"),
        ("<p>We offer 500. Do not tell.</p>", "We offer 500."),
        ("<p>OK</p><blockquote><p>OK</p></blockquote>", "OK"),
        ("<p>We <span>secretly</span> offer 500.</p>", "We offer 500."),
        ("<p>We</p><p>secretly</p><p>offer</p>", "We\noffer"),
        ("<p>/won 5</p>", "won 5"),
        ("<p></p>", "Hello"),
        ("<p>Hello</p>", ""),
        ("", "Hello"),
        ("<p>Hello</p>" + "<b>" * 200, "Hello"),
        ("<p>Hello</p>" + "x" * 200_001, "Hello"),
    ],
)
def test_where_text_and_html_differ_only_the_text_leaves(html: str, text: str) -> None:
    assert formatted(html, text, {}) is None


def test_below_the_marker_of_a_notice_nothing_is_read() -> None:
    """However long the thread is that a mail program quotes; and what stands in it again is no second place."""
    html = f"<p>Thank <b>you</b></p><div>{NOTICE}{'<p>Thank you</p>' * 8_000}</div>"

    assert shown(html, "Thank you") == "<p>Thank <b>you</b></p>"
    assert shown(html.replace("<p>Thank <b>you</b></p>", ""), "Thank you") == ""


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<ol><li>10 pumps</li></ol>", "1. 10 pumps"),
        ("<p>1. 10 pumps</p>", "1. 10 pumps"),
        ("<ol><li>a pump</li></ol>", "a. a pump"),
        ("<p><i>one</i> and/or <i>two</i></p>", "/one/ and/or /two/"),
        ("<p>iv. <b>x</b></p>", "iv. *x*"),
    ],
)
def test_numbers_of_lists_and_slashes_that_clients_draw_count_where_the_html_has_them(html: str, text: str) -> None:
    assert formatted(html, text, {}) is not None


def test_a_text_that_stands_there_many_times_over_takes_no_time() -> None:
    assert formatted("<p>aaaaaaaaa</p>" * 9_000, "a" * 30_000 + "b", {}) is None


# --- what is never written -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hidden",
    [
        '<span style="display:none">SECRET</span>',
        '<span style="DISPLAY : NONE !important">SECRET</span>',
        '<span style="display:/**/none">SECRET</span>',
        '<span style="font-size:0">SECRET</span>',
        '<span style="font-size:0.5px">SECRET</span>',
        '<span style="visibility:hidden">SECRET</span>',
        '<span style="opacity:0.01">SECRET</span>',
        '<span style="color:transparent">SECRET</span>',
        '<span style="mso-hide:all">SECRET</span>',
        '<div style="max-height:0;overflow:hidden">SECRET</div>',
        '<div style="height:0px;overflow:hidden">SECRET</div>',
        '<div style="position:absolute;left:-9999px">SECRET</div>',
        '<div style="text-indent:-9999px">SECRET</div>',
        "<div hidden>SECRET</div>",
        "<!-- SECRET -->",
        "<!--[if mso]>SECRET<![endif]-->",
        "<title>SECRET</title>",
        "<script>SECRET</script>",
        "<style>SECRET</style>",
        "<noscript>SECRET</noscript>",
        "<template>SECRET</template>",
        "<svg><text>SECRET</text></svg>",
        "<textarea>SECRET</textarea>",
        '<input value="SECRET">',
        '<img src="https://track.example/SECRET.gif" alt="SECRET">',
        '<img src="data:image/png;base64,SECRET" title="SECRET">',
        '<img src="cid:unknown" alt="SECRET">',
        '<span title="SECRET" class="SECRET" id="SECRET" data-x="SECRET" aria-label="SECRET" lang="SECRET"></span>',
        '<a name="SECRET"></a>',
        '<a href="javascript:SECRET"></a>',
        '<iframe src="https://SECRET"></iframe>',
        '<object data="SECRET"></object>',
        '<span style="background-image:url(https://SECRET)"></span>',
        '<span style="font-family:SECRET;content:SECRET"></span>',
        '<table summary="SECRET" background="SECRET"></table>',
        '<td abbr="SECRET">',
        '<font face="SECRET"></font>',
        '<secret-tag secret="SECRET"></secret-tag>',
        "<input type=hidden value=SECRET>",
    ],
)
def test_hidden_text_and_everything_that_is_no_formatting_is_left_out(hidden: str) -> None:
    found = shown(f"<p>We <b>offer</b> {hidden} 500.</p><p>Alice</p>", "We offer 500.\nAlice")

    assert "SECRET" not in found
    assert "secret" not in found.lower()
    assert "<b>offer</b>" in found


@pytest.mark.parametrize(
    ("href", "kept"),
    [
        ("https://firma.example/a?b=c#d", "https://firma.example/a?b=c#d"),
        (" HTTPS://firma.example ", "HTTPS://firma.example"),
        ("mailto:sales@firma.example", "mailto:sales@firma.example"),
        ("mailto:sales@firma.example?subject=x&body=SECRET", "mailto:sales@firma.example"),
        ("mailto:a@firma.example,b@firma.example", ""),
        ("https://user:password@firma.example/", ""),
        ("javascript:alert(1)", ""),
        ("java\nscript:alert(1)", ""),
        ("data:text/html,SECRET", ""),
        ("file:///c:/SECRET", ""),
        ("//firma.example", ""),
        ("https://firma.example/" + "x" * 2_000, ""),
        ("#SECRET", ""),
    ],
)
def test_links_lead_to_pages_and_addresses_only(href: str, kept: str) -> None:
    found = shown(
        f'<p>See <a href="{href}" title="SECRET" target="_blank" ping="https://SECRET">this</a>.</p>', "See this."
    )

    assert re.findall(r'href="([^"]*)"', found) == ([kept] if kept else [])
    assert "SECRET" not in found
    assert "this" in found


@pytest.mark.parametrize(
    ("style", "kept"),
    [
        ("color:#c00000", "color:#d04242"),
        ("color:blue", "color:#6161ff"),
        ("color:orange", "color:#ad7000"),
        ("color:#0c882a", "color:#0c882a"),
        ("color:white", ""),
        ("color:#fefefe;font-size:12px", ""),
        ("color:black", ""),
        ("background-color:yellow", "background-color:#ffff00;color:#000000"),
        ("background:navy;color:white", "background-color:#000080;color:#ffffff"),
        ("background:navy;color:navy", "background-color:#000080;color:#ffffff"),
        ("color:var(--x)", ""),
        ("color:rgba(255,0,0,0)", ""),
        ("behavior:url(x)", ""),
    ],
)
def test_colours_stay_where_they_can_be_read(style: str, kept: str) -> None:
    found = shown(f'<p>We <span style="{style}">offer</span>.</p>', "We offer.")

    assert re.findall(r'style="([^"]*)"', found) == ([kept] if kept else [])


def test_looks_written_as_styles_become_plain_tags() -> None:
    html = (
        '<p><span style="font-weight:700">a</span><span style="font-style:italic">b</span><span style="text-decoration:'
        'underline line-through">c</span><b style="font-weight:normal">d</b></p>'
    )
    assert shown(html, "abcd") == "<p><b>a</b><i>b</i><u><s>c</s></u>d</p>"


def test_letters_that_nobody_sees_are_not_written() -> None:
    assert shown("<p>We\u200b of\u00adfer\u202e 5\u200d00</p>", "We offer 500") == "<p>We offer 500</p>"


def test_signs_of_html_in_the_text_stay_text() -> None:
    assert shown("<p>a &lt;b&gt; &amp;lt; &quot;c&quot;</p>", 'a <b> &lt; "c"') == '<p>a &lt;b&gt; &amp;lt; "c"</p>'


def test_pictures_stay_where_they_were_put() -> None:
    html = '<p><img src="cid:one"></p><p>Two <img src="cid:two"> pictures</p><p><img src="cid:three"></p><p>Alice</p>'

    found = formatted(html, "Two [image: x.png] pictures", {"one": "1", "two": "2", "three": "3"})

    assert found is not None
    assert found.shown == {"1", "2", "3"}
    assert "Alice" not in found.html


def test_a_logo_in_what_is_called_a_signature_is_no_part_of_the_letter() -> None:
    html = '<p>Hello</p><div class="gmail_signature"><img src="cid:one"></div>'

    found = formatted(html, "Hello", {"one": "1"})

    assert found is not None
    assert found.shown == frozenset()


# --- whatever is written, and wherever something is hidden -----------------------------------------------------------------

_WORDS = st.sampled_from(
    ["pump", "valve", "500 €", "<b>", "&amp;", "Hyvää", "päivää", "/etc", "1.", "-", "*", "“x”", "\u00a0", "😀"]
)
_AROUND = st.sampled_from(
    ["{}", "<b>{}</b>", "<i>{}</i>", '<span style="color:red">{}</span>', '<a href="https://x.example/">{}</a>']
)
_LINE = st.lists(st.tuples(_WORDS, _AROUND), min_size=1, max_size=6)
_SECRET = "canary77"
_PLACES = st.sampled_from(
    [
        "<!--{}-->", "<p hidden>{}</p>", '<span style="display:none">{}</span>', '<img src="x" alt="{}">', '<b title="{}"></b>',
        '<a href="#{}"></a>', '<i class="{}" id="{}"></i>', "<script>{}</script>", '<span style="font-size:0px">{}</span>',
        '<p style="font-family:{}"></p>', "<style>.{}</style>", '<img src="cid:{}">', '<td headers="{}"></td>', "<title>{}</title>",
        '<a href="mailto:x@y.example?body={}"></a>', "<p>{}</p>", "<div>/note {}</div>", "<p>canary<b></b>77{}</p>",
        "<p>can\u200bary77{}</p>", "<p>&#99;anary77{}</p>", "<blockquote><blockquote>{}</blockquote></blockquote>",
    ]
)  # fmt: skip


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_LINE, min_size=1, max_size=5), st.lists(st.tuples(st.integers(0, 9), _PLACES), max_size=4))
def test_nothing_that_the_text_does_not_say_is_ever_written(
    written: list[list[tuple[str, str]]], hidden: list[tuple[int, str]]
) -> None:
    """Whatever stands hidden or openly beside the text: its letters are the text's, its attributes are ours."""
    text = "\n".join(" ".join(word for word, _ in line) for line in written)
    blocks = [f"<p>{' '.join(around.format(_escaped(word)) for word, around in line)}</p>" for line in written]
    for place, kind in hidden:
        blocks.insert(place % (len(blocks) + 1), kind.replace("{}", _SECRET))

    found = formatted("".join(blocks), text, {})

    if found is None:
        return
    assert _SECRET not in re.sub(r"<[^>]*>|[\u200b\xad]", "", found.html)
    assert _SECRET not in found.html
    assert counted(html_to_text(found.html)) == counted(text)


def test_a_plain_letter_is_found_in_most_of_that() -> None:
    assert shown("<p>Hyvää <b>päivää</b></p><!--canary77-->", "Hyvää päivää") == "<p>Hyvää <b>päivää</b></p>"


@given(st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255)))
def test_a_colour_that_is_kept_can_be_read_on_a_light_and_on_a_dark_screen(colour: tuple[int, int, int]) -> None:
    found = look_of("span", {"style": f"color:rgb{colour}"}).inline_style
    if found:
        kept = colour_of(found)
        assert kept is not None
        assert min(contrast(kept, (255, 255, 255)), contrast(kept, (18, 18, 18))) >= 3.9
