"""Random access tokens near the edges of what PyJWT accepts, as `Authorization` headers."""

import base64
import datetime
import hashlib
import hmac
import json
import os

SECRET_KEY = "vector-secret-key-0123456789abcdef0123456789abcdef"
# A scorer that runs by the clock of the machine needs tokens of today.
NOW = datetime.datetime.fromisoformat(os.environ.get("VECTOR_NOW", "2026-01-15T12:00:00.123456+00:00"))


def pick(r, values):
    return values[r.randrange(len(values))]


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Members(list):
    """An object with repeated names."""


def dumps(r, value, ascii_only):
    if isinstance(value, Members):
        return "{" + pick(r, [", ", ",", " ,\n"]).join(json.dumps(k) + ": " + dumps(r, v, ascii_only) for k, v in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(dumps(r, v, ascii_only) for v in value) + "]"
    return json.dumps(value, ensure_ascii=ascii_only)


def claims(r):
    now = int(NOW.timestamp())
    future, past = now + 10 ** 6, now - 10 ** 6
    times = [future, past, float(future), float(past) + 0.5, str(future), str(past), " %d " % past, "1_0", "abc", "", None, True, False, [], {}, [1], float("nan"), float("inf"),
             -float("inf"), 253402300799, 253402300800, 253402300799.9, 253402300799.9999995, 1e20, -1, -1e20, 10 ** 400, "9" * 4301, "\u0661", 1e300, -62135596801, 0, "\ud800", "1.0"]
    members = Members()
    for name, good in [("token_type", "access"), ("exp", future), ("iat", past), ("jti", "aa"), ("did", "did:pkh:eip155:1:0x" + "ab" * 20)]:
        if r.random() < 0.08:
            continue
        value = good
        if r.random() < 0.15:
            value = pick(r, times) if name in ("exp", "iat") else pick(r, [None, 1, "Access", "refresh", "", [], "access", True, "\x00", {}, "a:b"])
        members.append((name, value))
        if r.random() < 0.03:
            members.append((name, good))
    for name in ["nbf", "sub", "aud", "iss"]:
        if r.random() < 0.08:
            members.append((name, pick(r, times + ["x", "y"])))
    return members


def token(r):
    header = Members([("alg", "HS256"), ("typ", "JWT")])
    if r.random() < 0.12:
        header = Members([("alg", pick(r, ["HS256", "none", "HS512", "hs256", "RS256", None, 1, "", [], "HS256 "]))])
    if r.random() < 0.12:
        header.append(pick(r, [("b64", False), ("b64", True), ("b64", 0), ("kid", 1), ("kid", "a"), ("crit", ["x"]), ("crit", []), ("typ", 1), ("alg", "HS256"), ("b64", None), ("b64", "false")]))
    head = dumps(r, header, True)
    body = dumps(r, claims(r), r.random() < 0.7)
    if r.random() < 0.05:
        body = pick(r, ["[]", "1", "null", "", "{", '"x"', "{}", body + " ", body + "x", "\ufeff" + body])
    if r.random() < 0.04:
        head = pick(r, ["[]", "1", "null", "", "{", '"x"', "{}", head + " ", "\ufeff" + head])
    encoding = r.choice(["utf-8"] * 20 + ["utf-16", "utf-32", "utf-16-le", "latin-1"])
    try:
        raw = body.encode(encoding, "surrogatepass")
    except UnicodeEncodeError:
        raw = body.encode("utf-8", "surrogatepass")
    signed = b64(head.encode("utf-8", "surrogatepass")) + "." + b64(raw)
    if r.random() < 0.06:
        at = r.randrange(len(signed) + 1)
        signed = signed[:at] + pick(r, ["=", "!", ".", "-", " ", "A", "==", "+", "/", "\u00e9"]) + signed[at:]
    key = SECRET_KEY if r.random() < 0.96 else "other"
    signature = b64(hmac.new(key.encode(), signed.encode("utf-8"), hashlib.sha256).digest())
    whole = signed + "." + signature
    for _ in range(r.choice([0] * 8 + [1, 1, 2])):
        at = r.choice([len(whole), r.randrange(len(whole) + 1)])
        whole = whole[:at] + pick(r, ["=", "!", "!!!!", ".", "-", "_", " ", "A", "==", "===", "=A", "+", "/", "", "\t", "\u00e9", "=A=="]) + whole[at + r.choice([0, 0, 0, 1]):]
    return whole


def authorization(r):
    """The value of the header."""
    scheme = r.choice(["Bearer "] * 14 + ["bearer ", "BEARER ", "Bearer  ", "Token ", "Bearer", "", "Bearer\t", "B\u00e9arer "])
    return scheme + token(r)
