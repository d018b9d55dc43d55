"""Random inputs near the edges of what Python accepts. The same seed gives the same inputs."""

import json

import tokens

SPACES = ["", "", "", " ", "\t", "\n", "\r", "\u00a0", "\u2003", "\x1c", "\x85", "\u200b", "\x00"]
DIGITS = ["0", "1", "9", "7", "00", "12", "٣", "९", "９", "²", "𝟙"]
LETTERS = ["a", "é", "😀", "'", '"', "\\", "\n", "\x7f", "\x00", "\u200b", "\ud800", "\udc00", "\u2028",
           "\ue000", "\u0378", "\ufeff", "\x85", "/", "\x1b", "\U000e0001"]
NUMBERS = ["0", "-0", "1", "-1", "10", "0.0", "-0.0", "1.5", "1e2", "1e16", "1e-7", "1.10", "123456789.125",
           "1e15", "1e22", "1e23", "9007199254740993", "9007199254740993.0", "5e-324", "2.5e-310", "1e308",
           "1.7976931348623157e308", "1e400", "-1e400", "NaN", "Infinity", "-Infinity", "0.1", "0.000025",
           "0.123455", "0.0001", "0.00001", "9223372036854775807", "9223372036854775808",
           "-9223372036854775808", "9.223372036854776e18", "-9.223372036854776e18", "9223372036854774784.0",
           "123456789012345678901234567890"]


def pick(random, choices):
    return choices[random.randrange(len(choices))]


def text(random):
    return "".join(pick(random, LETTERS + DIGITS) for _ in range(random.randrange(6)))


def number(random):
    """The text of a JSON number."""
    if random.random() < 0.6:
        return pick(random, NUMBERS)
    if random.random() < 0.5:
        return str(random.randrange(-(10 ** random.randrange(1, 40)), 10 ** random.randrange(1, 40)))
    return f"{random.uniform(-1, 1):.{random.randrange(1, 18)}f}e{random.randrange(-330, 320)}"


def document(random, depth=3):
    """The text of a valid JSON document."""
    kind = random.randrange(8 if depth else 5)
    if kind < 2:
        return json.dumps(text(random))
    if kind == 2:
        return pick(random, ["null", "true", "false"])
    if kind < 5:
        return number(random)
    items = [document(random, depth - 1) for _ in range(random.randrange(5))]
    if kind == 5:
        return "[" + ", ".join(items) + "]"
    names = ["a", "b", "aa", "é", "zz", "", text(random)]
    return "{" + ", ".join(json.dumps(pick(random, names)) + ": " + item for item in items) + "}"


def mutated(random, whole, parts):
    """The text with a few characters replaced, removed or added."""
    for _ in range(random.choice([0, 0, 1, 1, 2, 3])):
        at = random.randrange(len(whole) + 1)
        cut = random.choice([0, 0, 1, 1, 2])
        whole = whole[:at] + random.choice(["", pick(random, parts), pick(random, parts)]) + whole[at + cut:]
    return whole


def encoded(random, whole):
    """The text in one of the encodings that json.loads recognises, sometimes damaged."""
    name = random.choice(["utf-8"] * 6 + ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32",
                                          "utf-32-le", "utf-32-be"])
    raw = whole.encode(name, "surrogatepass")
    if random.random() < 0.2:
        at = random.randrange(len(raw) + 1)
        junk = random.choice([b"", b"\xff", b"\xed\xa0\x80", b"\xed\xa0", b"\xc3", b"\xe2\x82", b"\xf4\x90\x80\x80",
                              b"\x80", b"\xc0\x80", b"\xd8\x00", b"\x00\xdc", b"\x00", b"\xef\xbb\xbf"])
        raw = raw[:at] + junk + raw[at + random.randrange(3):]
    return raw


def body(random):
    """Bytes of a request body."""
    parts = ["[", "]", "{", "}", ",", ":", '"', "\\", "\\u", "\\ud83d\\ude00", "\\ud83d", "\\ud83d\\u00", "\\udc00", "\\x",
             "\\u12g4", "0", "1", "-", "+", ".", "e", "E5", ".5", "NaN", "Infinity", "nul", "tru", "01", "\t", "\n", " ",
             "\x00", "\x0c", "\x7f", "é", "😀", "\ufeff", "/*c*/", "'", '"a":', '{"a":1,', "1.", "1.e1", "1e", "1e+", "-"]
    return encoded(random, mutated(random, document(random), parts))


