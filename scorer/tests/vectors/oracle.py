"""What Python 3.12 and the libraries of the reference service answer.

Every function takes a parsed JSON value (`loads` takes bytes) and returns the text to expect; an
exception it raises is the expected error.
"""

import datetime
import decimal
import functools
import json
import os
import warnings


def loads(raw):
    """A request body: `json.loads` of bytes, written again."""
    return json.dumps(json.loads(raw))


def as_repr(value):
    return repr(value)


def as_str(value):
    return json.dumps(str(value))


def parse_int(text):
    return str(int(text))


def decimal_text(value):
    return str(decimal.Decimal(value))


def decimal_sum(values):
    """Weights added up as the scorer does, starting from zero."""
    total = decimal.Decimal(0)
    for value in values:
        total += decimal.Decimal(value)
    return str(total)


def decimal_fixed(value):
    return f"{decimal.Decimal(value):.5f} {decimal.Decimal(value):.18f}"


def decimal_round(value):
    return f"{round(decimal.Decimal(value), 2)} {round(decimal.Decimal(value), 3)}"


def decimal_float(value):
    """The points of a weight, taken after it was added to the sum."""
    weight = decimal.Decimal(value)
    decimal.Decimal(0) + weight
    return repr(float(weight))


def decimal_compare(values):
    left, right = (decimal.Decimal(value) for value in values)
    return "less" if left < right else "greater" if left > right else "equal"


def datetime_iso(value):
    return datetime.datetime.fromisoformat(value).isoformat()


def datetime_utc(value):
    """In UTC; a naive value counts as UTC."""
    parsed = datetime.datetime.fromisoformat(value)
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=datetime.timezone.utc)
    return parsed.astimezone(datetime.timezone.utc).isoformat()


def datetime_compare(values):
    left, right = (datetime.datetime.fromisoformat(value) for value in values)
    return "less" if left < right else "greater" if left > right else "equal"


def datetime_millis(value):
    """Django's JSON encoder: events, bans."""
    from django.core.serializers.json import DjangoJSONEncoder

    return DjangoJSONEncoder().default(datetime.datetime.fromisoformat(value))


@functools.cache
def pydantic_adapter():
    import pydantic

    if pydantic.VERSION != "2.10.3":
        raise SystemExit(f"needs pydantic 2.10.3, this is {pydantic.VERSION}")
    return pydantic.TypeAdapter(int)


def pydantic_int(value):
    """An integer of a JSON body or, as text, of a path or query."""
    import pydantic

    try:
        return str(pydantic_adapter().validate_python(value))
    except pydantic.ValidationError as error:
        item = error.errors()[0]
        raise ValueError(f"{item['type']}: {item['msg']}") from None


def compact(value):
    """pydantic's compact JSON."""
    import pydantic_core

    return json.dumps(pydantic_core.to_json(value).decode())


@functools.cache
def database():
    """The PostgreSQL of DATABASE_URL, by the driver of the reference service."""
    import psycopg2

    if "DATABASE_URL" not in os.environ:
        raise SystemExit("needs a PostgreSQL at DATABASE_URL")
    try:
        connection = psycopg2.connect(os.environ["DATABASE_URL"])
    except psycopg2.Error as error:
        raise SystemExit(f"needs a PostgreSQL at DATABASE_URL: {type(error).__name__}") from None
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("SET TIME ZONE 'UTC'")
    return cursor


def jsonb(value):
    """Through a `jsonb` column and back: the text read, and the text PostgreSQL printed."""
    import psycopg2

    cursor = database()
    try:
        cursor.execute("SELECT (%s::jsonb)::text", [json.dumps(value)])
    except psycopg2.Error:
        raise ValueError("refused") from None
    (text,) = cursor.fetchone()
    return json.dumps([json.loads(text), text])


@functools.cache
def model_field():
    import django
    from django.conf import settings
    from django.db import models

    if django.get_version() != "4.2.6":
        raise SystemExit(f"needs Django 4.2.6, this is {django.get_version()}")
    settings.configure(USE_TZ=True, TIME_ZONE="UTC")
    return models.DateTimeField(null=True)


def model_datetime(value):
    """Through a Django date field into a `timestamptz` column."""
    import psycopg2
    from django.core.exceptions import ValidationError

    field, cursor = model_field(), database()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            prepared = field.get_prep_value(value)
        cursor.execute("SELECT extract(epoch FROM %s::timestamptz)::text", [prepared])
    except (ValidationError, ValueError, TypeError, psycopg2.Error):
        raise ValueError("refused") from None
    return str(cursor.fetchone()[0])


FUNCTIONS = {
    function.__name__: function
    for function in [
        loads,
        as_repr,
        as_str,
        parse_int,
        decimal_text,
        decimal_sum,
        decimal_fixed,
        decimal_round,
        decimal_float,
        decimal_compare,
        datetime_iso,
        datetime_utc,
        datetime_compare,
        datetime_millis,
        pydantic_int,
        compact,
        jsonb,
        model_datetime,
    ]
}
