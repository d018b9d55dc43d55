"""The frameworks of the reference service, around handlers of our own that hold no data.

Every endpoint answers as it would on an empty database. What is compared is what the frameworks
decide: routing, headers, cookies, authentication, parsing, validation, JSON text.
"""

import datetime
import json
import logging
import os
from typing import Any, List, Optional

import django
from django.conf import settings

from requests import TOKEN
from tokens import NOW, SECRET_KEY

settings.configure(
    DEBUG=False,
    SECRET_KEY=SECRET_KEY,
    ALLOWED_HOSTS=json.loads(os.environ.get("ALLOWED_HOSTS", '["*"]')),
    SECURE_SSL_REDIRECT=os.environ.get("SECURE_SSL_REDIRECT") == "on",
    SECURE_PROXY_SSL_HEADER=json.loads(os.environ.get("SECURE_PROXY_SSL_HEADER", "null")),
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "corsheaders",
        "ninja_extra",
        "ninja_jwt",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "corsheaders.middleware.CorsMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ] + ([__name__ + ".look_at_the_user"] if os.environ.get("LOGGING_STRATEGY", "").startswith("structlog_") else []),
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ.get("REFERENCE_DB", ":memory:")}},
    CORS_ALLOW_ALL_ORIGINS=True,
    CORS_ALLOW_HEADERS=["accept", "accept-encoding", "authorization", "content-type", "dnt", "origin",
                        "user-agent", "x-csrftoken", "x-requested-with", "x-api-key"],
    USE_TZ=True,
    # The default would send mail about refused requests, and fail in doing so.
    LOGGING_CONFIG=None,
)
logging.disable(logging.CRITICAL)
django.setup()

import re

import jwt
import ninja_jwt.tokens
from django.core.asgi import get_asgi_application
from django.core.management import call_command
from django.http import Http404, HttpResponseRedirect, JsonResponse
from django.urls import path
from ninja import Schema
from ninja.security import APIKeyHeader, HttpBearer
from ninja_extra import NinjaExtraAPI
from ninja_extra.exceptions import APIException
from ninja_jwt.authentication import JWTBaseAuthentication
from ninja_jwt.exceptions import InvalidToken