def integer_text(random):
    parts = DIGITS + SPACES + ["_", "_", "+", "-", ".", ".0", ".00", "e0", "0x", "1_000", "\ud800"]
    whole = random.choice(["", "+", "-"]) + "".join(pick(random, DIGITS) for _ in range(random.randrange(1, 6)))
    if random.random() < 0.02:
        whole = "0" * random.choice([0, 0, 3]) + "9" * random.choice([4299, 4300, 4301]) + random.choice(["", ".0"])
        return random.choice(["", "-", " "]) + whole
    return pick(random, SPACES) + mutated(random, whole, parts) + pick(random, SPACES)


def integer_value(random):
    """A JSON value where pydantic expects an integer."""
    if random.random() < 0.7:
        return json.dumps(integer_text(random))
    return document(random, 1)


def decimal_digits(random):
    digits = "".join(random.choice("0001234567899") for _ in range(random.randrange(1, random.choice([4, 12, 40]))))
    at = random.randrange(len(digits) + 1)
    whole = random.choice(["", "", "-", "+"]) + digits[:at] + random.choice(["", ".", ".", "."]) + digits[at:]
    if random.random() < 0.3:
        whole += random.choice("eE") + random.choice(["", "+", "-"]) + str(random.randrange(40))
    return whole


def decimal_json(random):
    """A JSON value where the scorer expects a weight."""
    kind = random.random()
    if kind < 0.5:
        return json.dumps(decimal_digits(random))
    if kind < 0.65:
        parts = DIGITS + SPACES + ["_", ".", "e", "E+", "e-5", "nan", "sNaN12", "inf", "-Infinity", "Nan0", "1e1000000",
                                   "1e-1000050", "1e999999999999999999", "1e99999999999999999999", "\ud800"]
        return json.dumps(mutated(random, pick(random, ["", "nan", "1.5", "inf", decimal_digits(random)]), parts))
    if kind < 0.8:
        return number(random)
    if kind < 0.9:
        digits = "[" + ",".join(str(random.randrange(-1, 11)) for _ in range(random.randrange(5))) + "]"
        parts = ["0", "1", "2", "true", '"F"', '"n"', '"N"', '"x"', "null", "-1", "5", "1.0", digits, digits, "{}",
                 "99999999999999999999", "[true]", '["1"]']
        items = [random.choice(["0", "1", "true"]), digits, str(random.randrange(-30, 30))]
        for at in range(3):
            if random.random() < 0.25:
                items[at] = pick(random, parts)
        return "[" + ",".join(items[: random.choice([3, 3, 3, 3, 2, 1])]) + "]"
    return document(random, 1)


def near_half(random):
    """A number that sits on, or next to, the middle between two roundings."""
    places = random.choice([2, 3, 5, 18])
    digits = str(random.randrange(10 ** random.randrange(1, 12))) + "5" + random.choice(["", "0", "1", "00000000001"])
    value = f"{random.randrange(3)}.{digits.rjust(places + 1, '0')}"
    return random.choice([json.dumps(value), value])


def decimal_rounded(random):
    return near_half(random) if random.random() < 0.4 else moderate(random)


def moderate(random):
    """A weight whose fixed notation stays short."""
    while True:
        value = decimal_json(random)
        if "00000" not in value.replace("0.", "") and "99999" not in value:
            return value


def decimal_list(random):
    return "[" + ",".join(decimal_json(random) for _ in range(random.randrange(1, 5))) + "]"


def decimal_pair(random):
    return f"[{moderate(random)},{moderate(random)}]"


def clock(random):
    sep = random.choice([":", ":", ":", ""])
    most = random.choice([(24, 60, 60), (24, 60, 60), (26, 62, 62)])
    fields = [random.randrange(limit) for limit in most][: random.randrange(1, 4)]
    whole = sep.join(f"{field:02}" for field in fields)
    if random.random() < 0.4:
        digits = "".join(random.choice("0123456789") for _ in range(random.randrange(9)))
        whole += random.choice([".", ".", ",", ":"]) + digits
    return whole


