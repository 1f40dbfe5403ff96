//! What can go wrong between bytes and structures.

use crate::Time;

/// Why bytes are not the structure they were taken for. Everybody who receives bytes can cause it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The DER does not follow the structure's ASN.1.
    #[error("malformed DER in {what}")]
    Der {
        /// The structure or field that was being read.
        what: &'static str,
        /// What the decoder says.
        #[source]
        source: der::Error,
    },
    /// The text is no PEM, or its label is another one.
    #[error("no PEM block {label:?} that can be read")]
    Pem {
        /// The label that was wanted.
        label: &'static str,
        /// What the decoder says, when there was a block.
        #[source]
        source: Option<der::pem::Error>,
    },
    /// The structure is well formed, but breaks a rule that a reader must enforce.
    #[error("{what} {rule}")]
    Rule {
        /// The structure or field that breaks the rule.
        what: &'static str,
        /// How it breaks it.
        rule: &'static str,
    },
    /// The version is not one that may be, or does not fit what is there (RFC 5280 §4.1.2.1).
    #[error("the certificate {rule}")]
    Version {
        /// How it does not fit.
        rule: &'static str,
    },
    /// The serial number is none that may be (RFC 5280 §4.1.2.2).
    #[error("the serial number {rule}")]
    Serial {
        /// How it breaks the rule.
        rule: &'static str,
    },
    /// What is signed names another algorithm than what stands beside the signature (RFC 5280
    /// §4.1.1.2 and §5.1.1.2).
    #[error("{what} names two signature algorithms, inside and outside")]
    AlgorithmMismatch {
        /// The structure.
        what: &'static str,
    },
    /// An extension stands twice (RFC 5280 §4.2).
    #[error("{what} has the extension {oid} twice")]
    DuplicateExtension {
        /// The structure.
        what: &'static str,
        /// Which extension.
        oid: der::asn1::ObjectIdentifier,
    },
    /// The value of an extension is not what it must be.
    #[error("the extension {oid} cannot be read")]
    Extension {
        /// Which extension.
        oid: der::asn1::ObjectIdentifier,
        /// What is wrong with it.
        #[source]
        source: Box<Self>,
    },
    /// The public key cannot be used.
    #[error("the public key cannot be used")]
    Key(#[source] KeyError),
}

impl ParseError {
    pub(crate) fn der(what: &'static str) -> impl FnOnce(der::Error) -> Self {
        move |source| Self::Der { what, source }
    }

    pub(crate) const fn rule(what: &'static str, rule: &'static str) -> Self {
        Self::Rule { what, rule }
    }
}

/// Why a `SubjectPublicKeyInfo` is not a usable public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The DER is malformed.
    #[error("malformed DER in the SubjectPublicKeyInfo")]
    Der(#[source] der::Error),
    /// An algorithm, a curve or parameters that are not supported.
    #[error("unsupported key algorithm {0}")]
    UnsupportedAlgorithm(der::asn1::ObjectIdentifier),
    /// The value is no point of its curve, or no modulus and exponent.
    #[error("the key's value is not valid for its algorithm")]
    InvalidValue,
    /// An RSA modulus above 16384 bits: refused for the time that it would cost.
    #[error("an RSA modulus of {0} bits is larger than the 16384 that are read")]
    TooLarge(usize),
}

/// Why a structure cannot be written. A caller's mistake, found before anything is signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The DER encoder refuses.
    #[error("{what} cannot be encoded")]
    Der {
        /// The structure or field that was being written.
        what: &'static str,
        /// What the encoder says.
        #[source]
        source: der::Error,
    },
    /// A time before 1970 or after 9999 has no encoding here.
    #[error("the time {0} has no encoding in a certificate")]
    TimeOutOfRange(Time),
    /// A value breaks a rule of its field.
    #[error("{what} {rule}")]
    Rule {
        /// The field.
        what: &'static str,
        /// The rule that is broken.
        rule: &'static str,
    },
    /// The same extension was given twice.
    #[error("the extension {0} is given twice")]
    DuplicateExtension(der::asn1::ObjectIdentifier),
    /// Writing the encoded bytes failed.
    #[error("the encoded bytes cannot be written: {0}")]
    Io(std::io::ErrorKind),
}

impl EncodeError {
    pub(crate) fn der(what: &'static str) -> impl FnOnce(der::Error) -> Self {
        move |source| Self::Der { what, source }
    }

    pub(crate) const fn rule(what: &'static str, rule: &'static str) -> Self {
        Self::Rule { what, rule }
    }
}

/// The signature does not verify with the key and the algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;
