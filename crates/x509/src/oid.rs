//! Object identifiers, by the names that the RFCs give them.

pub use der::asn1::ObjectIdentifier;

macro_rules! oids {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub const $name: ObjectIdentifier = ObjectIdentifier::new_unwrap($text);)*
    };
}

oids! {
    /// id-kp-serverAuth (RFC 5280 §4.2.1.12).
    SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
    /// id-kp-clientAuth.
    CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
    /// id-kp-codeSigning.
    CODE_SIGNING = "1.3.6.1.5.5.7.3.3";
    /// id-kp-emailProtection.
    EMAIL_PROTECTION = "1.3.6.1.5.5.7.3.4";
    /// id-kp-timeStamping.
    TIME_STAMPING = "1.3.6.1.5.5.7.3.8";
    /// id-kp-OCSPSigning (RFC 6960 §4.2.2.2).
    OCSP_SIGNING = "1.3.6.1.5.5.7.3.9";
    /// The purpose of who signs precertificates (RFC 6962 §3.1).
    PRECERTIFICATE_SIGNING = "1.3.6.1.4.1.11129.2.4.4";
    /// anyExtendedKeyUsage.
    ANY_EXTENDED_KEY_USAGE = "2.5.29.37.0";
    /// Extended key usage of the key that signs trust packages.
    SKINK_TRUST = "1.3.6.1.4.1.61803.1.1";
    /// Extension with the epoch of a trust key: an INTEGER.
    SKINK_EPOCH = "1.3.6.1.4.1.61803.1.2";

    /// subjectDirectoryAttributes extension (RFC 5280 §4.2.1.8).
    SUBJECT_DIRECTORY_ATTRIBUTES = "2.5.29.9";
    /// noRevAvail extension (RFC 9608 §2).
    NO_REV_AVAIL = "2.5.29.56";
    /// subjectKeyIdentifier extension (RFC 5280 §4.2.1.2).
    SUBJECT_KEY_IDENTIFIER = "2.5.29.14";
    /// keyUsage extension (§4.2.1.3).
    KEY_USAGE = "2.5.29.15";
    /// subjectAltName extension (§4.2.1.6).
    SUBJECT_ALT_NAME = "2.5.29.17";
    /// issuerAltName extension (§4.2.1.7).
    ISSUER_ALT_NAME = "2.5.29.18";
    /// basicConstraints extension (§4.2.1.9).
    BASIC_CONSTRAINTS = "2.5.29.19";
    /// cRLNumber extension (§5.2.3).
    CRL_NUMBER = "2.5.29.20";
    /// reasonCode entry extension (§5.3.1).
    REASON_CODE = "2.5.29.21";
    /// invalidityDate entry extension (§5.3.2).
    INVALIDITY_DATE = "2.5.29.24";
    /// deltaCRLIndicator extension (§5.2.4).
    DELTA_CRL_INDICATOR = "2.5.29.27";
    /// issuingDistributionPoint extension (§5.2.5).
    ISSUING_DISTRIBUTION_POINT = "2.5.29.28";
    /// certificateIssuer entry extension (§5.3.3).
    CERTIFICATE_ISSUER = "2.5.29.29";
    /// nameConstraints extension (§4.2.1.10).
    NAME_CONSTRAINTS = "2.5.29.30";
    /// cRLDistributionPoints extension (§4.2.1.13).
    CRL_DISTRIBUTION_POINTS = "2.5.29.31";
    /// certificatePolicies extension (§4.2.1.4).
    CERTIFICATE_POLICIES = "2.5.29.32";
    /// policyMappings extension (§4.2.1.5).
    POLICY_MAPPINGS = "2.5.29.33";
    /// authorityKeyIdentifier extension (§4.2.1.1).
    AUTHORITY_KEY_IDENTIFIER = "2.5.29.35";
    /// policyConstraints extension (§4.2.1.11).
    POLICY_CONSTRAINTS = "2.5.29.36";
    /// extKeyUsage extension (§4.2.1.12).
    EXTENDED_KEY_USAGE = "2.5.29.37";
    /// freshestCRL extension (§4.2.1.15).
    FRESHEST_CRL = "2.5.29.46";
    /// inhibitAnyPolicy extension (§4.2.1.14).
    INHIBIT_ANY_POLICY = "2.5.29.54";
    /// authorityInfoAccess extension (§4.2.2.1).
    AUTHORITY_INFO_ACCESS = "1.3.6.1.5.5.7.1.1";
    /// subjectInfoAccess extension (§4.2.2.2).
    SUBJECT_INFO_ACCESS = "1.3.6.1.5.5.7.1.11";
    /// id-ad-ocsp access method.
    AD_OCSP = "1.3.6.1.5.5.7.48.1";
    /// id-ad-caIssuers access method.
    AD_CA_ISSUERS = "1.3.6.1.5.5.7.48.2";
    /// id-pkix-ocsp-basic (RFC 6960 §4.2.1).
    OCSP_BASIC = "1.3.6.1.5.5.7.48.1.1";
    /// id-pkix-ocsp-nonce (§4.4.1).
    OCSP_NONCE = "1.3.6.1.5.5.7.48.1.2";
    /// id-pkix-ocsp-nocheck (§4.2.2.2.1).
    OCSP_NOCHECK = "1.3.6.1.5.5.7.48.1.5";
    /// id-pkix-ocsp-extended-revoke (§4.4.8).
    OCSP_EXTENDED_REVOKE = "1.3.6.1.5.5.7.48.1.9";
    /// extensionRequest attribute of a CSR (RFC 2985 §5.4.2).
    EXTENSION_REQUEST = "1.2.840.113549.1.9.14";

    /// commonName attribute.
    COMMON_NAME = "2.5.4.3";
    /// countryName attribute.
    COUNTRY = "2.5.4.6";
    /// localityName attribute.
    LOCALITY = "2.5.4.7";
    /// stateOrProvinceName attribute.
    STATE = "2.5.4.8";
    /// organizationName attribute.
    ORGANIZATION = "2.5.4.10";
    /// organizationalUnitName attribute.
    ORGANIZATIONAL_UNIT = "2.5.4.11";

    /// id-ecPublicKey (RFC 5480).
    EC_PUBLIC_KEY = "1.2.840.10045.2.1";
    /// secp256r1, P-256.
    SECP256R1 = "1.2.840.10045.3.1.7";
    /// secp384r1, P-384.
    SECP384R1 = "1.3.132.0.34";
    /// secp521r1, P-521.
    SECP521R1 = "1.3.132.0.35";
    /// rsaEncryption (RFC 3279).
    RSA_ENCRYPTION = "1.2.840.113549.1.1.1";
    /// id-Ed25519 (RFC 8410): key and signature.
    ED25519 = "1.3.101.112";
    /// ecdsa-with-SHA256 (RFC 5758).
    ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2";
    /// ecdsa-with-SHA384.
    ECDSA_WITH_SHA384 = "1.2.840.10045.4.3.3";
    /// ecdsa-with-SHA512.
    ECDSA_WITH_SHA512 = "1.2.840.10045.4.3.4";
    /// sha256WithRSAEncryption (RFC 4055).
    SHA256_WITH_RSA = "1.2.840.113549.1.1.11";
    /// sha384WithRSAEncryption.
    SHA384_WITH_RSA = "1.2.840.113549.1.1.12";
    /// sha512WithRSAEncryption.
    SHA512_WITH_RSA = "1.2.840.113549.1.1.13";
    /// sha1WithRSAEncryption: weak.
    SHA1_WITH_RSA = "1.2.840.113549.1.1.5";
    /// ecdsa-with-SHA1: weak.
    ECDSA_WITH_SHA1 = "1.2.840.10045.4.1";
    /// id-sha1: the hash of most OCSP certificate ids.
    SHA1 = "1.3.14.3.2.26";
    /// id-sha256.
    SHA256 = "2.16.840.1.101.3.4.2.1";
    /// id-sha384.
    SHA384 = "2.16.840.1.101.3.4.2.2";
    /// id-sha512.
    SHA512 = "2.16.840.1.101.3.4.2.3";
    /// id-RSASSA-PSS (RFC 4055): key and signature.
    RSASSA_PSS = "1.2.840.113549.1.1.10";
    /// id-mgf1.
    MGF1 = "1.2.840.113549.1.1.8";
    /// id-dsa (RFC 3279): key.
    DSA = "1.2.840.10040.4.1";
    /// id-ml-dsa-44 (RFC 9881): key and signature.
    ML_DSA_44 = "2.16.840.1.101.3.4.3.17";
    /// id-ml-dsa-65.
    ML_DSA_65 = "2.16.840.1.101.3.4.3.18";
    /// id-ml-dsa-87.
    ML_DSA_87 = "2.16.840.1.101.3.4.3.19";
    /// md2WithRSAEncryption: known in order to be refused.
    MD2_WITH_RSA = "1.2.840.113549.1.1.2";
    /// md5WithRSAEncryption: known in order to be refused.
    MD5_WITH_RSA = "1.2.840.113549.1.1.4";
}
