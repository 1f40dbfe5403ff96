//! Disabling with proof, enabling, rotating, destroying.

use std::io::{BufRead, IsTerminal as _};
use std::time::Duration;

use anyhow::{Result, bail};
use serde::Serialize;
use skink_signer::{KeyProvider, KeyState, KeyUri, ProviderError, name_of};

use super::attempt::{Attempts, Tried, answered};
use super::direct::{Destroy, Disable, Enable, Rotate, Target};
use super::place::{self, Custodian, Place, failed};
use crate::table::Facts;
use crate::when::Span;
use crate::{Exit, Failure, Output, when};

const FREEZE_INSTEAD: &str = "`skink authority freeze` stops issuance at once and can be taken \
    back; `skink incident declare` disables the key with proof; or stop the server first";
const STOP_FIRST: &str = "stop the server first, and start it again afterwards";
/// How long a service waits with a destruction unless it is told.
const WAIT: Duration = Duration::from_hours(30 * 24);

/// What a change would do.
#[derive(Debug, Serialize)]
struct Plan {
    key: KeyUri,
    state: Option<&'static str>,
    /// Every version that it concerns.
    versions: Vec<KeyUri>,
    what: String,
    dry_run: bool,
}

impl Plan {
    async fn of(provider: &dyn KeyProvider, key: &KeyUri, what: &str) -> Self {
        Self {
            key: key.clone(),
            state: provider.state(key).await.ok().map(KeyState::as_str),
            versions: provider.versions(key).await.unwrap_or_default(),
            what: what.to_owned(),
            dry_run: true,
        }
    }

    fn facts(&self) -> Facts {
        let facts = Facts::default()
            .fact("key", &self.key)
            .maybe("state", self.state)
            .fact("would", &self.what);
        let others = self.versions.iter().filter(|version| **version != self.key);
        others.fold(facts, |facts, version| facts.fact("and so for", version))
    }

    fn show(&self, out: Output) -> Result<()> {
        out.show(self, || format!("{}nothing was changed", self.facts()))
    }
}

/// What came of a disabling.
#[derive(Debug, Serialize)]
struct Disabled {
    key: KeyUri,
    /// Whether the service refuses because the key is disabled, and that was seen.
    proven: bool,
    refusal_code: Option<String>,
    before: Tried,
    after: Tried,
    /// Signatures that the service still made after it said that the key is disabled.
    signed_after: u32,
    control: Option<Tried>,
}

pub(super) async fn disable(disable: Disable, out: Output) -> Result<()> {
    let Disable { target, consent, .. } = &disable;
    let place = Place::open_to_change(target, FREEZE_INSTEAD)?;
    let key = place.find().await?;
    let plan = Plan::of(place.provider.as_ref(), &key, disabling(key.scheme())).await;
    if consent.dry_run {
        return plan.show(out);
    }
    confirm(&plan, "disable", consent.yes, out)?;
    let signing = disable.signing_credential_file.as_deref();
    let signing = place::provider(target, signing.or(target.key_credential_file.as_deref()))?;
    let attempts = Attempts::open(&disable.ledger.ledger, signing)?;
    let before = attempts.one(&key).await?;
    stop(&disable, &place, &key).await?;
    let (after, signed_after) = attempts.until_refused(&key).await?;
    let control = match &disable.control_key {
        Some(control) => Some(attempts.one(&found(&attempts, control).await?).await?),
        None => None,
    };
    let works = control.as_ref().is_none_or(Tried::is_signed);
    // Refused to a credential that never signed says nothing about the key.
    let own = before.is_signed() || !after.is_denied();
    let proven = after.is_disabled() && own && works;
    let refusal_code = after.code.clone();
    let done = Disabled { key, proven, refusal_code, before, after, signed_after, control };
    out.show(&done, || done.facts().to_string())?;
    if done.proven {
        return Ok(());
    }
    out.say(&format!("hint: {}", done.what_is_missing()));
    Err(answered(Exit::NotVerified))
}

async fn found(attempts: &Attempts, control: &KeyUri) -> Result<KeyUri> {
    let found = attempts.provider().find(control).await;
    found.map_err(|error| failed(control, "cannot find", error))
}

/// By the credential that signs, or by a policy, as the service has it.
async fn stop(disable: &Disable, place: &Place, key: &KeyUri) -> Result<()> {
    let stopped = match disable.signing_policy.as_deref() {
        Some(policy) => place::custody(&disable.target, Some(policy))?.disable(key).await,
        None => place.provider.disable(key).await,
    };
    stopped.map_err(|error| failed(key, "cannot disable", error))
}

