//! Attacks with what a ceremony left: an escrow is a weapon, and a response is accepted once.

use serde_json::{Value, json};
use skink_api::{Code, Problem};
use skink_signer::sealed::KitSeal;

use super::scoreboard::{Attempt, Phase, Scoreboard};
use crate::DrillError;
use crate::headquarters::{CUSTODIANS, Headquarters, STOLEN, passphrase};
use crate::operator::Answer;
use crate::outcome::Outcome;
use crate::thief::key::thwarted;

pub(crate) const STALE: &str = "escrow-of-an-earlier-ceremony";
pub(crate) const ALTERED: &str = "escrow-kit-altered";
pub(crate) const SECOND: &str = "second-escrow-after-the-first";
pub(crate) const REPLAYED: &str = "ceremony-response-replayed";

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
    Ok(())
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
