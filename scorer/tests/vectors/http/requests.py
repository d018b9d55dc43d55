"""Random requests near the edges of what the frameworks and the server decide, as bytes."""

import json
import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parent.parent))

import tokens
from tokens import Members, dumps, pick

TOKEN = "vector-internal-token"
ADDRESSES = ["0x" + "ab12" * 10, "0X" + "AB12" * 10, "ab12" * 10, "0x" + "1" * 40, "0x" + "g" * 40, "0x12", "0x" + "AB" * 20,
             "0x" + "ab" * 20 + "0", "\u212a" * 40, "0x" + "ab" * 19 + "\uff11\uff11"]
INTS = ["1", "0", "-0", "-1", "+1", "01", "1.0", "1.", ".0", "1e3", "1_0", "1__0", "_1", " 1", "1 ", "1%0A", "%201", "%C2%A01", "%C2%851", "%1C1",
        "abc", "", "9" * 19, "9" * 51, "9" * 4300, "9" * 4301, "-" + "9" * 4300, "%D9%A1", "1.000", "1.0_0", "0x1", "--1", "+-1", "0-1", "1%00", "1+1",
        "1.5", "true", "null", "NaN", "1;", "1%2F2", "%31"]
ODD = ["%00", "%ff", "%FF%fe", "%c3%bc", "%C3", "%zz", "%", "%2", "%2F", "%2f", "%25", "%2523", "%23", "#", "#a", ";x", ";", "+", "%20", "%0A", "%7F",
       "~", "'", '"', "<", ">", "{", "}", "|", "\\", "^", "`", "//", "/", "/.", "/..", ".", "..", "%ed%a0%80", "%F0%9F%98%80", "%e2%80%a8", "=", "&", ":", "@",
       "*", "[", "]", "%5B", "!", "$", ",", "%41", "%C0%80", "%f4%90%80%80", "%EF%BB%BF"]


def scalar(r):
    return r.choice([lambda: None, lambda: True, lambda: False, lambda: 0, lambda: 1, lambda: -1, lambda: 1.0, lambda: 1.5,
                     lambda: float("nan"), lambda: float("inf"), lambda: -float("inf"), lambda: 10 ** 30, lambda: 2 ** 63, lambda: float(2 ** 63),
                     lambda: "", lambda: "1", lambda: " 1 ", lambda: "1_0", lambda: "abc", lambda: "\u00e9\x7f\U0001f600", lambda: "\x00",
                     lambda: "\ud800", lambda: "did:pkh:eip155:1:0x" + "ab" * 20, lambda: "1.0", lambda: -1.0, lambda: 1e300, lambda: "9" * 4301,
                     lambda: "-" + "9" * 4300, lambda: "0" * 20 + "1", lambda: [], lambda: {}, lambda: [1], lambda: {"a": 1}, lambda: "\u0661",
                     lambda: "1.000", lambda: "\u00a01", lambda: "\x1c1", lambda: 5e-324, lambda: "\ud83d\ude00", lambda: "\ude00\ud83d"])()


def text(r):
    alphabet = ["a", "b", "A", ":", "0x" + "ab" * 20, "\u00e9", "\x7f", "\u2028", '"', "\\", "/", "\n", "\t", "\x1f", "\U0001f600", "<", "&", "\ufffd", "\x80", "\ud800", "\x00"]
    weights = [8] * 19 + [1, 1]
    return "".join(r.choices(alphabet, weights, k=r.randrange(6)))


def maybe(r, value, chance=0.15):
    return scalar(r) if r.random() < chance else value


def dict_of(r, fields):
    """An object with some fields gone, strange, repeated, or unknown."""
    members = []
    for name, value in fields:
        if r.random() < 0.07:
            continue
        members.append((name, maybe(r, value, 0.12)))
        if r.random() < 0.03:
            members.append((name, scalar(r)))
    if r.random() < 0.1:
        members.append(("extra", scalar(r)))
    if r.random() < 0.1:
        r.shuffle(members)
    return Members(members)


def listed(r, make):
    count = r.choice([0, 1, 1, 2, 3, 5] + ([101] if r.random() < 0.1 else []))
    return [maybe(r, make(), 0.08) for _ in range(count)]