class Now(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


jwt.api_jwt.datetime = Now
ninja_jwt.tokens.aware_utcnow = lambda: NOW


def look_at_the_user(get_response):
    """Structured logs name the user, which reads the session."""
    def middleware(request):
        request.user.pk
        return get_response(request)
    return middleware


class Refused(APIException):
    def __init__(self, status, detail):
        self.status_code = status
        super().__init__(detail)


def plain(api):
    @api.exception_handler(Refused)
    def refused(request, exception):
        return api.create_response(request, {"detail": str(exception.detail)}, status=exception.status_code)
    return api


class InternalToken(APIKeyHeader):
    param_name = "AUTHORIZATION"

    def authenticate(self, request, key):
        return key if key == TOKEN else None


class Jwt(JWTBaseAuthentication, HttpBearer):
    def authenticate(self, request, token):
        try:
            validated = self.get_validated_token(token)
        except InvalidToken as error:
            raise Refused(401, str(error.detail)) from error
        request.did = validated["did"]
        return True


class ApiKey(APIKeyHeader):
    param_name = "X-API-Key"

    def authenticate(self, request, key):
        raise Refused(401, "Invalid API Key.")


internal = plain(NinjaExtraAPI(urls_namespace="internal", auth=InternalToken()))
ceramic = plain(NinjaExtraAPI(urls_namespace="ceramic", docs_url=None, openapi_url=None))
v2 = plain(NinjaExtraAPI(urls_namespace="v2", docs_url=None, openapi_url=None, auth=ApiKey()))


class StampsPayload(Schema):
    scorer_id: int
    stamps: List[Any]


class Subject(Schema):
    hash: Optional[str]
    provider: Optional[str]
    id: Optional[str]


class Credential(Schema):
    credentialSubject: Subject


class Revocations(Schema):
    proof_values: List[str]


class CachePayload(Schema):
    address: Optional[str] = None
    provider: str
    stamp: Optional[Any] = None


class DeletePayload(Schema):
    provider: str


class ScorePayload(Schema):
    alternate_scorer_id: Optional[int]


def storable(*texts):
    for text in texts:
        text.encode()
        if "\0" in text:
            raise ValueError("A string literal cannot contain NUL (0x00) characters.")


def address_lower(address):
    if not re.fullmatch("(0x)?[0-9a-f]{40}", address.lower(), re.ASCII):
        raise Refused(400, "Invalid address.")


@internal.get("/embed/score/{int:scorer_id}/{str:address}", auth=None)
def embed_score(request, scorer_id: int, address: str):
    raise Refused(400, "Invalid scorer_id")


@internal.post("/embed/stamps/{str:address}")
def embed_stamps(request, address: str, payload: StampsPayload):
    address_lower(address)
    raise Refused(418, "the stamps are not looked at")


@internal.get("/embed/weights", auth=None)
def embed_weights(request, community_id: Optional[str] = None):
    raise Refused(500, "Unable to retrieve configured scorer! settings.CERAMIC_CACHE_SCORER_ID=1")


@internal.get("/score/v2/{int:scorer_id}/{str:address}")
def internal_score(request, scorer_id: int, address: str):
    raise Refused(404, "No Community matches the given query.")


@internal.post("/check-bans")
def check_bans(request, payload: List[Credential]):
    if not payload:
        raise Refused(400, "Must provide valid credential(s)")
    ids = {item.credentialSubject.id for item in payload}
    if len(ids) > 1:
        raise Refused(400, "All credentials must be issued to the same address")
    address = ids.pop().split(":")[-1]
    hashes = [item.credentialSubject.hash for item in payload]
    try:
        storable(address, *hashes)
    except Exception:
        raise Refused(500, "Failed to check bans")
    return [{"hash": hash, "is_banned": False, "end_time": None, "ban_type": None, "reason": None} for hash in hashes]


@internal.post("/check-revocations")
def check_revocations(request, payload: Revocations):
    if len(payload.proof_values) > 100:
        raise Refused(422, "You have submitted too many stamps.")
    try:
        storable(*payload.proof_values)
    except Exception:
        raise Refused(500, "Failed to check revocations")
    return [{"proof_value": value, "is_revoked": False} for value in payload.proof_values]


@internal.get("/allow-list/{str:list}/{str:address}")
def allow_list(request, list: str, address: str):
    storable(list, address.lower())
    return {"is_member": False}


@internal.get("/customization/credential/{str:provider_id}")
def customization(request, provider_id: str):
    storable(provider_id)
    raise Http404()


@internal.get("/stake/gtc/{str:address}")
def stake_gtc(request, address: str):
    address_checksum(address)
    return {"items": []}


@internal.get("/stake/legacy-gtc/{str:address}/{int:round_id}")
def stake_legacy(request, address: str, round_id: int):
    address_lower(address)
    if round_id > 1e50:
        raise Refused(400, "Error pulling GTC staking data")
    return {"results": []}


def address_checksum(address):
    if not re.fullmatch("(0x)?[0-9a-f]{40}", address, re.ASCII | re.IGNORECASE):
        raise Refused(400, "Invalid address.")
    digits = address[-40:]
    if digits.lower() != digits and digits.upper() != digits:
        raise Refused(418, "the checksum is not looked at")


@internal.get("/cgrants/contributor_statistics")
def statistics(request, address: str):
    if not address:
        raise Refused(400, "Invalid address.")
    address_checksum(address)
    return JsonResponse({"num_grants_contribute_to": 0.0, "total_contribution_amount": 0.0})


@ceramic.post("/stamps/bulk", auth=Jwt())
def bulk(request, payload: List[CachePayload]):
    request.did.split(":")
    if len(payload) > 100:
        raise Refused(422, "You have submitted too many stamps.")
    raise Refused(418, "the stamps are not looked at")


@ceramic.patch("/stamps/bulk", auth=Jwt())
def patch_bulk(request, payload: List[CachePayload]):
    raise Refused(418, "the stamps are not looked at")


@ceramic.delete("/stamps/bulk", auth=Jwt())
def delete_bulk(request, payload: List[DeletePayload]):
    raise Refused(418, "the stamps are not looked at")


@ceramic.get("/score/{str:address}", auth=Jwt())
def score(request, address: str, alternate_scorer_id: Optional[int] = None):
    address_lower(address)
    raise Refused(404, "Community matching the configured scorer id does not exist! This is probably a misconfiguration!")


@ceramic.post("/score/{str:address}", auth=Jwt())
def post_score(request, address: str, payload: ScorePayload):
    if not payload.alternate_scorer_id:
        raise Refused(500, "Scorer ID not set")
    raise Refused(404, "Not Found")


@ceramic.get("/weights")
def weights(request):
    raise Refused(500, "Unable to retrieve configured scorer! settings.CERAMIC_CACHE_SCORER_ID=1")


@ceramic.get("/stamp")
def stamp(request, address: str):
    raise Refused(418, "the stamps are not looked at")


@v2.get("/stamps/{scorer_id}/score/{address}")
def v2_score(request, scorer_id: int, address: str):
    raise Refused(418, "not reached")


urlpatterns = [
    path("", lambda request: HttpResponseRedirect("/admin/")),
    path("internal/", internal.urls),
    path("ceramic-cache/", ceramic.urls),
    path("v2/", v2.urls),
]

call_command("migrate", verbosity=0)

application = get_asgi_application()
