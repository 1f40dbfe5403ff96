//! PKCS #7 bundles: the certificates and lists of a `SignedData` (RFC 2315 §9.1, RFC 5652 §5.1).
//! Signatures in it are not looked at: a bundle is a bag.

use super::tlv::{any, inside, is_context, members, raw_members, sequence};
use super::{Container, Item, Kind, Piece, Unreadable, recognise};

pub(super) fn read(der: &[u8]) -> Vec<Piece> {
    let Some(Contents { certificates, lists }) = contents(der) else {
        let why = Unreadable::Malformed("its SignedData");
        return vec![Piece::new(Item::Unreadable(Kind::Pkcs7, why), Container::Pkcs7)];
    };
    let pieces: Vec<_> = certificates
        .into_iter()
        .map(|der| (der, Kind::Certificate))
        .chain(lists.into_iter().map(|der| (der, Kind::Crl)))
        .map(|(der, kind)| Piece::new(recognise::item(der, kind), Container::Pkcs7))
        .collect();
    if pieces.is_empty() {
        let why = Unreadable::Empty;
        return vec![Piece::new(Item::Unreadable(Kind::Pkcs7, why), Container::Pkcs7)];
    }
    pieces
}

/// The DER of what a bundle holds.
struct Contents<'a> {
    certificates: Vec<&'a [u8]>,
    lists: Vec<&'a [u8]>,
}

fn contents(der: &[u8]) -> Option<Contents<'_>> {
    let info = sequence(der)?;
    let content = info.get(1).filter(|it| is_context(it, 0))?;
    let signed_data = members(content.value())?;
    let fields = inside(signed_data.first()?)?;
    let bag = |number: u32| {
        let field = fields.iter().find(|it| is_context(it, number));
        field.map_or(Some(Vec::new()), |it| raw_members(it.value()))
    };
    // Other forms of certificates ([0] to [3] of CertificateChoices) are passed over.
    let plain = |der: &&[u8]| any(der).is_some_and(|it| inside(&it).is_some());
    let certificates = bag(0)?.into_iter().filter(plain).collect();
    let lists = bag(1)?.into_iter().filter(plain).collect();
    Some(Contents { certificates, lists })
}
