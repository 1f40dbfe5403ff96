//! A client hello (RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2, RFC 6101).

use super::names::{SSL3, TLS10, TLS12, TLS13};

/// What a client says first.
#[derive(Clone, Debug)]
pub(crate) struct Hello {
    /// The highest version on offer.
    pub(crate) version: u16,
    pub(crate) ciphers: Vec<u16>,
    pub(crate) groups: Vec<u16>,
    pub(crate) name: Option<String>,
    pub(crate) alpn: Vec<String>,
    /// Whether to offer DEFLATE too, which nobody should take.
    pub(crate) deflate: bool,
}

/// RFC 5746: by this a client without extensions says that it negotiates anew safely.
const RENEGOTIATION_SCSV: u16 = 0x00ff;

/// Everything that a certificate may be signed with; old servers close without.
const SIGNATURES: [u16; 17] = [
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080a, 0x080b, 0x0401,
    0x0501, 0x0601, 0x0203, 0x0201, 0x0402,
];

impl Hello {
    /// A hello with everything that `version` and below can be spoken with.
    pub(crate) fn new(version: u16, ciphers: &[u16], groups: &[u16]) -> Self {
        Self {
            version,
            ciphers: ciphers.to_vec(),
            groups: groups.to_vec(),
            name: None,
            alpn: Vec::new(),
            deflate: false,
        }
    }

    pub(crate) fn named(self, name: Option<&str>) -> Self {
        Self { name: name.map(str::to_owned), ..self }
    }

    /// The hello in a record of its own.
    pub(crate) fn to_record(&self) -> Vec<u8> {
        let body = self.body();
        let message = [&[1][..], &counted::<3>(&body)].concat();
        // RFC 8446 section 5.1: 0x0301 for the sake of middleboxes.
        let record = if self.version == SSL3 { SSL3 } else { TLS10 };
        [&[22][..], &record.to_be_bytes(), &counted::<2>(&message)].concat()
    }

    fn body(&self) -> Vec<u8> {
        let mut body = self.version.min(TLS12).to_be_bytes().to_vec();
        body.extend(random());
        // A session id makes a hello of TLS 1.3 look like one that resumes TLS 1.2.
        let session = if self.version == TLS13 { random().to_vec() } else { Vec::new() };
        body.extend(counted::<1>(&session));
        let mut ciphers = self.ciphers.clone();
        if self.version < TLS13 {
            ciphers.push(RENEGOTIATION_SCSV);
        }
        body.extend(counted::<2>(&words(&ciphers)));
        body.extend(counted::<1>(if self.deflate { &[1, 0] } else { &[0] }));
        if self.version != SSL3 {
            body.extend(counted::<2>(&self.extensions()));
        }
        body
    }

    fn extensions(&self) -> Vec<u8> {
        let mut all = Vec::new();
        let mut put = |number: u16, value: &[u8]| {
            all.extend(number.to_be_bytes());
            all.extend(counted::<2>(value));
        };
        if let Some(name) = &self.name {
            let entry = [&[0][..], &counted::<2>(name.as_bytes())].concat();
            put(0, &counted::<2>(&entry));
        }
        // An answer about the certificate, by OCSP, from anybody.
        put(5, &[1, 0, 0, 0, 0]);
        put(10, &counted::<2>(&words(&self.groups)));
        put(11, &[1, 0]);
        if self.version >= TLS12 {
            put(13, &counted::<2>(&words(&SIGNATURES)));
        }
        if !self.alpn.is_empty() {
            let names: Vec<u8> =
                self.alpn.iter().flat_map(|name| counted::<1>(name.as_bytes())).collect();
            put(16, &counted::<2>(&names));
        }
        put(22, &[]);
        put(23, &[]);
        put(35, &[]);
        if self.version == TLS13 {
            put(43, &counted::<1>(&words(&[TLS13])));
            put(45, &[1, 1]);
            // No share: the server has to say which group it would like.
            put(51, &counted::<2>(&[]));
        }
        all
    }
}

/// Bytes behind their count in `N` bytes.
fn counted<const N: usize>(bytes: &[u8]) -> Vec<u8> {
    let count = bytes.len().to_be_bytes();
    [&count[count.len() - N..], bytes].concat()
}

fn words(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// Nothing is kept secret by it: no handshake is finished.
fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    // Zeros would do as well.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    bytes
}
