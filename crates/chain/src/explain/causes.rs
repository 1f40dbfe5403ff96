//! Causes, and what mends each.

use serde::Serialize;

macro_rules! causes {
    ($($(#[doc = $doc:literal])+ $name:ident { $what:literal, $why:literal, [$($remedy:literal),+ $(,)?] })+) => {
        /// Why TLS failed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
        #[serde(rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum Cause {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Cause {
            /// What, why, and what to do.
            pub(super) const fn text(self) -> (&'static str, &'static str, &'static [&'static str]) {
                match self {
                    $(Self::$name => ($what, $why, &[$($remedy),+]),)+
                }
            }
        }
    };
}

causes! {
    /// A certificate's validity is over.
    Expired {
        "A certificate of the chain has expired.",
        "Often not the server's own but an intermediate or a root (an old cross-signed one), or a renewed certificate that was never loaded: servers read their files at start and reload only.",
        ["see which one: skink chain diagnose HOST:443",
         "if the file is newer than what is served, reload the server",
         "otherwise renew, install the full chain, reload; skink chain watch HOST:443 --within 21d warns in time"]
    }
    /// A certificate's validity has not begun.
    NotYetValid {
        "A certificate is not valid yet.",
        "Almost always the clock of the machine that complains is behind; or the certificate was issued minutes ago by a machine whose clock is ahead.",
        ["compare clocks: date -u; timedatectl",
         "set the clock (NTP), on virtual machines and devices without a battery above all",
         "skink chain diagnose HOST:443 shows from when the certificate is valid"]
    }
    /// No path to a trusted root could be built.
    UnknownIssuer {
        "The verifier knows no issuer for a certificate: an intermediate is missing, or the root is not trusted.",
        "Two cases that look alike. Either the server sends its own certificate without the intermediates (browsers hide this by fetching them; programs do not), or the chain is whole and ends at a root that this program's trust store does not hold: a private authority, an inspecting proxy, or a store that is out of date.",
        ["find out which: skink chain diagnose HOST:443",
         "missing intermediate: skink chain fix cert.pem --key key.pem, configure the fullchain file, reload",
         "private root: skink chain trust install root.pem, or name it to the program (curl --cacert, SSL_CERT_FILE, REQUESTS_CA_BUNDLE, NODE_EXTRA_CA_CERTS, -Djavax.net.ssl.trustStore)",
         "never turn verification off: anybody in between could then read along"]
    }
    /// The server's certificate is its own issuer.
    SelfSigned {
        "The server presents a self-signed certificate.",
        "A default certificate (snakeoil, an appliance's own, a server that found no other for this name), or one made with openssl req -x509.",
        ["is it the right server and the right name? skink chain fetch HOST:443 --sni NAME shows what is presented",
         "have it signed by an authority; a certificate for itself cannot be revoked or renewed without touching every client",
         "for a test, trust just this one: curl --cacert cert.pem"]
    }
    /// The chain ends at a root that is presented but not trusted.
    UntrustedRoot {
        "The chain is complete and its root is not trusted.",
        "A private authority, or a proxy that inspects traffic and signs with its own root. That the server sends the root along changes nothing: trust comes from the client's store.",
        ["which root: skink chain fetch HOST:443",
         "if it is your organisation's: skink chain trust install root.pem",
         "if you do not know it, somebody may be in between: ask before trusting it"]
    }
    /// The name is not in the certificate.
    NameMismatch {
        "The certificate does not carry the name that was asked for.",
        "Another virtual host answers (no SNI, or a default server), the name was added to DNS but not to the certificate, an address is used instead of a name, or a wildcard is expected to cover two labels (*.example.com covers a.example.com, not a.b.example.com).",
        ["which names it has: skink chain fetch HOST:443 | skink chain inspect -",
         "issue a certificate whose subjectAltName lists this name (addresses as IP entries)",
         "or connect by a name that it has"]
    }
    /// There is no subjectAltName.
    NoSubjectAltName {
        "The certificate names its host in the common name only.",
        "Common names stopped counting: RFC 9525, browsers since 2017, Go since 1.15.",
        ["issue it again with a subjectAltName: openssl req … -addext subjectAltName=DNS:www.example.com"]
    }
    /// Certificate and private key are no pair.
    KeyMismatch {
        "Certificate and private key do not belong together.",
        "The key of an older request, the key of another host, or a certificate file that begins with the intermediate instead of the server's own.",
        ["see which belong together: skink chain match key.pem cert.pem",
         "put the server's own certificate first: skink chain fix cert.pem --key key.pem",
         "if the key is lost, make a new one and have the certificate issued again"]
    }
    /// A certificate was revoked.
    Revoked {
        "The issuer has revoked a certificate.",
        "Its key was compromised, it was replaced, or its authority itself was revoked. This is a decision of the issuer, and not to be worked around.",
        ["see by which list and why: skink chain diagnose HOST:443",
         "issue a new certificate with a new key, install it, reload"]
    }
    /// Revocation could not be checked.
    RevocationUnknown {
        "Whether the certificate is revoked could not be found out.",
        "No CRL or OCSP response is at hand for this issuer, it is out of date, it does not come from the issuer, or the responder cannot be reached (a firewall between the client and http://…/crl).",
        ["what is there, and how old: skink chain inspect FILE.crl",
         "fetch the current list from the address in the certificate; check that nextUpdate lies ahead",
         "with OpenSSL every issuer of the chain needs a list under -crl_check_all; nginx needs them all in ssl_crl",
         "let the server staple, so that clients need not ask: skink chain config nginx …"]
    }
    /// A stapled answer is missing or bad.
    StaplingFailed {
        "The stapled OCSP response is missing or not usable.",
        "The server could not fetch it (no resolver, no way out, no issuer in its chain), or the certificate demands stapling (must-staple) and the server does not.",
        ["skink chain fetch HOST:443 --scan shows whether it staples each time",
         "nginx needs resolver and ssl_trusted_certificate; Apache needs SSLStaplingCache: skink chain config writes both",
         "a certificate without an OCSP address cannot be stapled: turn stapling off there"]
    }
    /// A key is too small.
    WeakKey {
        "A key in the chain is too small.",
        "RSA below 2048 bits, or an old curve; OpenSSL refuses it at security level 2, the default of Debian and Red Hat.",
        ["issue with P-256 or RSA 3072; for an authority's key, the whole authority",
         "not: lowering @SECLEVEL, which opens everything else too"]
    }
    /// A signature uses a broken digest.
    WeakDigest {
        "A certificate in the chain is signed with a broken algorithm (SHA-1, MD5).",
        "Collisions are cheap; OpenSSL 3 refuses SHA-1 at its default level, browsers since 2017. The root's own signature does not count.",
        ["which one: skink chain diagnose HOST:443",
         "have it issued again with SHA-256; if it is an intermediate, fetch the issuer's newer one"]
    }
    /// A prime is too small.
    WeakDh {
        "The server's Diffie-Hellman parameters are too small.",
        "A dhparam file of 1024 bits or less (Logjam), often a built-in default of an old server.",
        ["on the server: ffdhe2048 or more (openssl dhparam 2048), or ECDHE only",
         "skink chain fetch HOST:443 --scan shows the prime's size"]
    }
    /// A certificate is used for what it is not meant.
    WrongPurpose {
        "A certificate is used for a purpose that it is not issued for.",
        "A server's certificate as client certificate or the other way round (extendedKeyUsage), or a keyUsage that forbids it.",
        ["what it is for: skink chain inspect cert.pem",
         "issue it with serverAuth for servers, clientAuth for clients; both only where both are needed"]
    }
    /// An issuer may not issue.
    NotAnAuthority {
        "A certificate in the chain is used as authority and is none.",
        "basicConstraints does not say CA, keyUsage lacks keyCertSign, or a path length forbids another level. Often a server's certificate was used to sign others.",
        ["which one: skink chain diagnose HOST:443",
         "make the authority's certificate anew: basicConstraints=critical,CA:TRUE and keyUsage=critical,keyCertSign,cRLSign"]
    }
    /// A name lies outside of what its authority may issue.
    NameConstraint {
        "A name in the certificate lies outside of what its authority may issue.",
        "An authority above carries name constraints that do not permit it, or exclude it.",
        ["skink chain diagnose HOST:443 names the constraint and the name",
         "issue from an authority that may, or for a name that is permitted"]
    }
    /// A critical extension is not understood.
    UnknownExtension {
        "A certificate has a critical extension that the program does not know.",
        "Critical means: refuse me rather than ignore this. Often name or policy constraints and an old library.",
        ["which one: skink chain inspect cert.pem", "update the library, or issue without it"]
    }
    /// A signature is wrong.
    BadSignature {
        "A signature does not verify.",
        "The chain holds an issuer of the right name with another key (an authority that was renewed with a new key), or a file is damaged.",
        ["skink chain diagnose FILES finds the issuer whose key fits",
         "replace the intermediate by the one that signed the certificate"]
    }
    /// Client and server have nothing in common.
    NoCommonCipher {
        "Client and server have no cipher, group or signature algorithm in common.",
        "One side is old or was hardened; an RSA-only client meets an ECDSA certificate; or the server has no certificate for the name at all. Many servers send this alert also when they miss a client certificate.",
        ["what the server takes: skink chain fetch HOST:443 --scan",
         "does the certificate load at all? skink chain match key.pem cert.pem, and the server's log at start"]
    }
    /// Client and server have no version in common.
    VersionMismatch {
        "Client and server have no protocol version in common.",
        "One side speaks TLS 1.0 or 1.1 only, and the other no longer does (RFC 8996).",
        ["what the server speaks: skink chain fetch HOST:443 --scan",
         "turn on TLS 1.2 and 1.3 on the older side; lowering the newer side is the last resort"]
    }
    /// What answers is not TLS.
    NotTls {
        "One side speaks TLS and the other does not.",
        "https:// towards a port that speaks plain HTTP (or the other way round), a protocol that wants STARTTLS first, or a proxy in between.",
        ["what answers there: skink chain fetch HOST:PORT",
         "nginx: `listen 443 ssl;`; Apache: `SSLEngine on`; is the port right?",
         "mail, LDAP, PostgreSQL: skink chain fetch HOST:PORT --starttls smtp"]
    }
    /// The server wants a certificate from its client.
    ClientCertificateRequired {
        "The server wants a client certificate and got none.",
        "None is configured, the program found none whose issuer the server listed, or its key was not readable.",
        ["whom the server takes: skink chain fetch HOST:443 (clients)",
         "give one: curl --cert me.pem --key me.key; browsers: import a PKCS#12 file"]
    }
    /// The other side refuses the certificate.
    PeerRefused {
        "The other side refuses the certificate that it was shown.",
        "The message comes from the peer as an alert: it does not trust the issuer, or finds the certificate expired, revoked or of the wrong kind. The reason is in its log, not in this one.",
        ["look into the log of the other side",
         "on a server: the client lacks your root, or you do not send the intermediate: skink chain diagnose HOST:443",
         "on a client: the server's list of client authorities lacks yours (ssl_client_certificate, SSLCACertificateFile, ssl_ca_file)"]
    }
    /// The connection ended in the handshake.
    Closed {
        "The connection ended in the middle of the handshake.",
        "A firewall or proxy that dislikes the name (SNI), a server without a certificate for it, a crashed worker, a plain-text port, or a limit on connections.",
        ["skink chain fetch HOST:443, with --sni and --no-sni, shows whether the name matters",
         "skink chain fetch HOST:443 --scan shows whether the version matters",
         "the server's log at the very time"]
    }
    /// The server has nothing for the name.
    UnknownName {
        "The server has nothing for the name that it was asked for (SNI).",
        "The name is missing in server_name or ServerAlias, or the client asks for another name than people think.",
        ["skink chain fetch HOST:443 --sni NAME", "add the name to the server's configuration, and to its certificate"]
    }
    /// A private key is locked or the password is wrong.
    KeyLocked {
        "The private key is encrypted, and the password is missing or wrong.",
        "A server that starts by itself has nobody to ask; PKCS#12 files written by OpenSSL 3 use algorithms that old readers do not know, and the other way round.",
        ["take the password off, readable by the server alone: openssl pkey -in key.pem -out plain.pem && chmod 600 plain.pem",
         "old PKCS#12 files: openssl pkcs12 -legacy -in old.p12",
         "skink chain inspect FILE says what it holds and how it is locked"]
    }
    /// A file is not what it should be.
    UnreadableFile {
        "A file does not hold what the program expects.",
        "DER where PEM is wanted, a key where a certificate is wanted, Windows or UTF-16 line ends, a line that was lost in copying, an HTML page saved as .crt, or a wrong path.",
        ["what it holds: skink chain inspect FILE",
         "DER to PEM: openssl x509 -inform DER -in cert.der -out cert.pem"]
    }
    /// A file may not be read, or by too many.
    FilePermission {
        "The permissions of a key or certificate file are wrong.",
        "The server's user cannot read it, or others can and the program refuses a key that is not private.",
        ["chown postgres: server.key && chmod 600 server.key (or root:postgres and 640)",
         "each folder above must be enterable; SELinux: restorecon -v FILE"]
    }
    /// The trust store is empty or missing.
    NoTrustStore {
        "The program found no trusted roots at all.",
        "The package ca-certificates is missing (slim images), a path in SSL_CERT_FILE or cacert is wrong, or a Java trust store is empty or of the wrong type.",
        ["skink chain trust list shows the stores of this machine",
         "install roots: apt-get install ca-certificates, apk add ca-certificates, dnf install ca-certificates",
         "Java: -Djavax.net.ssl.trustStore=… and its password; type PKCS12 or JKS"]
    }
    /// The peer renegotiates in the old way.
    LegacyRenegotiation {
        "The server renegotiates in the old, unsafe way.",
        "A server or appliance from before RFC 5746 (2010); OpenSSL 3 refuses it.",
        ["update the server", "skink chain fetch HOST:443 --scan tells whether it is still so",
         "until then, for this one client: Options = UnsafeLegacyServerConnect in its openssl.cnf"]
    }
    /// Public logs are missing.
    NotLogged {
        "The certificate is not in the public logs (Certificate Transparency).",
        "Browsers want it for public authorities; for private roots that were installed by hand they do not.",
        ["have it issued again by an authority that logs", "a private root belongs into the machine's store: skink chain trust install root.pem"]
    }
    /// The validity is too long.
    ValidityTooLong {
        "The certificate is valid for longer than browsers take.",
        "Public certificates: 398 days since September 2020, 200 since March 2026, 100 from March 2027, 47 from March 2029. Apple takes 825 days also of private roots.",
        ["issue for a shorter time and renew automatically"]
    }
    /// Strict transport or a pin forbids to go on.
    Pinned {
        "The site has promised to use TLS well (HSTS) or a pin does not match, so no exception is possible.",
        "The error beneath counts; HSTS only takes away the button to ignore it. A pin that does not match means another key than the app expects: an inspecting proxy, or a renewal with a new key.",
        ["find the error beneath: skink chain diagnose HOST:443",
         "pins: renew with the same key, or ship the next pin before changing"]
    }
    /// No protocol of the application in common.
    NoCommonProtocol {
        "Client and server have no application protocol in common (ALPN).",
        "A client that offers only h2 to a server that speaks only http/1.1, or the other way round; gRPC needs h2.",
        ["what it takes: skink chain fetch HOST:443 --scan", "nginx: `http2 on;` or `listen 443 ssl http2;`"]
    }
    /// The crypto of the two ends disagrees.
    Garbled {
        "A message could not be decrypted or verified.",
        "The private key in a device is not the certificate's, hardware or memory is broken, two processes share one connection, or something between the two changes bytes.",
        ["skink chain match key.pem cert.pem", "does it happen directly, without proxy and load balancer?"]
    }
}
