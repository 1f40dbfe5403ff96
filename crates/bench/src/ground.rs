//! What several rows begin with: a hierarchy with many certificates in it, and somebody who asks.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use skink_api::{RevokeOutcome, RevokeSet};
use skink_x509::{Certificate, Serial};

use crate::cores::Core;
use crate::error::BenchError;
use crate::http::{Answer, Connection, Target};
use crate::material::requests;
use crate::say;
use crate::seed::seed;
use crate::skink::{AUTHORITY, Home, Skink};

/// A served hierarchy whose authority has certified many.
pub(crate) struct Ground {
    pub(crate) skink: Skink,
    /// The authority.
    pub(crate) issuer: Certificate,
    /// Of the many.
    pub(crate) serials: Vec<Serial>,
}

/// Puts `count` certificates into a hierarchy's database and serves it from a core.
pub(crate) async fn ground(home: &Home, count: usize, core: Core) -> Result<Ground, BenchError> {
    let skink = home.serve(core).await?;
    let (template, issuer) = one(&skink, "template").await?.parts();
    skink.stop().await?;
    say(&format!("{count} certificates are put into the database"));
    let authority = AUTHORITY.parse().map_err(|_| not_understood("its own name"))?;
    let serials = seed(home.place(), &template, &authority, count).await?;
    Ok(Ground { skink: home.serve(core).await?, issuer, serials })
}

impl Ground {
    /// Revokes everything that the authority ever certified. Gives back how many that are.
    pub(crate) async fn revoke_all(&self) -> Result<u64, BenchError> {
        let set = RevokeSet {
            authority: AUTHORITY.to_owned(),
            profile: None,
            prefix: None,
            endpoint: None,
            owner: None,
            reason: "keyCompromise".to_owned(),
            invalidity_date_ms: None,
            dry_run: false,
        };
        let outcome = self.revoke("/api/v1/certificates/revoke", &set).await?;
        let count = u64::try_from(self.serials.len()).unwrap_or(u64::MAX);
        if outcome.revoked < count || outcome.crl_number.is_none() {
            return Err(not_understood("fewer were revoked than there are"));
        }
        Ok(outcome.revoked)
    }

    /// A request that revokes.
    pub(crate) async fn revoke(
        &self,
        path: &str,
        body: &impl serde::Serialize,
    ) -> Result<RevokeOutcome, BenchError> {
        let body = serde_json::to_vec(body);
        let body = body.map_err(|error| BenchError::Material(error.to_string()))?;
        let target = &self.skink.target;
        let answer = ask(target, &target.request("POST", path, &body)).await?;
        serde_json::from_slice(&answer.body).map_err(|_| not_understood("no outcome"))
    }
}

/// A certificate that was really issued.
pub(crate) struct Made {
    pub(crate) id: String,
    pub(crate) certificate: Certificate,
    issuer: Certificate,
}

impl Made {
    /// It and its issuer's.
    fn parts(self) -> (Certificate, Certificate) {
        (self.certificate, self.issuer)
    }
}

/// Has one issued for a name.
pub(crate) async fn one(skink: &Skink, name: &str) -> Result<Made, BenchError> {
    let wanted = requests(name, 1)?;
    let [wanted] = &wanted[..] else { return Err(not_understood("no request")) };
    let answer = ask(&skink.target, &skink.issue(wanted)?).await?;
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or(json!(null));
    let text = |at: &str| body.pointer(at).and_then(Value::as_str).unwrap_or_default();
    let chain = Certificate::all_from_pem(text("/chain_pem"));
    let chain = chain.map_err(|_| not_understood("no chain"))?;
    let certificate = Skink::issued(&answer)?;
    let issuer = chain.into_iter().find(|one| one.subject() == certificate.issuer());
    let issuer = issuer.ok_or_else(|| not_understood("no issuer in the chain"))?;
    Ok(Made { id: text("/id").to_owned(), certificate, issuer })
}

/// One request on a connection of its own, answered well.
pub(crate) async fn ask(target: &Target, request: &[u8]) -> Result<Answer, BenchError> {
    let speak = |source| BenchError::Speak(target.whom.to_owned(), source);
    let mut connection = Connection::open(target).await.map_err(speak)?;
    let answer = connection.ask(request).await.map_err(speak)?;
    if answer.status == 200 {
        return Ok(answer);
    }
    let (whom, path) = (target.whom.to_owned(), String::from_utf8_lossy(request).into_owned());
    let path = path.lines().next().unwrap_or_default().to_owned();
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    Err(BenchError::Refused { whom, path, status: answer.status, body })
}

/// A folder of a row's own.
pub(crate) fn folder(dir: &Path, name: &str) -> Result<PathBuf, BenchError> {
    let made = dir.join(name);
    fs_err::create_dir_all(&made).map_err(BenchError::file("make a server's folder"))?;
    Ok(made)
}

pub(crate) fn not_understood(what: &str) -> BenchError {
    BenchError::Answer { whom: "skink".to_owned(), what: what.to_owned() }
}
