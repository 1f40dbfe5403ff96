//! Releasing an escrow: only one that wins over everything before it.

use skink_model::Time;
use skink_x509::Certificate;
use skink_x509::crl::{Crl, CrlNumber};

/// What an escrow has to win over.
#[derive(Clone, Debug)]
pub struct Release<'a> {
    /// The root.
    pub root: &'a Certificate,
    /// The authority that it is to revoke.
    pub authority: &'a Certificate,
    /// The list of this scope that is published now.
    pub published: Option<&'a Crl>,
    /// The highest number and the newest time that anybody has seen in this scope.
    pub floor: Option<(CrlNumber, Time)>,
    /// The present instant.
    pub now: Time,
}

/// Why an escrow is not released.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EscrowRefused {
    /// It is no revocation list.
    #[error("the escrow cannot be read")]
    Unreadable(#[source] skink_x509::ParseError),
    /// The root did not sign it.
    #[error("the escrow is not signed by the root")]
    NotByRoot,
    /// It is about another authority.
    #[error("the escrow's scope is {found:?}, the authority's is {wanted:?}")]
    OtherScope {
        /// The escrow's scope.
        found: Vec<String>,
        /// The authority's.
        wanted: Vec<String>,
    },
    /// It does not revoke the authority.
    #[error("the escrow does not revoke the authority")]
    RevokesNothing,
    /// It is from the future, or over.
    #[error("the escrow does not speak now")]
    NotCurrent,
    /// It ends before the authority does: the authority would come back.
    #[error("the escrow speaks until {until}, the authority is valid until {authority}")]
    TooShort {
        /// The escrow's end.
        until: Time,
        /// The authority's end.
        authority: Time,
    },
    /// It does not win by number.
    #[error("the escrow's number {number} is not above {floor}: a later ceremony has voided it")]
    Number {
        /// Its number.
        number: String,
        /// What it has to win over.
        floor: CrlNumber,
    },
    /// It does not win by time.
    #[error("the escrow is of {this_update}, not after {floor}: a later ceremony has voided it")]
    Older {
        /// Its time.
        this_update: Time,
        /// What it has to win over.
        floor: Time,
    },
    /// It would un-revoke something that is revoked now.
    #[error("the escrow would un-revoke {serial}")]
    UnRevokes {
        /// The serial.
        serial: String,
    },
}

/// Reads an escrow if it may be released: signed by the root, about this authority and to its end,
/// and winning by number *and* time over everything published or seen before.
pub fn check_escrow(der: &[u8], release: &Release<'_>) -> Result<Crl, EscrowRefused> {
    let escrow = Crl::from_der(der).map_err(EscrowRefused::Unreadable)?;
    if escrow.issuer() != release.root.subject()
        || escrow.verify_signed_by(release.root.public_key()).is_err()
    {
        return Err(EscrowRefused::NotByRoot);
    }
    speaks_of(&escrow, release)?;
    outranks(&escrow, release)?;
    Ok(escrow)
}

fn speaks_of(escrow: &Crl, release: &Release<'_>) -> Result<(), EscrowRefused> {
    let found = escrow.issuing_distribution_point().map(|point| point.uris.clone());
    let found = found.unwrap_or_default();
    let wanted = release.authority.crl_distribution_points();
    if found != wanted || found.is_empty() {
        return Err(EscrowRefused::OtherScope { found, wanted });
    }
    if escrow.find(release.authority.serial()).is_none() {
        return Err(EscrowRefused::RevokesNothing);
    }
    let until = escrow.next_update().ok_or(EscrowRefused::NotCurrent)?;
    if escrow.this_update() > release.now || until < release.now {
        return Err(EscrowRefused::NotCurrent);
    }
    let authority = release.authority.not_after();
    if until < authority { Err(EscrowRefused::TooShort { until, authority }) } else { Ok(()) }
}

fn outranks(escrow: &Crl, release: &Release<'_>) -> Result<(), EscrowRefused> {
    let published =
        release.published.and_then(|list| Some((list.number()?.clone(), list.this_update())));
    for (number, this_update) in published.into_iter().chain(release.floor.clone()) {
        if escrow.number().is_none_or(|own| *own <= number) {
            let own = escrow.number().map_or_else(|| "none".to_owned(), ToString::to_string);
            return Err(EscrowRefused::Number { number: own, floor: number });
        }
        if escrow.this_update() <= this_update {
            let own = escrow.this_update();
            return Err(EscrowRefused::Older { this_update: own, floor: this_update });
        }
    }
    let mut revoked = release.published.into_iter().flat_map(Crl::entries);
    match revoked.find(|entry| escrow.find(&entry.serial).is_none()) {
        Some(entry) => Err(EscrowRefused::UnRevokes { serial: entry.serial.to_hex() }),
        None => Ok(()),
    }
}
