"""Writes scorer/src/python/unicode/tables.rs from the Unicode data of the Python that runs it.

    python3.12 scorer/tests/vectors/make_unicode_tables.py > scorer/src/python/unicode/tables.rs
"""

import sys
import unicodedata

EXPECTED = "15.0.0"


def not_printable():
    """First and last code point of every run that `str.isprintable` refuses."""
    runs = []
    for point in range(sys.maxunicode + 1):
        if chr(point).isprintable():
            continue
        if runs and runs[-1][1] == point - 1:
            runs[-1][1] = point
        else:
            runs.append([point, point])
    return [f"({first:#x}, {last:#x})" for first, last in runs]


def zero_digits():
    """The zeros of all scripts."""
    points = range(sys.maxunicode + 1)
    return [f"{point:#x}" for point in points if unicodedata.decimal(chr(point), -1) == 0]


def table(name, doc, element, items, per_line):
    """One constant in Rust."""
    lines = [items[at : at + per_line] for at in range(0, len(items), per_line)]
    print(f"/// {doc}\n#[rustfmt::skip]")
    print(f"pub(super) const {name}: [{element}; {len(items)}] = [")
    for line in lines:
        print("    " + " ".join(item + "," for item in line))
    print("];")


def main():
    if unicodedata.unidata_version != EXPECTED:
        sys.exit(f"needs Unicode {EXPECTED} (Python 3.12), this is {unicodedata.unidata_version}")
    print("//! Tables of Unicode 15.0, the version Python 3.12 knows.")
    print("//!")
    print("//! Made by `scorer/tests/vectors/make_unicode_tables.py`.")
    print()
    table(
        "ZERO_DIGITS",
        "Code points of the zero of every run of ten decimal digits (`str.isdecimal`), ascending.",
        "u32",
        zero_digits(),
        12,
    )
    print()
    table(
        "NOT_PRINTABLE",
        "First and last code point of every range that is not `str.isprintable`, ascending.",
        "(u32, u32)",
        not_printable(),
        5,
    )


if __name__ == "__main__":
    main()
