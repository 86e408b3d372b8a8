"""The templates of mails: loaded once, styles inlined once, one environment per language.

``templates/mail/<kind>/{subject.txt,body.txt,body.html}`` beside the package in a checkout, ``mailcrm/_templates`` in a wheel.
HTML is autoescaped, an unknown name is an error. Only our own template files pass through the style inliner, never a mail's
content: it would crash on deeply nested tags.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import css_inline
from jinja2 import DictLoader, Environment, StrictUndefined

from mailcrm.i18n import LOCALES, known_locale, translator

_TAG = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL)
_PLACE = re.compile(r"<!--jinja(\d+)-->|jinja(\d+)place")


@dataclass(frozen=True, slots=True)
class Rendered:
    subject: str
    text: str
    html: str


class Templates:
    """All mail templates of all languages; ``render`` may be called from any thread."""

    def __init__(self, folder: Path | None = None) -> None:
        sources = _sources(folder or template_folder())
        self._environments = {locale: _environment(locale, sources) for locale in LOCALES}

    def render(self, kind: str, locale: str, values: Mapping[str, object]) -> Rendered:
        environment = self._environments[known_locale(locale)]
        subject, text, html = (environment.get_template(f"{kind}/{part}") for part in _PARTS)
        return Rendered(subject.render(values).strip(), text.render(values), html.render(values))


_PARTS = ("subject.txt", "body.txt", "body.html")


def template_folder() -> Path:
    """Where the mail templates are: a checkout's, else the installed ones."""
    package = Path(__file__).resolve().parent.parent
    checkout = package.parent / "templates" / "mail"
    return checkout if checkout.is_dir() else package / "_templates" / "mail"


def _sources(folder: Path) -> dict[str, str]:
    css = (folder / "mail.css").read_text("utf-8")
    paths = sorted(path for path in folder.rglob("*") if path.suffix in (".txt", ".html"))
    return {path.relative_to(folder).as_posix(): _source(path, css) for path in paths}


def _source(path: Path, css: str) -> str:
    source = path.read_text("utf-8")
    return inlined(source, css) if path.suffix == ".html" else source


def inlined(source: str, css: str) -> str:
    """A template with its classes' styles written into the elements; what Jinja will read is left as it is.

    A tag between elements becomes a comment meanwhile, since the HTML parser would move text out of a table.
    """
    held: list[str] = []

    def hold(found: re.Match[str]) -> str:
        held.append(found[0])
        is_value = found[0].startswith("{{")
        return f"jinja{len(held) - 1}place" if is_value else f"<!--jinja{len(held) - 1}-->"

    safe = _TAG.sub(hold, source)
    inliner = css_inline.CSSInliner(load_remote_stylesheets=False, extra_css=css)
    done = inliner.inline(safe) if "<html" in safe else inliner.inline_fragment(safe, css)
    return _PLACE.sub(lambda found: held[int(found[1] or found[2])], done)


def _environment(locale: str, sources: Mapping[str, str]) -> Environment:
    environment = Environment(
        loader=DictLoader(dict(sources)),
        autoescape=lambda name: bool(name and name.endswith(".html")),  # noqa: S701  # plain text is not markup
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        extensions=["jinja2.ext.i18n"],
    )
    words = translator(locale)
    install = environment.install_gettext_callables  # type: ignore[attr-defined]  # added by the extension
    install(words.gettext, words.ngettext, newstyle=True)
    for name in sources:
        environment.get_template(name)
    return environment
