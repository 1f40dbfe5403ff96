"""Google's own client for Python, over HTTP and without credentials, against the service at the
address in the first argument, with a key ring in the second: every call that Skink makes, what it
answers, and what it refuses. The signatures are verified with another library."""

import sys

import google_crc32c
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import kms_v1 as kms
from google.cloud.kms_v1.services.key_management_service.transports import (
    KeyManagementServiceRestTransport,
)
from google.protobuf import field_mask_pb2

address, ring = sys.argv[1:]
transport = KeyManagementServiceRestTransport(
    host=address, url_scheme="http", credentials=AnonymousCredentials()
)
client = kms.KeyManagementServiceClient(transport=transport)
Algorithm = kms.CryptoKeyVersion.CryptoKeyVersionAlgorithm
State = kms.CryptoKeyVersion.CryptoKeyVersionState
MESSAGE = b"to be signed"


def refused(status, call, *arguments, **named):
    """The call has to be refused, so and no other way."""
    try:
        call(*arguments, **named)
    except exceptions.GoogleAPICallError as error:
        said = error.response.json()["error"]
        assert said["status"] == status and said["code"] == error.code, said
        return
    raise AssertionError(f"{call} is not refused as {status}")


def create(name, algorithm, **more):
    template = {"algorithm": algorithm, "protection_level": kms.ProtectionLevel.SOFTWARE}
    key = {"purpose": kms.CryptoKey.CryptoKeyPurpose.ASYMMETRIC_SIGN, "version_template": template}
    made = client.create_crypto_key(
        request={"parent": ring, "crypto_key_id": name, "crypto_key": key | more}
    )
    assert made.name == f"{ring}/cryptoKeys/{name}", made
    assert made.version_template.algorithm == algorithm, made
    assert made.purpose == kms.CryptoKey.CryptoKeyPurpose.ASYMMETRIC_SIGN, made
    return f"{made.name}/cryptoKeyVersions/1"


def public_key(version):
    shown = client.get_public_key(request={"name": version})
    assert shown.name == version, shown
    assert shown.pem_crc32c == google_crc32c.value(shown.pem.encode()), shown
    return serialization.load_pem_public_key(shown.pem.encode())


def sign(version, **what):
    made = client.asymmetric_sign(request={"name": version} | what)
    assert made.name == version, made
    assert made.signature_crc32c == google_crc32c.value(made.signature), made
    assert made.verified_digest_crc32c == ("digest_crc32c" in what), made
    assert made.verified_data_crc32c == ("data_crc32c" in what), made
    return made.signature


def digest(hash):
    context = hashes.Hash(hash)
    context.update(MESSAGE)
    return context.finalize()


def check_signing():
    elliptic = [
        ("py-p256", Algorithm.EC_SIGN_P256_SHA256, hashes.SHA256(), "sha256"),
        ("py-p384", Algorithm.EC_SIGN_P384_SHA384, hashes.SHA384(), "sha384"),
    ]
    for name, algorithm, hash, field in elliptic:
        version, hashed = create(name, algorithm), digest(hash)
        sum = google_crc32c.value(hashed)
        signature = sign(version, digest={field: hashed}, digest_crc32c=sum)
        public_key(version).verify(signature, hashed, ec.ECDSA(Prehashed(hash)))
        sign(version, digest={field: hashed})
        wrong = {"name": version, "digest": {field: hashed}, "digest_crc32c": sum ^ 1}
        refused("INVALID_ARGUMENT", client.asymmetric_sign, request=wrong)
        other = {"name": version, "digest": {"sha512": digest(hashes.SHA512())}}
        refused("INVALID_ARGUMENT", client.asymmetric_sign, request=other)
    pkcs1, pss = padding.PKCS1v15(), padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    rsa = [
        ("py-rsa", Algorithm.RSA_SIGN_PKCS1_2048_SHA256, pkcs1),
        ("py-pss", Algorithm.RSA_SIGN_PSS_2048_SHA256, pss),
    ]
    for name, algorithm, how in rsa:
        version, hashed = create(name, algorithm), digest(hashes.SHA256())
        signature = sign(version, digest={"sha256": hashed})
        public_key(version).verify(signature, hashed, how, Prehashed(hashes.SHA256()))
    version, sum = create("py-ed25519", Algorithm.EC_SIGN_ED25519), google_crc32c.value(MESSAGE)
    public_key(version).verify(sign(version, data=MESSAGE, data_crc32c=sum), MESSAGE)
    wrong = {"name": version, "data": MESSAGE, "data_crc32c": sum ^ 1}
    refused("INVALID_ARGUMENT", client.asymmetric_sign, request=wrong)
    raw = create("py-raw", Algorithm.RSA_SIGN_RAW_PKCS1_2048)
    info = bytes.fromhex("3041300d060960864801650304020205000430") + digest(hashes.SHA384())
    public_key(raw).verify(sign(raw, data=info), MESSAGE, pkcs1, hashes.SHA384())