def payload(r, kind):
    if kind == "bans":
        subject = text(r)
        value = listed(r, lambda: dict_of(r, [("credentialSubject", dict_of(r, [
            ("hash", r.choice([text(r), "v0:abc", text(r), text(r)])), ("provider", r.choice([text(r), None])), ("id", subject if r.random() < 0.9 else text(r))]))]))
    elif kind == "revocations":
        value = dict_of(r, [("proof_values", listed(r, lambda: text(r)))])
    elif kind == "stamps":
        value = dict_of(r, [("scorer_id", scalar(r)), ("stamps", listed(r, lambda: scalar(r)))])
    elif kind == "bulk":
        value = listed(r, lambda: dict_of(r, [("address", r.choice([None, "0x1"])), ("provider", text(r)), ("stamp", scalar(r))]))
    else:
        value = dict_of(r, [("alternate_scorer_id", scalar(r))])
    value = maybe(r, value, 0.06)
    try:
        body = dumps(r, value, r.random() < 0.6)
    except ValueError:
        body = "null"
    for _ in range(r.choice([0] * 12 + [1, 1, 2])):
        at = r.randrange(len(body) + 1)
        body = body[:at] + pick(r, ["", ",", "]", "}", "{", "[", '"', "\\", "\\u12", "\\ud800", "1", "-", "e", ".", "NaN", "\t", "\n", "\x00", "\x0c", "\u00e9", "01", "/**/", "'", "\ufeff", " "]) + body[at + r.randrange(2):]
    name = r.choice(["utf-8"] * 12 + ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
    raw = body.encode(name, "surrogatepass")
    if r.random() < 0.04:
        at = r.randrange(len(raw) + 1)
        raw = raw[:at] + pick(r, [b"\xff", b"\x80", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\x00", b"\xef\xbb\xbf"]) + raw[at:]
    if r.random() < 0.02:
        raw = b""
    if r.random() < 0.01:
        raw = pick(r, [b" ", b"\n", b"[" * 100 + b"]" * 100, b"9" * 4301, b"[" * 3000])
    return raw


def authorization(r, kind):
    if kind == "jwt":
        return tokens.authorization(r)
    value = TOKEN
    if r.random() < 0.12:
        value = pick(r, ["", " ", TOKEN + " ", " " + TOKEN, "\t" + TOKEN + "\t", TOKEN.upper(), "Bearer " + TOKEN, TOKEN + "x", TOKEN[:-1], "abc", TOKEN + "," + TOKEN, TOKEN + "\u00a0", TOKEN + "\u0085"])
    return value


def mutated_path(r, path):
    if r.random() < 0.75:
        return path
    for _ in range(r.choice([1, 1, 2])):
        at = r.choice([len(path), r.randrange(len(path) + 1)])
        if r.random() < 0.2 and at < len(path):
            path = path[:at] + "%%%02x" % ord(path[at]) + path[at + 1:] if ord(path[at]) < 128 else path
        else:
            path = path[:at] + pick(r, ODD) + path[at + r.choice([0, 0, 1]):]
    return path


def query(r, names):
    if r.random() < 0.5 and not names:
        return ""
    if r.random() < 0.01:
        return "?" + "&".join(["a=1"] * r.choice([999, 1000, 1001]))
    if r.random() < 0.01:
        return "?" + "&" * r.choice([998, 999, 1000, 1001])
    fields = []
    for _ in range(r.choice([0, 1, 1, 1, 2, 3])):
        name = pick(r, names) if names and r.random() < 0.85 else pick(r, ["a", "", "A", "x[]", "%61", "Address", "%ff"])
        value = pick(r, INTS + ADDRESSES[:7] + ODD)
        fields.append(name + pick(r, ["=", "=", "=", "=", "", "%3D", "=="]) + value)
    return "?" + pick(r, ["&", "&", "&", ";", "&&"]).join(fields)


def quoted(text):
    return "".join(c if ord(c) < 128 else "".join("%%%02X" % b for b in c.encode("utf-8", "surrogatepass")) for c in text)


def request(r):
    """A request as bytes."""
    address = pick(r, ADDRESSES)
    number = pick(r, INTS) if r.random() < 0.5 else "1"
    kind, method, path, names, body = pick(r, [
        ("none", "GET", f"/internal/embed/score/{number}/{address}", [], None),
        ("token", "POST", f"/internal/embed/stamps/{address}", [], "stamps"),
        ("none", "GET", "/internal/embed/weights", ["community_id"], None),
        ("token", "GET", f"/internal/score/v2/{number}/{address}", [], None),
        ("token", "POST", "/internal/check-bans", [], "bans"),
        ("token", "POST", "/internal/check-bans", [], "bans"),
        ("token", "POST", "/internal/check-revocations", [], "revocations"),
        ("token", "POST", "/internal/check-revocations", [], "revocations"),
        ("token", "GET", f"/internal/allow-list/{pick(r, ['a', 'A b', '%2523', 'l%00'])}/{address}", [], None),
        ("token", "GET", f"/internal/customization/credential/{pick(r, ['a', 'DeveloperList%23x', 'DeveloperList%2523x', '%00'])}", [], None),
        ("token", "GET", f"/internal/stake/gtc/{address}", [], None),
        ("token", "GET", f"/internal/stake/legacy-gtc/{address}/{number}", [], None),
        ("token", "GET", "/internal/cgrants/contributor_statistics", ["address"], None),
        ("jwt", "POST", "/ceramic-cache/stamps/bulk", [], "bulk"),
        ("jwt", "PATCH", "/ceramic-cache/stamps/bulk", [], "bulk"),
        ("jwt", "DELETE", "/ceramic-cache/stamps/bulk", [], "bulk"),
        ("jwt", "GET", f"/ceramic-cache/score/{address}", ["alternate_scorer_id"], None),
        ("jwt", "GET", f"/ceramic-cache/score/{address}", ["alternate_scorer_id"], None),
        ("jwt", "GET", f"/ceramic-cache/score/{address}", [], None),
        ("jwt", "POST", f"/ceramic-cache/score/{address}", [], "alternate"),
        ("none", "GET", "/ceramic-cache/weights", [], None),
        ("none", "GET", "/ceramic-cache/stamp", ["address"], None),
        ("none", "GET", f"/v2/stamps/{number}/score/{address}", [], None),
        ("none", "GET", pick(r, ["/", "/internal", "/internal/", "/nope", "/internal/embed", "/v2x", "*"]), [], None),
    ])
    path = mutated_path(r, quoted(path))
    path += query(r, names) if names or r.random() < 0.1 else ""
    if r.random() < 0.08:
        method = pick(r, ["GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "get", "Post", "FOO", "CONNECT", "foo-bar", "M-SEARCH"])
    raw = payload(r, body) if body and r.random() < 0.97 else (b"" if r.random() < 0.97 else b"{}")
    headers = [("Host", "h" if r.random() < 0.93 else pick(r, ["h:80", "H", "a_b", "", "h:", "h:x", "[::1]", "[::1]:80", "h.", "a b", "\u00e9", "h,h", "-", "h:99999999", "h/", "h@x", ".h", "[zz]", "[::1", "h..", "h:80:80", "192.168.0.1"])) ]
    if kind != "none" and r.random() < 0.97:
        headers.append((r.choice(["Authorization"] * 12 + ["authorization", "AUTHORIZATION"]), authorization(r, kind)))
        if r.random() < 0.02:
            headers.append(("Authorization", authorization(r, kind)))
    elif r.random() < 0.3:
        headers.append((pick(r, ["X-API-Key", "X_API_KEY", "Authorization"]), pick(r, ["a.b", "", "Bearer x", "\u00e9.\u00e9", "Token a.b c"])))
    if raw or method in ("POST", "PATCH", "DELETE"):
        if raw and r.random() < 0.04:
            headers.append(("Transfer-Encoding", pick(r, ["chunked", "Chunked"])))
            cut = r.randrange(len(raw))
            raw = b"".join(b"%x%s\r\n%s\r\n" % (len(part), r.choice([b"", b";a=b"]), part) for part in (raw[:cut], raw[cut:]) if part) + b"0\r\n\r\n"
        else:
            headers.append(("Content-Length", str(len(raw))))
            if r.random() < 0.02:
                headers.append(("Content-Length", pick(r, [str(len(raw)), "0" + str(len(raw))])))
        if r.random() < 0.5:
            # Not a form without a boundary: with a form token in a cookie, Django's error pages read it and
            # fail, so that 404 becomes 500. The scorer does not reproduce that.
            headers.append(("Content-Type", pick(r, ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain; charset=bogus", "application/json; charset=utf-16", ""])))
    if r.random() < 0.15:
        headers.append(("Origin", pick(r, ["https://a.test", "null", "", "x", "\u00e9", "http://h", "http://[", "//[::1]", "http://[::1", "http://a]", "http://[1.2.3.4]", "http://[v1.a]:1", "a/["])))
    if r.random() < 0.06:
        method = "OPTIONS"
        headers.append((pick(r, ["Access-Control-Request-Method", "access_control_request_method"]), pick(r, ["GET", "", "FOO", "POST"])))
        if r.random() < 0.5:
            headers.append(("Access-Control-Request-Headers", "x-foo"))
    if r.random() < 0.12:
        cookie = pick(r, ["csrftoken=" + "a" * 32, "csrftoken=abc", "csrftoken=" + "a" * 64, "csrftoken=", "sessionid=abcdefgh1", "sessionid=short", "sessionid=", "a=b; c", "csrftoken=\"" + "b" * 32 + "\"",
                          "sessionid=\"abcdefghij\"", "x;csrftoken=q", "csrftoken=a; csrftoken=" + "c" * 32, "csrftoken=" + "c" * 32 + "; csrftoken=a", "sessionid=a\\073b1234567", "=sessionid", "sessionid", "csrftoken",
                          "sessionid=\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9", "csrftoken=" + "\u00e9" * 32, "SessionId=abcdefgh1", "csrftoken=\"a", "sessionid=abc\x7fdefghi", "csrftoken=" + "-" * 32, " sessionid = abcdefgh1 ", "sessionid=\"abcd\\\"efgh\"", "csrftoken=\"\\141bc\""])
        headers.append((pick(r, ["Cookie", "Cookie", "cookie"]), cookie))
        if r.random() < 0.1:
            headers.append(("Cookie", pick(r, ["csrftoken=abc", "sessionid=abcdefgh1", "a=b"])))
    if r.random() < 0.05:
        headers.append((pick(r, ["X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-For", "Forwarded", "X-HTTP-Method-Override", "Accept", "User-Agent", "If-None-Match", "If-Modified-Since", "Range", "Accept-Encoding", "Upgrade", "Referer", "X-CSRFToken"]),
                        pick(r, ["https", "http", "a", "*", "gzip", "websocket", "bytes=0-1", "\u00e9"])))
    if r.random() < 0.5:
        r.shuffle(headers)
    lines = []
    for name, value in headers:
        gap = r.choice([": "] * 10 + [":", ":  ", ":\t"])
        lines.append((name + gap + value).encode("latin-1", "replace"))
    if r.random() < 0.05:
        lines.append(pick(r, [b"X: a\x01b", b"X: \x7f", b"X: a\r\n b", b"X: a\r\n\t", b"X : a", b"X", b": a", b"X:a\x0bb", b"X:a\x0c", b"X: \xff",
                              b"X: a\rb", b"X(: a", b"X: a\x00", b"X: a\nY: b", b"Expect: 100-continue", b"Expect: x, 100-Continue"]))
    lines.append(b"Connection: close")
    # The scorer refuses chunks in HTTP/1.0 on purpose.
    chunked = any(name == "Transfer-Encoding" for name, _ in headers)
    version = b"HTTP/1.1" if chunked else r.choice([b"HTTP/1.1"] * 60 + [b"HTTP/1.0", b"HTTP/1.0"])
    target = path.encode("utf-8", "surrogatepass")
    return method.encode() + b" " + target + b" " + version + b"\r\n" + b"\r\n".join(lines) + b"\r\n\r\n" + raw
