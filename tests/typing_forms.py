"""What a browser sends of a page's form: what the page wrote in it, and what a person would type where it is empty."""

import uuid
from html.parser import HTMLParser
from urllib.parse import urljoin

from tests.cast import PASSWORD

SENTENCE = "Une phrase de plus."
TYPED = {
    "number": "80",
    "date": "2027-01-15",
    "time": "14:00",
    "password": PASSWORD,
    "email": "nouvelle@exemple.invalid",
}


class Forms(HTMLParser):
    """The forms of a page that are posted: [(action, {name: value or [values]})], filled."""

    def __init__(self, text: str):
        super().__init__()
        self.forms: list[tuple[str, dict]] = []
        self.inside, self.area, self.choice = False, "", None
        self.feed(text.partition("<main")[2])

    @property
    def data(self) -> dict:
        return self.forms[-1][1]

    def handle_starttag(self, tag, attributes):
        names = dict(attributes)
        if tag == "form" and (names.get("method") or "").lower() == "post":
            self.inside = True
            self.forms.append((names.get("action") or "", {}))
        elif self.inside and tag == "input" and "name" in names and "disabled" not in names:
            self.input(names)
        elif self.inside and tag == "textarea":
            self.area = names["name"]
            self.data[self.area] = ""
        elif self.inside and tag == "select":
            self.choice, self.data[names["name"]] = names["name"], ""
        elif tag == "option" and self.choice and ("selected" in names or not self.data[self.choice]):
            self.data[self.choice] = names.get("value") or ""

    def input(self, names):
        kind, name, value = names.get("type", "text"), names["name"], names.get("value") or ""
        if kind == "file" or name.endswith("-DELETE"):
            return
        if kind == "checkbox":
            self.data.setdefault(name, []).append(value or "on")
        elif kind == "radio":
            if "checked" in names or name not in self.data:
                self.data[name] = value
        else:
            self.data[name] = value or ("" if kind == "hidden" else TYPED.get(kind, ""))

    def handle_data(self, data):
        if self.area:
            self.data[self.area] += data

    def handle_endtag(self, tag):
        if tag == "textarea":
            self.data[self.area] = self.data[self.area].strip() or SENTENCE
            self.area = ""
        elif tag == "select":
            self.choice = None
        elif tag == "form":
            self.inside = False


def filled(client, path: str, *, page: str = "", typed=None) -> dict:
    """What is sent to `path`: the form of its page, or of `page`, filled, with `typed` over it.

    Of several, the last: the act follows what it asks to look at. Where no page shows one to this person, a number and
    what is typed. typed: over what was filled; or a function of it.
    """
    answer = client.get(page or path)
    data: dict = {"key": str(uuid.uuid4())}
    if answer.status_code in {200, 422} and "html" in answer.get("Content-Type", ""):
        for action, found in Forms(answer.content.decode()).forms:
            if urljoin(page or path, action).partition("?")[0] == path and "key" in found:
                data = found
    return data | (typed(data) if callable(typed) else typed or {})