def update(version, state):
    return client.update_crypto_key_version(
        request={
            "crypto_key_version": {"name": version, "state": state},
            "update_mask": field_mask_pb2.FieldMask(paths=["state"]),
        }
    )


def check_life():
    version = create("py-life", Algorithm.EC_SIGN_P256_SHA256)
    key = version.rpartition("/cryptoKeyVersions/")[0]
    refused("ALREADY_EXISTS", create, "py-life", Algorithm.EC_SIGN_P256_SHA256)
    asking = {"name": version, "digest": {"sha256": digest(hashes.SHA256())}}
    assert update(version, State.DISABLED).state == State.DISABLED
    refused("FAILED_PRECONDITION", client.asymmetric_sign, request=asking)
    refused("FAILED_PRECONDITION", client.get_public_key, request={"name": version})
    assert update(version, State.ENABLED).state == State.ENABLED
    client.asymmetric_sign(request=asking)
    refused("INVALID_ARGUMENT", update, version, State.DESTROYED)
    gone = client.destroy_crypto_key_version(request={"name": version})
    assert gone.state == State.DESTROY_SCHEDULED, gone
    days = (gone.destroy_time - gone.create_time).days
    assert days == 30, days
    refused("FAILED_PRECONDITION", client.asymmetric_sign, request=asking)
    refused("FAILED_PRECONDITION", update, version, State.ENABLED)
    back = client.restore_crypto_key_version(request={"name": version})
    assert back.state == State.DISABLED, back
    second = client.create_crypto_key_version(
        request={"parent": key, "crypto_key_version": kms.CryptoKeyVersion()}
    )
    assert second.name == f"{key}/cryptoKeyVersions/2", second
    versions = list(client.list_crypto_key_versions(request={"parent": key, "page_size": 1}))
    assert [one.state for one in versions] == [State.DISABLED, State.ENABLED], versions
    unknown = {"name": f"{key}/cryptoKeyVersions/3"}
    refused("NOT_FOUND", client.get_crypto_key_version, request=unknown)
    assert client.get_crypto_key(request={"name": key}).name == key
    assert client.get_iam_policy(request={"resource": key}).bindings


def encrypt(name, plaintext, context=b""):
    made = client.encrypt(
        request={
            "name": name,
            "plaintext": plaintext,
            "plaintext_crc32c": google_crc32c.value(plaintext),
            "additional_authenticated_data": context,
            "additional_authenticated_data_crc32c": google_crc32c.value(context),
        }
    )
    assert made.verified_plaintext_crc32c, made
    assert made.verified_additional_authenticated_data_crc32c, made
    assert made.ciphertext_crc32c == google_crc32c.value(made.ciphertext), made
    return made


def check_encryption():
    template = {"algorithm": Algorithm.GOOGLE_SYMMETRIC_ENCRYPTION}
    key = {"purpose": kms.CryptoKey.CryptoKeyPurpose.ENCRYPT_DECRYPT, "version_template": template}
    made = client.create_crypto_key(
        request={"parent": ring, "crypto_key_id": "py-encrypts", "crypto_key": key}
    )
    name = made.name
    assert made.primary.name == f"{name}/cryptoKeyVersions/1", made
    old = encrypt(name, MESSAGE, b"context")
    assert old.name == made.primary.name, old
    second = client.create_crypto_key_version(
        request={"parent": name, "crypto_key_version": kms.CryptoKeyVersion()}
    )
    elected = client.update_crypto_key_primary_version(
        request={"name": name, "crypto_key_version_id": "2"}
    )
    assert elected.primary.name == second.name, elected
    assert encrypt(name, MESSAGE).name == second.name
    assert encrypt(made.primary.name, MESSAGE).name == made.primary.name
    asking = {
        "name": name,
        "ciphertext": old.ciphertext,
        "ciphertext_crc32c": google_crc32c.value(old.ciphertext),
        "additional_authenticated_data": b"context",
    }
    opened = client.decrypt(request=asking)
    assert opened.plaintext == MESSAGE and not opened.used_primary, opened
    assert opened.plaintext_crc32c == google_crc32c.value(MESSAGE), opened
    wrong = asking | {"additional_authenticated_data": b"another"}
    refused("INVALID_ARGUMENT", client.decrypt, request=wrong)
    wrong = asking | {"ciphertext_crc32c": 1}
    refused("INVALID_ARGUMENT", client.decrypt, request=wrong)
    update(made.primary.name, State.DISABLED)
    refused("FAILED_PRECONDITION", client.decrypt, request=asking)


def check_lists():
    request = {"parent": ring, "page_size": 2}
    pages = list(client.list_crypto_keys(request=request).pages)
    assert all(len(page.crypto_keys) <= 2 for page in pages), pages
    names = [key.name.rpartition("/")[2] for page in pages for key in page.crypto_keys]
    assert len(names) == 8 and names == sorted(names), names
    nowhere = {"parent": ring + "-2"}
    refused("NOT_FOUND", client.list_crypto_keys, request=nowhere)


check_signing()
check_life()
check_encryption()
check_lists()
print("the client gets along with it")
