"""What Python 3.12 and the libraries of the reference service answer.

Every function takes a parsed JSON value (`loads` takes bytes) and returns the text to expect; an
exception it raises is the expected error.
"""

import datetime
import decimal
import functools
import json
import os
import types
import warnings

import tokens


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
    number = decimal.Decimal(value)
    if number.is_finite() and number.adjusted() > 100_000_000:
        # Python writes as many digits as memory holds; the scorer stops here, far beyond any sum.
        raise MemoryError
    return f"{number:.5f} {number:.18f}"


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
def framework():
    """Django, set up for everything here."""
    import django
    from django.conf import settings

    if django.get_version() != "4.2.6":
        raise SystemExit(f"needs Django 4.2.6, this is {django.get_version()}")
    settings.configure(
        USE_TZ=True,
        TIME_ZONE="UTC",
        SECRET_KEY=tokens.SECRET_KEY,
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
        CACHES={"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}},
    )
    django.setup()


@functools.cache
def model_field():
    framework()
    from django.db import models

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


@functools.cache
def limiter():
    framework()
    import django_ratelimit
    from django_ratelimit import core

    if django_ratelimit.__version__ != "4.1.0":
        raise SystemExit(f"needs django-ratelimit 4.1.0, this is {django_ratelimit.__version__}")
    return core


def rate(value):
    """The count and the cache key of a rate, for a key prefix at an instant."""
    text, prefix, now = value
    core = limiter()
    core.time.time = lambda: now
    try:
        core.get_usage(None, group="registry", key=lambda group, request: prefix, rate=text, increment=True)
    except ImportError as error:
        # Not one of ours that is missing: a dotted text names a function to import.
        raise ValueError(str(error)) from None
    count, period = core._split_rate(text)
    window = core._get_window(prefix, period)
    return f"{count} :1:{core._make_cache_key('registry', window, text, prefix, core.ALL)}"


@functools.cache
def bearer():
    framework()
    import jwt
    import ninja_jwt
    from ninja.security import HttpBearer
    from ninja_jwt import tokens as library
    from ninja_jwt.authentication import JWTBaseAuthentication

    versions = (jwt.__version__, ninja_jwt.__version__)
    if versions != ("2.10.1", "5.3.5"):
        raise SystemExit(f"needs PyJWT 2.10.1 and django-ninja-jwt 5.3.5, these are {versions}")

    class Bearer(JWTBaseAuthentication, HttpBearer):
        def authenticate(self, request, token):
            return self.get_validated_token(token)

    class Now(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return tokens.NOW

    jwt.api_jwt.datetime = Now
    library.aware_utcnow = lambda: tokens.NOW
    return Bearer()


def access_token(header):
    """What an `Authorization` header comes to: the did, or the message in the answer."""
    authenticate = bearer()
    from ninja_jwt.exceptions import InvalidToken

    request = types.SimpleNamespace(headers={"Authorization": header})
    try:
        token = authenticate(request)
        return json.dumps(token["did"]) if token else "Unauthorized"
    except InvalidToken as error:
        return str(error.detail)
    except Exception:
        # Whatever else is raised becomes the same page.
        raise ValueError("uncaught") from None


@functools.cache
def float_adapter():
    import pydantic

    if pydantic.VERSION != "2.10.3":
        raise SystemExit(f"needs pydantic 2.10.3, this is {pydantic.VERSION}")
    return pydantic.TypeAdapter(float)


def pydantic_float(value):
    """A weight on its way out."""
    import pydantic

    try:
        return repr(float_adapter().validate_python(value))
    except (pydantic.ValidationError, OverflowError):
        raise ValueError("refused") from None


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
        rate,
        access_token,
        pydantic_float,
    ]
}