def iso_text(random):
    """Text like a date and time."""
    year = random.choice([1, 0, 9999, 2025, 2024, 2023, 2000, 1900, 2026, random.randrange(10000)])
    month, day = random.choice([(2, 29), (12, 31), (1, 1), (random.randrange(1, 13), 15), (random.randrange(14), random.randrange(33))])
    sep = random.choice(["-", "-", "-", ""])
    if random.random() < 0.2:
        whole = f"{year:04}{sep}W{random.choice([0, 1, 52, 53, 54, random.randrange(60)]):02}"
        if random.random() < 0.7:
            whole += f"{sep}{random.randrange(9)}"
    else:
        whole = f"{year:04}{sep}{month:02}{sep}{day:02}"
    if random.random() < 0.85:
        whole += random.choice(["T"] * 20 + [" ", "t", "é", "😀", "-", "0", "\ud800", "_", "€"]) + clock(random)
        if random.random() < 0.7:
            whole += random.choice(["", "", "", " ", "x", "  "])
            offset = random.choice(["+00:00", "-00:00", "+14:00", "-12:00", "+15:59", "+16:00", "-15:59:59",
                                    "+23:59:59.999999", "+24:00", "-24:00:00.5", "-00:00:00.5", "+99:99",
                                    random.choice("+-") + clock(random)])
            whole += random.choice(["Z"] * 6 + ["z", "UTC"] + [offset] * 6)
    parts = list("0123456789-:.,TZ+ W") + ["é", "\x00", "\n", "٣", "\ud800"]
    return mutated(random, whole, parts) if random.random() < 0.25 else whole


def iso_value(random):
    return json.dumps(iso_text(random)) if random.random() < 0.97 else document(random, 1)


def iso_pair(random):
    return json.dumps([iso_text(random), iso_text(random)])


def lenient_date(random):
    """What a Django date field may take although `fromisoformat` does not."""
    if random.random() < 0.5:
        return iso_value(random)
    digits = random.choice([str, str, str, lambda n: str(n).translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))])
    numbers = [digits(random.randrange(limit)) for limit in (13, 32, 25, 61, 61)]
    whole = f"{random.choice(['2024', '0001', '0000', '9999', '٢٠٢٤', '20240'])}-{numbers[0]}-{numbers[1]}"
    if random.random() < 0.8:
        whole += random.choice(["T", " ", "t"]) + f"{numbers[2]}:{numbers[3]}"
        if random.random() < 0.7:
            whole += f":{numbers[4]}"
            if random.random() < 0.5:
                whole += random.choice(".,") + "".join(random.choice("0123456789") for _ in range(random.randrange(15)))
        whole += random.choice(["", "", " ", "\t\u3000"])
        whole += random.choice(["", "Z", "Z", "z", "+1", "+01", "-0130", "+01:30", "+15:59", "+16:00", "-99:99", "+01:", "+٠١"])
    whole += random.choice(["", "", "", "\n", "\n\n", " "])
    return json.dumps(whole)


def stored_document(random):
    """A document that mostly lacks what PostgreSQL refuses."""
    whole = document(random)
    if random.random() < 0.7:
        for refused in ["\\u0000", "\\ud800", "\\udc00", "NaN", "-Infinity", "Infinity", "1e400"]:
            whole = whole.replace(refused, "1" if refused[0] != "\\" else "")
    return whole


def well_formed(random):
    """A document without lone surrogates."""
    return document(random).replace("\\ud800", "").replace("\\udc00", "")


def rate(random):
    """A rate limit, a key prefix and an instant."""
    digits = lambda: random.choice(["1", "0", "00", "125", "15", "3", "7", "", "٣", "१५", "²", "99999999999999999999"])
    text = digits() + random.choice(["/", "/", "/", "/", "", " /", "//", "."])
    text += digits() + random.choice(["s", "m", "h", "d", "", "", "M", "w", " m", "\n", "mm", "ſ"])
    text = mutated(random, text, [".", "/", "..", "'", '"', "é", "\t", "1", "m", "-", "_", "\\"])
    prefix = "".join(random.choice("AbCdEf1234567890") for _ in range(8))
    return json.dumps([text, prefix, random.choice([0, 1, 1_700_000_000, 1_768_478_400, random.randrange(2_000_000_000)])])


def float_value(random):
    """A weight as it may stand in the stored JSON."""
    if random.random() < 0.3:
        return document(random, 1)
    text = random.choice([decimal_json, decimal_json, lambda source: json.dumps(integer_text(source))])(random)
    return json.dumps(text.strip('"')) if random.random() < 0.5 else text


CASES = {
    "loads": body,
    "as_repr": document,
    "as_str": document,
    "parse_int": lambda random: json.dumps(integer_text(random)),
    "decimal_text": decimal_json,
    "decimal_sum": decimal_list,
    "decimal_fixed": decimal_rounded,
    "decimal_round": decimal_rounded,
    "decimal_float": decimal_json,
    "decimal_compare": decimal_pair,
    "datetime_iso": iso_value,
    "datetime_utc": iso_value,
    "datetime_compare": iso_pair,
    "datetime_millis": iso_value,
    "pydantic_int": integer_value,
    "compact": well_formed,
    "jsonb": stored_document,
    "model_datetime": lenient_date,
    "rate": rate,
    "access_token": lambda random: json.dumps(tokens.authorization(random).strip(" \t")),
    "pydantic_float": float_value,
}
