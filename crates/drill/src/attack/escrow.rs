//! Attacks with what a ceremony left: an escrow is a weapon, and a response is accepted once.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use skink_api::{Code, Problem};
use skink_signer::sealed::{Custodian, KitSeal, PreparedCustodians};
use skink_x509::crl::Crl;
use skink_x509::{Fingerprint, Time};

use super::scoreboard::{Attempt, Phase, Scoreboard};
use crate::DrillError;
use crate::headquarters::{CUSTODIANS, Headquarters, STOLEN, passphrase};
use crate::operator::Answer;
use crate::outcome::Outcome;
use crate::thief::key::thwarted;

pub(crate) const STALE: &str = "escrow-of-an-earlier-ceremony";
pub(crate) const ALTERED: &str = "escrow-kit-altered";
pub(crate) const SMALLER: &str = "smaller-escrow-sealed-by-its-custodians";
pub(crate) const SECOND: &str = "second-escrow-after-the-first";
pub(crate) const REPLAYED: &str = "ceremony-response-replayed";
pub(crate) const ALL: &[&str] = &[STALE, ALTERED, SMALLER, SECOND, REPLAYED];

/// Offers the kit of the earlier ceremony and an altered one, before the right one is released.
pub(crate) async fn offer_wrong_kits(
    headquarters: &Headquarters,
    incident: &str,
    scoreboard: &Scoreboard,
) -> Result<(), DrillError> {
    let stale = read(&headquarters.first_kit(STOLEN))?;
    let current = read(&headquarters.kit(STOLEN))?;
    let mut altered: Value =
        serde_json::from_str(&current).map_err(|error| thwarted("altering a kit", &error))?;
    altered["facts"]["escrow"]["number"] = json!(1);
    for (name, kit) in [(STALE, stale), (ALTERED, altered.to_string())] {
        let answer = hand_in(headquarters, incident, &kit).await?;
        record(scoreboard, name, &answer, &[Code::KitRefused, Code::EscrowRefused], true);
    }
    offer_smaller(headquarters, incident, &current, scoreboard).await
}

/// What is written on a kit, in the order in which the seal is bound to it.
#[derive(Serialize, Deserialize)]
struct Facts {
    id: String,
    domain: String,
    ceremony: u64,
    created_at_ms: i64,
    authority: String,
    standby: Option<String>,
    custodians: Vec<String>,
    escrow: EscrowFacts,
}

#[derive(Serialize, Deserialize)]
struct EscrowFacts {
    uri: String,
    number: u64,
    this_update_ms: i64,
    next_update_ms: i64,
    sha256: String,
}

/// Both custodians together put a smaller list into the kit: the routine one, which the root did
/// sign for the same scope, with one number and one revocation less. Everything about the kit is
/// right but that it would not outrank what is out. The first share is taken, since nobody can
/// look inside by one; the second opens the kit, and there it ends. Then the first custodian
/// brings his own share again.
async fn offer_smaller(
    headquarters: &Headquarters,
    incident: &str,
    current: &str,
    scoreboard: &Scoreboard,
) -> Result<(), DrillError> {
    let smaller = smaller_kit(headquarters, current).await?;
    let first = hand_in(headquarters, incident, &smaller).await?;
    let body = share(&smaller, CUSTODIANS[1])?;
    let path = format!("/incidents/{incident}/kit");
    let second = headquarters.ciso.post::<_, Value>(&path, &body).await?;
    let right = hand_in(headquarters, incident, current).await?;
    let control = first.is_ok() && right.is_ok();
    record(scoreboard, SMALLER, &second, &[Code::EscrowRefused], control);
    Ok(())
}

