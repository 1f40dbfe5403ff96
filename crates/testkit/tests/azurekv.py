"""Microsoft's own client for Python against the vault whose URL is in the first argument: every call
that Skink makes, what it answers, and what it refuses. The file with the authority that vouches for
it is in the second, and for each part that somebody plays there is `TENANT:CLIENT_ID:CLIENT_SECRET`:
administrator, signer, custodian, stranger. The signatures are verified with another library."""

import hashlib
import json
import ssl
import sys
import urllib.parse
import urllib.request

from azure.core.credentials import AccessToken
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.keyvault.keys import KeyClient
from azure.keyvault.keys.crypto import CryptographyClient, SignatureAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

vault, authority, *applications = sys.argv[1:]
MESSAGE = b"to be signed"
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
CURVES = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}


class Application:
    """Gets its access tokens where the challenge says, by its secret."""

    def __init__(self, text):
        self.tenant, self.id, self.secret = text.split(":")
        self.asked = []

    def get_token(self, *scopes, tenant_id=None, **_):
        assert scopes == ("https://vault.azure.net/.default",), scopes
        assert tenant_id == self.tenant, tenant_id
        form = {
            "grant_type": "client_credentials",
            "client_id": self.id,
            "client_secret": self.secret,
            "scope": scopes[0],
        }
        url = f"{vault}/{self.tenant}/oauth2/v2.0/token"
        request = urllib.request.Request(url, urllib.parse.urlencode(form).encode())
        context = ssl.create_default_context(cafile=authority)
        with urllib.request.urlopen(request, context=context) as response:
            given = json.load(response)
        assert given["token_type"] == "Bearer", given
        self.asked.append(scopes)
        return AccessToken(given["access_token"], 2**33)


def options(application):
    return {
        "credential": application,
        "verify_challenge_resource": False,
        "connection_verify": authority,
        "retry_total": 0,
    }


people = [Application(text) for text in applications]
administrator, signer, custodian, stranger = [KeyClient(vault, **options(one)) for one in people]


def refused(kind, code, inner, call, *arguments, **named):
    """The call has to be refused, so and no other way."""
    try:
        call(*arguments, **named)
    except HttpResponseError as error:
        said = error.response.json()["error"]
        assert isinstance(error, kind), error
        assert said["code"] == code and said.get("innererror", {}).get("code") == inner, said
        assert error.response.headers["x-ms-request-id"], error.response.headers
        return said["message"]
    raise AssertionError(f"{call} is not refused as {code}")


def cryptography(key, application=None):
    """As it is used on a machine that has nothing but the key's name: the service signs."""
    name = key if isinstance(key, str) else key.id
    return CryptographyClient(name, **options(application or people[1]))


def public_key(key):
    number = lambda value: int.from_bytes(value, "big")
    jwk = key.key
    if jwk.kty.startswith("EC"):
        numbers = ec.EllipticCurvePublicNumbers(number(jwk.x), number(jwk.y), CURVES[jwk.crv])
    else:
        numbers = rsa.RSAPublicNumbers(number(jwk.e), number(jwk.n))
    return numbers.public_key()


def verify(key, algorithm, digest, signature):
    hash, public = HASHES[algorithm[2:]], public_key(key)
    if algorithm.startswith("ES"):
        half = len(signature) // 2
        pair = [int.from_bytes(part, "big") for part in (signature[:half], signature[half:])]
        public.verify(encode_dss_signature(*pair), digest, ec.ECDSA(Prehashed(hash)))
        return
    pss = padding.PSS(padding.MGF1(hash), hash.digest_size)
    how = pss if algorithm.startswith("PS") else padding.PKCS1v15()
    public.verify(signature, digest, how, Prehashed(hash))


def check_signing():
    elliptic = [("P-256", ["ES256"], 64), ("P-384", ["ES384"], 96), ("P-521", ["ES512"], 132)]
    keys = [
        (administrator.create_ec_key(f"py-{curve}", curve=curve), algorithms, length)
        for curve, algorithms, length in elliptic
    ]
    ways = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
    keys.append((administrator.create_rsa_key("py-rsa", size=2048), ways, 256))
    for key, algorithms, length in keys:
        assert key.properties.enabled and key.properties.vault_url == vault, key.properties
        assert len(key.properties.version) == 32, key.id
        assert key.properties.created_on and not key.properties.exportable, key.properties
        assert {"sign", "verify"} <= set(key.key_operations), key.key_operations
        for algorithm in algorithms:
            digest = hashlib.new("sha" + algorithm[2:], MESSAGE).digest()
            how = SignatureAlgorithm(algorithm.lower().replace("es", "ES").upper())
            made = cryptography(key).sign(how, digest)
            assert made.key_id == key.id and len(made.signature) == length, made
            verify(key, algorithm, digest, made.signature)
            body = {"alg": algorithm, "digest": b64(digest), "value": b64(made.signature)}
            assert raw(key, "verify", body) == {"value": True}
            body["digest"] = b64(digest[::-1])
            assert raw(key, "verify", body) == {"value": False}
        wrong = {"alg": algorithms[0], "value": b64(b"short")}
        refused(HttpResponseError, "BadParameter", None, raw, key, "sign", wrong)
        other = "RS256" if algorithms[0].startswith("ES") else "ES256"
        foreign = {"alg": other, "value": b64(hashlib.sha256(MESSAGE).digest())}
        refused(HttpResponseError, "BadParameter", None, raw, key, "sign", foreign)


