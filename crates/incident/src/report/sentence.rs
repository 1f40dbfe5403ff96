//! Events as sentences.

use crate::event::Event;
use crate::message::Catalogue;

impl Event {
    /// What happened, in one sentence.
    pub fn sentence(&self, catalogue: &Catalogue) -> String {
        let text = catalogue.text(&format!("event.{}", self.kind()), &self.arguments());
        match self {
            Self::Done { repeat_possible: true, .. } => {
                format!("{text}. {}", catalogue.text("event.repeat", &[]))
            }
            _ => text,
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Declared(declared) => vec![
                ("by", declared.declared_by.to_string()),
                ("authority", declared.authority.to_string()),
                ("plan", declared.plan.as_str().to_owned()),
            ],
            Self::Begun { key } | Self::Done { key, .. } => vec![("key", key.to_string())],
            Self::Failed { key, reason, attempts } => vec![
                ("key", key.to_string()),
                ("reason", reason.clone()),
                ("attempts", attempts.to_string()),
            ],
            Self::GateAwaited { gate, measurement: m } => vec![
                ("gate", gate.to_string()),
                ("missing", m.target.saturating_sub(m.met).to_string()),
                ("target", m.target.to_string()),
            ],
            Self::GateOpened { gate, measurement: m, .. } => vec![
                ("gate", gate.to_string()),
                ("met", m.met.to_string()),
                ("target", m.target.to_string()),
                ("samples", m.samples.to_string()),
            ],
            Self::Approved { approval, by } => vec![
                ("by", by.person.to_string()),
                ("role", by.role.as_str().to_owned()),
                ("approval", approval.to_string()),
            ],
            Self::Withdrawn { person } => vec![("by", person.to_string())],
            Self::Waived(waiver) => vec![
                ("owner", waiver.owner.to_string()),
                ("subject", waiver.subject.clone()),
                ("gate", waiver.gate.to_string()),
                ("reason", waiver.reason.clone()),
            ],
            Self::Held { by, reason } | Self::StoodDown { by, reason } => {
                vec![("by", by.to_string()), ("reason", reason.clone())]
            }
            Self::Resumed { by } => vec![("by", by.to_string())],
            Self::RollBackOrdered { endpoint, by, reason } => vec![
                ("by", by.to_string()),
                ("endpoint", endpoint.to_string()),
                ("reason", reason.clone()),
            ],
            Self::FollowedUp { name, by } => vec![("by", by.to_string()), ("name", name.clone())],
            Self::DeadlinePassed | Self::Closed => Vec::new(),
        }
    }
}