async fn smaller_kit(headquarters: &Headquarters, current: &str) -> Result<String, DrillError> {
    let failed = |error: &dyn std::fmt::Display| thwarted("sealing a smaller escrow", error);
    let mut kit: Value = serde_json::from_str(current).map_err(|error| failed(&error))?;
    let mut facts: Facts =
        serde_json::from_value(kit["facts"].clone()).map_err(|error| failed(&error))?;
    let routine = headquarters.published(&format!("/crl/root/{STOLEN}.crl")).await?;
    let list = Crl::from_der(&routine).map_err(|error| failed(&error))?;
    facts.escrow.number -= 1;
    facts.escrow.this_update_ms = list.this_update().as_millis();
    facts.escrow.next_update_ms =
        list.next_update().map_or(facts.escrow.next_update_ms, Time::as_millis);
    facts.escrow.sha256 = Fingerprint::of(&routine).to_string();
    let written = serde_json::to_string(&facts).map_err(|error| failed(&error))?;
    let context = format!("skink recovery kit 1 {}", Fingerprint::of(written.as_bytes()));
    let contents = json!({
        "escrow": STANDARD.encode(&routine),
        "standby_credential": "the credential of nothing",
    });
    let custodians = CUSTODIANS
        .map(|name| Custodian { name: name.to_owned(), passphrase: passphrase(name).into() });
    let seal = PreparedCustodians::new(&custodians)
        .and_then(|custodians| {
            KitSeal::seal_for(contents.to_string().as_bytes(), &custodians, &context)
        })
        .map_err(|error| failed(&error))?;
    kit["facts"] = serde_json::to_value(&facts).map_err(|error| failed(&error))?;
    kit["seal"] = serde_json::to_value(&seal).map_err(|error| failed(&error))?;
    Ok(kit.to_string())
}

/// Hands another escrow in after the right one is out, and the ceremony's response once more.
pub(crate) async fn repeat(
    headquarters: &Headquarters,
    incident: &str,
    released: bool,
    scoreboard: &Scoreboard,
) -> Result<(), DrillError> {
    let earlier = read(&headquarters.first_kit(STOLEN))?;
    let answer = hand_in(headquarters, incident, &earlier).await?;
    let expected = [Code::NothingToApprove, Code::KitRefused, Code::EscrowRefused];
    record(scoreboard, SECOND, &answer, &expected, released);
    let answer = headquarters.import_again().await?;
    let expected = [Code::CeremonyReplayed, Code::CeremonyRefused];
    record(scoreboard, REPLAYED, &answer, &expected, true);
    Ok(())
}

async fn hand_in(
    headquarters: &Headquarters,
    incident: &str,
    kit: &str,
) -> Result<Answer<Value>, DrillError> {
    let body = share(kit, CUSTODIANS[0])?;
    headquarters.lead.post(&format!("/incidents/{incident}/kit"), &body).await
}

/// A custodian opens his share of the kit on a machine of his own.
pub(crate) fn share(kit: &str, custodian: &str) -> Result<Value, DrillError> {
    let failed = |error: &dyn std::fmt::Display| thwarted("opening a share", error);
    let file: Value = serde_json::from_str(kit).map_err(|error| failed(&error))?;
    let seal: KitSeal =
        serde_json::from_value(file["seal"].clone()).map_err(|error| failed(&error))?;
    let share = seal
        .open_share(custodian, &passphrase(custodian).into())
        .map_err(|error| failed(&error))?;
    let share = serde_json::to_string(&share).map_err(|error| failed(&error))?;
    Ok(json!({ "kit": kit, "custodian": custodian, "share": share }))
}

fn record(
    scoreboard: &Scoreboard,
    name: &'static str,
    answer: &Result<Value, Problem>,
    expected: &[Code],
    control: bool,
) {
    let outcome = match answer {
        Ok(_) => Outcome::Accepted { resumed: false },
        Err(problem) if expected.contains(&problem.code) => {
            Outcome::CertificateRefused(problem.code.as_str().to_owned())
        }
        Err(problem) => Outcome::Failed(problem.to_string()),
    };
    let attempt = Attempt { target: "server".to_owned(), mechanism: None, outcome, control };
    scoreboard.record(name, Phase::After, attempt);
}

fn read(path: &std::path::Path) -> Result<String, DrillError> {
    fs_err::read_to_string(path)
        .map_err(|source| DrillError::File { what: "read a recovery kit", source })
}
