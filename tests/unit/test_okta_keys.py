"""Private keys as people paste them into a connection, and what is signed with them."""

from __future__ import annotations

import base64
import hashlib
import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from okta_mi_provider.clients.errors import ConfigurationError
from okta_mi_provider.clients.okta_keys import ProofKey, SigningKey

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP384R1())


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


def jwk(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, **more: str) -> str:
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    return json.dumps({**algorithm.to_jwk(key, as_dict=True), **more})


def parse(text: str, key_id: str | None = None) -> SigningKey:
    return SigningKey.parse(text, key_id=key_id, what="The private key in the test")


@pytest.mark.parametrize(
    "text",
    [
        pem(RSA),
        pem(RSA, PrivateFormat.TraditionalOpenSSL),
        pem(RSA).replace("\n", "\\n"),
        pem(RSA).replace("\n", " "),
        pem(RSA).replace("\n", "\r\n"),
        f"Bag Attributes\n{pem(RSA)}\n",
        jwk(RSA),
        jwk(RSA, use="sig", alg="RS256"),
        json.dumps({"keys": [json.loads(jwk(RSA))]}),
    ],
)
def test_an_rsa_key_is_read_in_every_form(text: str) -> None:
    token = parse(text, "k1").sign({"iss": "app"})
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "kid": "k1", "typ": "JWT"}
    assert jwt.decode(token, RSA.public_key(), algorithms=["RS256"]) == {"iss": "app"}


@pytest.mark.parametrize(
    ("curve", "algorithm"),
    [(ec.SECP256R1(), "ES256"), (ec.SECP384R1(), "ES384"), (ec.SECP521R1(), "ES512")],
)
def test_an_elliptic_key_signs_as_its_curve_demands(curve: ec.EllipticCurve, algorithm: str) -> None:
    key = ec.generate_private_key(curve)
    for text in (pem(key), pem(key, PrivateFormat.TraditionalOpenSSL), jwk(key)):
        token = parse(text).sign({"iss": "app"})
        assert jwt.decode(token, key.public_key(), algorithms=[algorithm]) == {"iss": "app"}


def test_the_parameters_in_front_of_an_elliptic_key_do_no_harm() -> None:
    """As `openssl ecparam -name prime256v1 -genkey` writes it."""
    key = ec.generate_private_key(ec.SECP256R1())
    token = parse(PARAMETERS + pem(key, PrivateFormat.TraditionalOpenSSL)).sign({"iss": "app"})
    assert jwt.decode(token, key.public_key(), algorithms=["ES256"]) == {"iss": "app"}


def test_a_jwk_brings_its_id_and_algorithm() -> None:
    key = parse(jwk(RSA, kid="from-okta", alg="RS512"))
    assert (key.key_id, key.algorithm) == ("from-okta", "RS512")


def test_a_key_without_an_id_names_none() -> None:
    assert "kid" not in jwt.get_unverified_header(parse(pem(RSA)).sign({}))


PUBLIC = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
ENCRYPTED = RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")).decode()
OLD_ENCRYPTED = RSA.private_bytes(
    Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"secret")
).decode()
OPENSSH = RSA.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
PARAMETERS = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
SHORT = pem(rsa.generate_private_key(public_exponent=65537, key_size=1024))
ED25519 = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hunter2hunter2", "neither PEM"),
        (pem(RSA)[:800], "a part is missing"),
        (pem(RSA).replace("\n", " ")[:800], "a part is missing"),
        ("/etc/keys/okta", "is the name of a file"),
        ("~/okta.pem", "is the name of a file"),
        ("okta.pem\n", "is the name of a file"),
        (OPENSSH, "ssh-keygen -p -m PEM"),
        (PARAMETERS, "is a ec parameters; the private key is needed"),
        (PUBLIC, "is a public key"),
        (ENCRYPTED, "is encrypted"),
        (OLD_ENCRYPTED, "is encrypted"),
        (SHORT, "1024 bits; Okta wants at least 2048"),
        (ED25519, "not an RSA key, nor an EC key"),
        (pem(ec.generate_private_key(ec.SECP256K1())), "not an RSA key, nor an EC key"),
        (pem(RSA).replace("M", "é"), "damaged PEM"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "damaged PEM"),
        ("{not json", "is not JSON"),
        ('{"kty": "oct", "k": "AAAA"}', "not the JWK of an RSA or EC key"),
        ('{"kty": "RSA", "n": "AQAB", "e": "AQAB"}', "is the public key"),
        ('{"kty": "RSA", "n": "AQAB", "e": "AQAB", "d": "?"}', "damaged JWK"),
        ('{"kty": "EC", "crv": "P-256", "d": 7}', "damaged JWK"),
        ('{"keys": []}', "not the JWK"),
        ('{"kty": ["EC"], "d": "?"}', "not the JWK"),
        ('{"a":' * 20_000, "is not JSON"),
    ],
)
def test_what_cannot_sign_for_okta_is_refused_and_not_shown(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        parse(text)
    assert str(caught.value).startswith("The private key in the test")
    assert not any(word in str(caught.value) for word in text.split() if len(word) > 20)


def test_two_ids_that_differ_are_an_error() -> None:
    with pytest.raises(ConfigurationError, match="says it is 'a', but private_key_id is 'b'"):
        parse(jwk(RSA, kid="a"), "b")


def test_a_key_shows_nothing_of_itself() -> None:
    assert repr(parse(pem(RSA), "k1")) == "SigningKey(algorithm='RS256', key_id='k1')"


def test_a_proof_says_for_which_request_and_token_it_is() -> None:
    key = ProofKey()
    proof = key.proof("GET", "https://acme.okta.com/api/v1/groups?limit=1", now=1e9, nonce="n", token="t0ken")
    header = jwt.get_unverified_header(proof)
    assert header["typ"] == "dpop+jwt"
    assert "d" not in header["jwk"]
    claims = jwt.decode(proof, ECAlgorithm.from_jwk(header["jwk"]), algorithms=["ES256"], options={"verify_iat": False})
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"t0ken").digest()).rstrip(b"=").decode()
    jti = claims.pop("jti")
    assert claims == {
        "htm": "GET",
        "htu": "https://acme.okta.com/api/v1/groups",
        "iat": 10**9,
        "nonce": "n",
        "ath": digest,
    }
    again = key.proof("GET", "https://acme.okta.com/api/v1/groups", now=1e9)
    assert jwt.decode(again, options={"verify_signature": False})["jti"] != jti
