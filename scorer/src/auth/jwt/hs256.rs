//! HMAC-SHA-256 for `jsonwebtoken`, whose own back ends bring RSA with a known weakness along.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey,
    crypto::{self, CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::ErrorKind,
    signature::{self, Signer, Verifier},
};
use sha2::Sha256;

use crate::settings::Secret;

/// The only algorithm that access tokens are signed with (contract §2.3).
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key: &EncodingKey| match algorithm {
        Algorithm::HS256 => Ok(Box::new(Hs256(key.as_bytes().to_vec()))),
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    },
    verifier_factory: |algorithm, key: &DecodingKey| match algorithm {
        Algorithm::HS256 => Ok(Box::new(Hs256(key.try_get_as_bytes()?.to_vec()))),
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    },
    key_utils: KeyUtils::new_unimplemented(),
};

/// Whether the signature belongs to the signed text; compared in constant time.
pub(super) fn verifies(signed: &str, signature: &[u8], key: &Secret) -> bool {
    // Whoever embeds this service may have installed a provider of their own: that one serves, too.
    let _already_installed = PROVIDER.install_default();
    let key = DecodingKey::from_secret(key.expose().as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(signature);
    matches!(
        crypto::verify(&signature, signed.as_bytes(), &key, Algorithm::HS256),
        Ok(true)
    )
}

struct Hs256(Vec<u8>);

impl Hs256 {
    fn over(&self, message: &[u8]) -> Result<Hmac<Sha256>, signature::Error> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).map_err(|_| signature::Error::new())?;
        mac.update(message);
        Ok(mac)
    }
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(self.over(message)?.finalize().into_bytes().to_vec())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        self.over(message)?
            .verify_slice(signature)
            .map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}
