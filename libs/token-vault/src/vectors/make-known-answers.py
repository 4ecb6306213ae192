"""Makes known-answers.json, beside this file: sealed values by a program that shares nothing with the vault.

HKDF is written out over HMAC (RFC 5869), AES-256-GCM comes from OpenSSL by python3-cryptography. The format is the one
that ../../README.md describes. Run it with: python3 make-known-answers.py > known-answers.json
"""

import base64
import hashlib
import hmac
import json

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def hkdf(key, salt, info, length):
    extracted = hmac.new(salt, key, hashlib.sha256).digest()
    out, block, count = b"", b"", 0
    while len(out) < length:
        count += 1
        block = hmac.new(extracted, block + info + bytes([count]), hashlib.sha256).digest()
        out += block
    return out[:length]


def length_prefixed(items):
    encoded = [item.encode("utf-8") for item in items]
    return b"".join(len(item).to_bytes(4, "big") + item for item in encoded)


def seal(key_id, key, salt, context, plain):
    derived = hkdf(key, salt, b"hub/1 aes-256-gcm" + key_id.encode("ascii"), 76)
    sealed = AESGCM(derived[:32]).encrypt(derived[64:], plain, context)
    body = base64.urlsafe_b64encode(salt + derived[32:64] + sealed).rstrip(b"=").decode("ascii")
    return "hub1." + key_id + "." + body


def drawn(label, length=32):
    """Bytes that look random and are the same each time."""
    return hashlib.sha512(label.encode("utf-8")).digest()[:length]


CELLS = [
    ("integrations", "access_token", "google_drive", "ya29.a0-short"),
    ("integrations", "refresh_token", "shopify", "shprt_" + "0" * 64),
    ("integrations", "access_token", "notion", ""),
    ("integrations", "access_token", "notion", "x"),
    ("integrations", "access_token", "shopify", "exactly 16 bytes"),
    ("integrations", "access_token", "shopify", "t" * 4096),
    ("flows", "pkce_verifier", "google_drive", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
    ("token_inbox", "access_token", "zapier", "äöü 漢字 🔑 \n\"\\"),
]
ORG = "6b1f3c9e-2f5d-4c1a-9b7e-0d3a5e8c7f21"
ROW = "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9"


def cases():
    for place, (table, column, provider, secret) in enumerate(CELLS):
        for key_id in ("d1a2b3c4-0000-4000-8000-000000000001", "k1"):
            key, salt = drawn("key " + key_id), drawn(f"salt {key_id} {place}")
            items = ["hub/1", "aes-256-gcm+hkdf", key_id, table, column, ORG, provider, ROW]
            yield {
                "keyId": key_id,
                "key": key.hex(),
                "cell": {"table": table, "column": column, "orgId": ORG, "provider": provider, "rowId": ROW},
                "secret": secret,
                "sealed": seal(key_id, key, salt, length_prefixed(items), secret.encode("utf-8")),
            }


def wrapped_keys():
    """Data keys as the keyring of TOKEN_KEYS wraps them."""
    for place, key_id in enumerate(("k1", "2026-11")):
        data_key_id = f"d1a2b3c4-0000-4000-8000-00000000000{place}"
        key, salt, data_key = drawn("key " + key_id), drawn(f"salt {place}"), drawn("data key " + key_id)
        items = ["hub/1 data key", "aes-256-gcm+hkdf", key_id, ORG, data_key_id, "local"]
        yield {
            "keyId": key_id,
            "key": key.hex(),
            "name": {"orgId": ORG, "id": data_key_id},
            "dataKey": data_key.hex(),
            "wrapped": seal(key_id, key, salt, length_prefixed(items), data_key),
        }


answers = {"cells": list(cases()), "wrappedKeys": list(wrapped_keys())}
print(json.dumps(answers, indent=2, ensure_ascii=False))