impl Disabled {
    fn facts(&self) -> Facts {
        let still = (self.signed_after > 0).then_some(self.signed_after);
        Facts::default()
            .fact("key", &self.key)
            .fact("disabled", if self.proven { "yes, proven" } else { "not proven" })
            .fact("before", self.before.in_words())
            .fact("after", self.after.in_words())
            .maybe("signed in between", still)
            .maybe("the service's id", self.after.request_id.as_ref())
            .maybe("control signature", self.control.as_ref().map(Tried::in_words))
            .fact("attempts", &self.after.ledger)
    }

    fn what_is_missing(&self) -> &'static str {
        if self.after.is_signed() {
            "the key still signs: whoever has its use goes on; is it disabled for this credential?"
        } else if self.control.as_ref().is_some_and(|control| !control.is_signed()) {
            "the control key did not sign either: the refusal may be an outage"
        } else {
            "the service refused the credential, which says nothing about the key: name one that \
             signs with --signing-credential-file, and disable again"
        }
    }
}

#[derive(Debug, Serialize)]
struct Enabled {
    key: KeyUri,
    /// What the provider says now, where this credential may ask.
    state: Option<&'static str>,
}

pub(super) async fn enable(enable: Enable, out: Output) -> Result<()> {
    let Enable { target, signing_policy, dry_run } = &enable;
    let custodian = Custodian::open(target, signing_policy.as_deref(), STOP_FIRST)?;
    let looking = looking(target)?;
    let found = looking.find(&target.key).await;
    let key = found.map_err(|error| failed(&target.key, "cannot find", error))?;
    if *dry_run {
        let what = "let the key sign again, whoever may use it";
        return Plan::of(looking.as_ref(), &key, what).await.show(out);
    }
    let enabled = custodian.custody.enable(&key).await;
    enabled.map_err(|error| failed(&key, "cannot enable", error))?;
    let state = looking.state(&key).await.ok().map(KeyState::as_str);
    let done = Enabled { key, state };
    out.show(&done, || {
        let facts = Facts::default().fact("key", &done.key).maybe("state", done.state);
        format!("{facts}try it: skink key test '{}'", done.key)
    })
}

/// What enables a software key opens none.
fn looking(target: &Target) -> Result<std::sync::Arc<dyn KeyProvider>> {
    let software = target.key.scheme() == "software";
    let file = target.key_credential_file.as_deref().filter(|_| !software);
    place::provider(target, file)
}

#[derive(Debug, Serialize)]
struct Rotated {
    old: KeyUri,
    key: KeyUri,
    public_key: Option<String>,
}

pub(super) async fn rotate(rotate: Rotate, out: Output) -> Result<()> {
    let place = Place::open_to_change(&rotate.target, STOP_FIRST)?;
    let old = place.find().await?;
    if rotate.dry_run {
        let what = "make new material under this name; what there is stays and signs on";
        return Plan::of(place.provider.as_ref(), &old, what).await.show(out);
    }
    let rotated = place.provider.rotate(&place.key).await;
    let key = rotated.map_err(|error| failed(&old, "cannot rotate", error))?;
    let public = place.provider.public_key(&key).await.ok();
    let done = Rotated { old, key, public_key: public.map(|public| public.to_pem()) };
    out.show(&done, || {
        let facts = Facts::default().fact("key", &done.key).fact("before", &done.old);
        format!("{facts}{}", done.public_key.as_deref().unwrap_or_default())
    })
}

#[derive(Debug, Serialize)]
struct Ended {
    key: KeyUri,
    /// `destroyed`, `destruction-scheduled`, or after a cancelling what it is then; nothing where
    /// the service has forgotten the name.
    state: Option<&'static str>,
    /// When the material is gone, where the service waits.
    destroyed_at_ms: Option<i64>,
}

pub(super) async fn destroy(destroy: Destroy, out: Output) -> Result<()> {
    let place = Place::open_to_change(&destroy.target, STOP_FIRST)?;
    let key = place.find().await?;
    let provider = place.provider.as_ref();
    if destroy.cancel {
        return cancel(provider, key, &destroy, out).await;
    }
    let waits = provider.schedules_destruction();
    if destroy.after.is_some() && !waits {
        let (scheme, call) = (provider.scheme(), "schedule_destruction");
        let source = ProviderError::Unsupported { scheme, call };
        return Err(failed(&key, "cannot wait with the destruction of", source));
    }
    let wait = destroy.after.map_or(WAIT, Span::duration);
    let plan = Plan::of(provider, &key, &destroying(key.scheme(), waits.then_some(wait))).await;
    if destroy.consent.dry_run {
        return plan.show(out);
    }
    confirm(&plan, "destroy", destroy.consent.yes, out)?;
    let gone_at = if waits {
        let scheduled = match provider.schedule_destruction(&key, wait).await {
            // The key has a wait of its own, which is shorter than what services wait as a rule.
            Err(ProviderError::NotConfigured { .. }) if destroy.after.is_none() => {
                provider.schedule_destruction(&key, Duration::ZERO).await
            }
            scheduled => scheduled,
        };
        scheduled.map(Some)
    } else {
        provider.destroy(&key).await.map(|()| None)
    };
    let gone_at = gone_at.map_err(|error| failed(&key, "cannot destroy", error))?;
    let state = provider.state(&key).await.ok().map(KeyState::as_str);
    let destroyed_at_ms = gone_at.map(skink_model::Time::as_millis);
    let done = Ended { key, state, destroyed_at_ms };
    out.show(&done, || done.in_words())
}

