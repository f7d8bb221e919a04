"""What comes from outside and is nested, or holds what nothing can store: refused where it is read, never a 500."""

import ast
import json
import time

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from contracts.code import plain_yaml, publiccode, sbom
from contracts.models import StripeEvent
from demo import purchases
from marketplace.files.documents import MOST_DEPTH, read_json
from tests.test_architecture import code, name_of, parsed
from tools.stripe_standin import webhooks as stripe_side

SECRET = "whsec_essai"
DEPTHS = (MOST_DEPTH, 330, 900, 990, 1_100, 60_000)


def lists(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def objects(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


UNSTORABLE = [
    b'"\\ud800"',
    b'"a\\udfffb"',
    b'"\\u0000"',
    b'"\\\\\\u0000"',
    b'{"\\ud83d": 1}',
    b"NaN",
    b"-Infinity",
    b"1e",
]


# --- The one reader --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("shape", [lists, objects])
def test_depth_is_bounded(shape, depth):
    with pytest.raises(ValueError):
        read_json(b'{"inside": %s}' % shape(depth))


def test_what_is_honest_is_read():
    assert read_json(lists(MOST_DEPTH - 1)) == json.loads(lists(MOST_DEPTH - 1))
    said = {"é": ["🎉", "a\\u0000b", "\\", None, 1.5, {"x": []}]}
    for text in (json.dumps(said), json.dumps(said, ensure_ascii=False)):
        assert read_json(text.encode()) == said
        assert read_json(b"\xef\xbb\xbf" + text.encode()) == said


@pytest.mark.parametrize("blob", [*UNSTORABLE, b"", b"{", b"\xff\xfe", b"\xed\xa0\x80", b"1" * 5_000])
def test_what_nothing_can_store_is_not_read(blob):
    with pytest.raises(ValueError):
        read_json(blob)


# --- Each door -------------------------------------------------------------------------------------------------------
@pytest.fixture
def stripe_event(db, client, settings):
    settings.STRIPE_WEBHOOK_SECRET = SECRET

    def post(body: bytes) -> int:
        signature = stripe_side.sign(body, SECRET, int(time.time()))
        return client.post(
            "/stripe/evenements", body, content_type="application/json", headers={"Stripe-Signature": signature}
        ).status_code

    return post


EVENT = (
    b'{"id":"evt_1","object":"event","type":"charge.succeeded","created":1797600000,'
    b'"data":{"object":{"id":"ch_1","object":"charge","metadata":{"payment":"x"},"more":%s}}}'
)


def test_a_correctly_signed_event_nested_or_unstorable_is_refused(stripe_event):
    bodies = [EVENT % shape(depth) for shape in (lists, objects) for depth in (1_100, 30_000)]
    bodies += [lists(60_000), b"[" * 60_000, b'{"a":' * 30_000, *(EVENT % value for value in UNSTORABLE)]
    for body in bodies:
        assert stripe_event(body) == 400, body[:80]
    assert len(bodies) == 15 and not StripeEvent.objects.exists()
    assert stripe_event(EVENT % b"1") == 200


@pytest.mark.django_db
@pytest.mark.parametrize("value", [*(lists(d) for d in DEPTHS), *(objects(d) for d in DEPTHS), *UNSTORABLE])
def test_a_receipt_nested_or_unstorable_is_no_receipt(client, value):
    blob = b'{"type":"dan-receipt/1","number":%s}' % value
    pasted = client.post("/verifier/", {"text": blob.decode()})
    sent = client.post("/verifier/", {"file": SimpleUploadedFile("accuse.json", blob)})
    assert (pasted.status_code, sent.status_code) == (422, 422)


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_bill_of_materials_nested_is_not_read(depth):
    for value in (lists(depth), objects(depth)):
        with pytest.raises(sbom.SbomError):
            sbom.read(b'{"bomFormat":"CycloneDX","specVersion":"1.5","components":[],"x":%s}' % value)


@pytest.mark.parametrize("depth", [plain_yaml.MAX_DEPTH + 2, 330, 1_100, 60_000])
def test_yaml_nested_is_not_read(depth):
    for text in (b"a: " + lists(depth), b"a: " + b"{a: " * depth + b"1" + b"}" * depth, b"- " * depth + b"x"):
        with pytest.raises(plain_yaml.YamlError):
            plain_yaml.load(text)
        assert publiccode.validate(text).errors


@pytest.mark.parametrize("depth", [330, 60_000])
def test_past_purchases_nested_are_not_replayed(tmp_path, depth):
    file = tmp_path / "achats.json"
    file.write_bytes(b'{"purchases": %s}' % lists(depth))
    with pytest.raises(purchases.Malformed):
        purchases.read(file)


# Who reads JSON or YAML by the library itself, and why it may.
OURS = {
    "demo/purchases.py": "the operator's own file; a deep nest is refused there too, and repeated keys",
    "marketplace/files/documents.py": "the one reader",
    "proposals/deposit/sealing.py": "what we sealed, and found whole under its key",
    "contracts/code/plain_yaml.py": "the events of YAML, bounded",
}


def test_nobody_else_parses():
    seen, readers = 0, set()
    for path in code():
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call):
                seen += 1
                name = ast.unparse(node.func)
                if name in {"json.load", "json.loads", "json.JSONDecoder"} or name.startswith(
                    ("yaml.", "stripe.Event")
                ):
                    readers.add(name_of(path))
                assert not name.endswith("construct_event"), path
    assert seen > 5_000 and readers == set(OURS)
