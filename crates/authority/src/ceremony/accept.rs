//! The server takes in a response.

use std::collections::BTreeMap;
use std::time::Duration;

use skink_model::{AuthorityId, Time};
use skink_signer::chain::Head;
use skink_x509::crl::Crl;
use skink_x509::{Certificate, oid};

use super::ROOT;
use super::kit::KitFacts;
use super::request::{Certify, Request};
use super::response::{CertifiedAuthority, Response, RootList, SignedAnchors};
use crate::hierarchy::{AuthorityKind, subject_of};
use crate::locations::Locations;

/// A response that is what was asked for.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The ceremony's number; the next request repeats it.
    pub ceremony: u64,
    /// Where the root's log stands; the next request repeats it.
    pub root_head: Head,
    /// When it was signed.
    pub signed_at: Time,
    /// The new certificates.
    pub certified: Vec<(CertifiedAuthority, Certificate)>,
    /// The root's routine lists.
    pub lists: Vec<(RootList, Crl)>,
    /// The kits that were made, with the facts of the escrows in them.
    pub kits: Vec<KitFacts>,
    /// The anchors part of the trust package.
    pub anchors: Option<SignedAnchors>,
}

/// Why a response is not taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAccepted {
    /// Another root signed it.
    #[error("the response is not signed by this server's root")]
    OtherRoot,
    /// It answers another request.
    #[error("the response answers request {found}, not {wanted}")]
    OtherRequest {
        /// The request it answers.
        found: String,
        /// The one that is open.
        wanted: String,
    },
    /// It answers a request of the same id that said something else.
    #[error("the response answers a request {request} that was altered on its way")]
    AlteredRequest {
        /// The request.
        request: String,
    },
    /// It is of a ceremony that was taken in already, or of an earlier one.
    #[error("the response is of ceremony {found}, number {known} was taken in already")]
    Replayed {
        /// Its ceremony.
        found: u64,
        /// The newest that was taken in.
        known: u64,
    },
    /// A certificate is missing, too many, or not what was asked for.
    #[error("the certificate of {authority} is not what was asked for: {what}")]
    Certificate {
        /// The authority.
        authority: AuthorityId,
        /// What is wrong.
        what: &'static str,
    },
    /// A list is missing, or not what it says.
    #[error("the root's list of scope {scope} cannot be used: {what}")]
    List {
        /// The scope.
        scope: String,
        /// What is wrong.
        what: &'static str,
    },
    /// An escrow would not win over its routine list.
    #[error("the escrow in {kit} does not fit its routine list: {what}")]
    Escrow {
        /// The kit.
        kit: String,
        /// What is wrong.
        what: &'static str,
    },
}

impl Response {
    /// Checks the response against the request that it should answer, and against the root that
    /// this server has trusted from the start. `last` is the newest ceremony that was taken in.
    pub fn accept(
        &self,
        request: &Request,
        root: &Certificate,
        locations: &Locations,
        last: u64,
    ) -> Result<Accepted, NotAccepted> {
        let (body, asked) = (self.body(), request.body());
        let same_root = Certificate::from_pem(&body.root).is_ok_and(|found| found == *root);
        if self.signer().digest() != root.public_key().digest() || !same_root {
            return Err(NotAccepted::OtherRoot);
        }
        if body.request != asked.id {
            let (found, wanted) = (body.request.clone(), asked.id.clone());
            return Err(NotAccepted::OtherRequest { found, wanted });
        }
        if body.request_digest != request.digest().to_string() || body.domain != asked.domain {
            return Err(NotAccepted::AlteredRequest { request: asked.id.clone() });
        }
        if body.ceremony <= last || last != asked.ceremonies {
            return Err(NotAccepted::Replayed { found: body.ceremony, known: last });
        }
        let checking = Checking { request, root, locations };
        let lists = checking.lists(&body.lists)?;
        checking.kits(&body.kits, &lists)?;
        Ok(Accepted {
            ceremony: body.ceremony,
            root_head: body.root_head.clone(),
            signed_at: Time::from_millis(body.signed_at_ms),
            certified: checking.certificates(&body.certified)?,
            lists,
            kits: body.kits.clone(),
            anchors: body.anchors.clone(),
        })
    }
}

struct Checking<'a> {
    request: &'a Request,
    root: &'a Certificate,
    locations: &'a Locations,
}