def b64(data):
    import base64

    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def raw(key, operation, body):
    """The client's own request, with a body that it would refuse to send."""
    from azure.core.rest import HttpRequest

    url = f"{key.id}/{operation}?api-version=2025-07-01"
    response = signer.send_request(HttpRequest("POST", url, json=body))
    response.raise_for_status()
    return response.json()


def delete(name):
    poller = administrator.begin_delete_key(name, _polling_interval=0)
    again = lambda: administrator.create_ec_key(name, curve="P-256")
    refused(ResourceExistsError, "Conflict", "ObjectIsBeingDeleted", again)
    poller.wait()
    return poller.result()


def check_life():
    key = administrator.create_ec_key("py-life", curve="P-256")
    digest = hashlib.sha256(MESSAGE).digest()
    sign = lambda: cryptography(key.id).sign(SignatureAlgorithm.es256, digest)
    made = sign()
    stopped = custodian.update_key_properties(key.name, key.properties.version, enabled=False)
    assert stopped.properties.enabled is False, stopped.properties
    body = {"alg": "ES256", "value": b64(digest)}
    words = refused(HttpResponseError, "Forbidden", "KeyDisabled", raw, key, "sign", body)
    assert words == "Operation sign is not allowed on a disabled key.", words
    # What takes the public half only goes on.
    body = {"alg": "ES256", "digest": b64(digest), "value": b64(made.signature)}
    assert raw(key, "verify", body) == {"value": True}
    assert signer.get_key(key.name, key.properties.version).properties.enabled is False
    refused(
        HttpResponseError,
        "Forbidden",
        "ForbiddenByPolicy",
        signer.update_key_properties,
        key.name,
        key.properties.version,
        enabled=True,
    )
    custodian.update_key_properties(key.name, key.properties.version, enabled=True)
    sign()
    second = administrator.rotate_key(key.name)
    assert second.id != key.id and second.key.x != key.key.x, second
    assert signer.get_key(key.name).id == second.id
    # A name that is there gets another version.
    third = administrator.create_ec_key("py-life", curve="P-256")
    versions = {one.id for one in signer.list_properties_of_key_versions(key.name)}
    assert versions == {key.id, second.id, third.id}, versions
    sign()
    deleted = delete(key.name)
    days = (deleted.scheduled_purge_date - deleted.deleted_date).days
    assert days == 90 and deleted.recovery_id == f"{vault}/deletedkeys/py-life", deleted
    refused(ResourceNotFoundError, "KeyNotFound", None, signer.get_key, key.name)
    inner = "ObjectIsDeletedButRecoverable"
    again = lambda: administrator.create_ec_key("py-life", curve="P-256")
    refused(ResourceExistsError, "Conflict", inner, again)
    assert [one.name for one in administrator.list_deleted_keys()] == ["py-life"]
    poller = administrator.begin_recover_deleted_key(key.name, _polling_interval=0)
    poller.wait()
    assert poller.result().name == key.name
    sign()
    delete(key.name)
    administrator.purge_deleted_key(key.name)
    refused(ResourceNotFoundError, "KeyNotFound", None, administrator.get_deleted_key, key.name)
    assert administrator.create_ec_key("py-life", curve="P-256").id not in versions


def check_lists():
    for number in range(7):
        administrator.create_ec_key(f"py-many-{number}", curve="P-256")
    names = [one.name for one in signer.list_properties_of_keys()]
    assert len(names) == 12 and names == sorted(names, key=str.lower), names
    pages = [list(page) for page in signer.list_properties_of_keys(max_page_size=2).by_page()]
    assert [one.name for page in pages for one in page] == names, pages
    assert all(len(page) <= 2 for page in pages) and [] in pages, pages
    many = list(signer.list_properties_of_keys(max_page_size=25))
    assert len(many) == 12, many
    too_many = signer.list_properties_of_keys(max_page_size=26)
    refused(HttpResponseError, "BadParameter", None, lambda: list(too_many))


def check_permissions():
    denied = (HttpResponseError, "Forbidden", "ForbiddenByPolicy")
    key = signer.get_key("py-P-256")
    words = refused(*denied, stranger.get_key, key.name)
    assert "does not have keys get permission" in words, words
    for call in [signer.rotate_key, signer.begin_delete_key, custodian.rotate_key]:
        refused(*denied, call, key.name)
    refused(*denied, custodian.create_ec_key, "py-new", curve="P-256")
    digest = hashlib.sha256(MESSAGE).digest()
    # This client falls back to a signature of its own where it may not ask: there is no private half.
    try:
        cryptography(key.id, people[2]).sign(SignatureAlgorithm.es256, digest)
        raise AssertionError("the custodian signs")
    except HttpResponseError as error:
        assert error.response.json()["error"]["innererror"]["code"] == "ForbiddenByPolicy"
    unknown = Application(applications[1])
    unknown.secret = "wrong"
    try:
        KeyClient(vault, **options(unknown)).get_key(key.name)
        raise AssertionError("a wrong secret is good for a token")
    except urllib.error.HTTPError as error:
        said = json.load(error)
        assert error.code == 401 and said["error"] == "invalid_client", said


class Forged:
    def get_token(self, *_, **__):
        return AccessToken("bm9ib2R5", 2**33)


check_signing()
check_life()
check_lists()
check_permissions()
forged = KeyClient(vault, **options(Forged()))
refused(ClientAuthenticationError, "Unauthorized", None, forged.get_key, "py-P-256")
assert all(len(one.asked) >= 1 for one in people), "somebody never asked for a token"
print("the client gets along with it")