async fn cancel(
    provider: &dyn KeyProvider,
    key: KeyUri,
    destroy: &Destroy,
    out: Output,
) -> Result<()> {
    if destroy.consent.dry_run {
        let what = "take the destruction back; the key stays disabled";
        return Plan::of(provider, &key, what).await.show(out);
    }
    let cancelled = provider.cancel_destruction(&key).await;
    cancelled.map_err(|error| failed(&key, "cannot take back the destruction of", error))?;
    let state = provider.state(&key).await.ok().map(KeyState::as_str);
    let done = Ended { key, state, destroyed_at_ms: None };
    out.show(&done, || {
        let facts = Facts::default().fact("key", &done.key).maybe("state", done.state);
        format!("{facts}its destruction is taken back; `skink key enable` lets it sign again")
    })
}

impl Ended {
    fn in_words(&self) -> String {
        let facts = Facts::default()
            .fact("key", &self.key)
            .fact("state", self.state.unwrap_or("forgotten by the service"));
        match self.destroyed_at_ms {
            Some(at) => format!(
                "{}until then: skink key destroy '{}' --cancel",
                facts.fact("gone at", when::show(at)),
                self.key
            ),
            None => format!("{facts}the material is gone, for good"),
        }
    }
}

fn disabling(scheme: &str) -> &'static str {
    match scheme {
        "vault" => {
            "stop every version of the key, whoever asks; `skink key enable` takes it back with a \
             credential that may"
        }
        "pkcs11" => "put a copy in the key's place that never signs: for good",
        "software" => {
            "seal the key's file for the enabling credential, which is not on this machine"
        }
        _ => "stop the key; `skink key enable` takes it back with a credential that may",
    }
}

fn destroying(scheme: &str, wait: Option<Duration>) -> String {
    if let Some(wait) = wait {
        let days = wait.as_secs().div_ceil(24 * 60 * 60);
        return format!(
            "stop the key now, and have its material destroyed after {days} days, as far as the \
             service waits that long"
        );
    }
    match scheme {
        "vault" => "destroy every version at once, for good; the service forgets the name",
        _ => "destroy the material at once, for good; the name stays taken",
    }
    .to_owned()
}

/// Has a person type the key's name.
fn confirm(plan: &Plan, verb: &str, yes: bool, out: Output) -> Result<()> {
    confirm_by_name(&plan.key, &plan.facts().to_string(), verb, yes, out)
}

/// The same for any key, after `facts` were shown.
pub(super) fn confirm_by_name(
    key: &KeyUri,
    facts: &str,
    verb: &str,
    yes: bool,
    out: Output,
) -> Result<()> {
    if yes {
        return Ok(());
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        bail!(Failure::Usage {
            what: "nobody is there to ask".into(),
            hint: "--yes goes ahead, --dry-run shows what would be done".into(),
        });
    }
    let name = name_of(key).unwrap_or_else(|_| key.to_string());
    out.say(facts.trim_end());
    eprint!("to {verb} it, type its name, {name}: ");
    typed(&name, stdin.lock())
}

fn typed(name: &str, mut answers: impl BufRead) -> Result<()> {
    let mut answer = String::new();
    answers.read_line(&mut answer)?;
    if answer.trim() == name {
        return Ok(());
    }
    bail!(Failure::Refused {
        what: "that is not the key's name; nothing was changed".into(),
        hint: format!("it takes the name as it is: {name}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_keys_own_name_confirms() {
        assert!(typed("issuer-1", &b"issuer-1\n"[..]).is_ok());
        for other in ["issuer-2\n", "yes\n", "\n", "", "issuer-1 please"] {
            assert!(typed("issuer-1", other.as_bytes()).is_err(), "{other:?}");
        }
    }

    #[test]
    fn a_plan_says_what_it_would_do_to_which_versions() {
        let key = |version: u32| format!("vault:transit/a?version={version}").parse().unwrap();
        let plan = Plan {
            key: key(2),
            state: Some("enabled"),
            versions: vec![key(1), key(2)],
            what: destroying("vault", None),
            dry_run: true,
        };
        let text = plan.facts().to_string();
        assert!(text.contains("and so for  vault:transit/a?version=1"), "{text}");
        assert!(text.contains("forgets the name"), "{text}");
        assert!(destroying("awskms", Some(WAIT)).contains("after 30 days"));
    }
}