impl Checking<'_> {
    fn certificates(
        &self,
        certified: &[CertifiedAuthority],
    ) -> Result<Vec<(CertifiedAuthority, Certificate)>, NotAccepted> {
        let asked = &self.request.body().certify;
        let unasked = certified
            .iter()
            .find(|one| !asked.iter().any(|certify| certify.authority == one.authority));
        if let Some(one) = unasked {
            let (authority, what) = (one.authority.clone(), "nobody asked for it");
            return Err(NotAccepted::Certificate { authority, what });
        }
        let read = |certify: &Certify| {
            let refuse = |what| {
                let authority = certify.authority.clone();
                NotAccepted::Certificate { authority, what }
            };
            let mut of = certified.iter().filter(|one| one.authority == certify.authority);
            let (Some(one), None) = (of.next(), of.next()) else {
                return Err(refuse("it is missing, or there are two"));
            };
            let certificate =
                Certificate::from_pem(&one.certificate).map_err(|_| refuse("it cannot be read"))?;
            self.certificate(certify, &certificate).map_err(refuse)?;
            Ok((one.clone(), certificate))
        };
        asked.iter().map(read).collect()
    }

    fn certificate(&self, certify: &Certify, found: &Certificate) -> Result<(), &'static str> {
        let key = certify.key().ok_or("the request was malformed")?;
        let subject = subject_of(&self.request.body().domain, &certify.authority)
            .map_err(|_| "its name cannot be written")?;
        let for_kind = match certify.kind {
            AuthorityKind::Trust => {
                !found.is_ca() && found.extended_key_usages() == [oid::SKINK_TRUST]
            }
            AuthorityKind::Control | AuthorityKind::Issuing => {
                found.is_ca() && found.path_len() == Some(0)
            }
        };
        let partition = self.locations.root_partition(&certify.authority);
        let checks = [
            (found.public_key().digest() == key.digest(), "it has another key"),
            (found.verify_signed_by(self.root.public_key()).is_ok(), "the root did not sign it"),
            (found.issuer() == self.root.subject(), "it names another issuer"),
            (*found.subject() == subject, "it has another subject"),
            (for_kind, "it is for another purpose"),
            (found.crl_distribution_points() == [partition], "its distribution point differs"),
        ];
        checks.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, what)| Err(what))
    }

    fn lists(&self, lists: &[RootList]) -> Result<Vec<(RootList, Crl)>, NotAccepted> {
        let mut read: BTreeMap<&str, (RootList, Crl)> = BTreeMap::new();
        for list in lists {
            let refuse = |what| NotAccepted::List { scope: list.scope.clone(), what };
            let der = list.der().ok_or_else(|| refuse("it cannot be read"))?;
            let crl = Crl::from_der(&der).map_err(|_| refuse("it cannot be read"))?;
            self.list(list, &crl).map_err(refuse)?;
            if read.insert(&list.scope, (list.clone(), crl)).is_some() {
                return Err(refuse("there are two"));
            }
        }
        let body = self.request.body();
        let certified = body.certify.iter().map(|one| one.authority.as_str());
        if let Some(scope) = certified.chain([ROOT]).find(|scope| !read.contains_key(scope)) {
            let (scope, what) = (scope.to_owned(), "it is missing");
            return Err(NotAccepted::List { scope, what });
        }
        for revoke in &body.revoke {
            let list = read.get(revoke.authority.as_str());
            if list.is_none_or(|(_, crl)| crl.is_empty()) {
                let (scope, what) = (revoke.authority.to_string(), "it does not revoke as asked");
                return Err(NotAccepted::List { scope, what });
            }
        }
        Ok(read.into_values().collect())
    }

    fn list(&self, list: &RootList, crl: &Crl) -> Result<(), &'static str> {
        let uri = match list.scope.as_str() {
            ROOT => self.locations.root_crl(),
            other => {
                let id = other.parse().map_err(|_| "its scope is no authority")?;
                self.locations.root_partition(&id)
            }
        };
        let scope = crl.issuing_distribution_point().map(|point| point.uris.clone());
        let number = crl.number().and_then(skink_x509::crl::CrlNumber::to_u64);
        let above = |number: Option<u64>| {
            let mut floors = self.request.body().floors.iter();
            floors.all(|floor| {
                floor.scope != list.scope
                    || (number > Some(floor.number)
                        && crl.this_update() > Time::from_millis(floor.this_update_ms))
            })
        };
        let checks = [
            (crl.issuer() == self.root.subject(), "it names another issuer"),
            (crl.verify_signed_by(self.root.public_key()).is_ok(), "the root did not sign it"),
            (list.uri == uri && scope == Some(vec![uri]), "its scope differs"),
            (number == Some(list.number), "its number differs"),
            (above(number), "it does not outrank what was seen before"),
        ];
        checks.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, what)| Err(what))
    }

    /// Escrows are not here to be read; what is said of them has to fit.
    fn kits(&self, kits: &[KitFacts], lists: &[(RootList, Crl)]) -> Result<(), NotAccepted> {
        for kit in kits {
            let refuse = |what| NotAccepted::Escrow { kit: kit.id.clone(), what };
            let scope = kit.authority.as_str();
            let routine = lists.iter().find(|(list, _)| list.scope == scope);
            let (list, crl) = routine.ok_or_else(|| refuse("there is no such list"))?;
            let second = crl.this_update().plus(Duration::from_secs(1));
            let checks = [
                (kit.domain == self.request.body().domain, "it is another domain's"),
                (kit.escrow.uri == list.uri, "its scope differs"),
                (kit.escrow.number == list.number + 1, "its number does not follow"),
                (kit.escrow.this_update_ms == second.as_millis(), "its time does not follow"),
            ];
            if let Some((_, what)) = checks.into_iter().find(|(holds, _)| !holds) {
                return Err(refuse(what));
            }
        }
        Ok(())
    }
}
