//! Notices, rendered from keyed messages.

use skink_model::Time;

use crate::contact::{Audience, ContactBook};
use crate::message::Catalogue;
use crate::regulation::{Due, Regulations};
use crate::scope::Unmanaged;
use crate::state::State;

/// A notice, ready to be written to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Who is told.
    pub audience: Audience,
    /// Its subject line.
    pub subject: String,
    /// The whole text, with recipients and the id by which a repeat is recognised.
    pub text: String,
    /// Names from the contact book.
    pub recipients: Vec<String>,
    /// Names left out on purpose.
    pub left_out: Vec<String>,
}

/// Renders what `audience` is told about the incident as it stands.
///
/// The reference in the text is the effect's id: who receives it twice can tell.
pub fn render_notice(
    state: &State,
    audience: Audience,
    book: &ContactBook,
    regulations: &Regulations,
    catalogue: &Catalogue,
) -> Notice {
    let (told, left_out) = book.of(audience, &state.declaration().leave_out);
    let arguments = arguments(state, regulations, catalogue);
    let subject = catalogue.text(&format!("notice.subject.{audience}"), &arguments);
    let body = catalogue.text(&format!("notice.body.{audience}"), &arguments);
    let to: Vec<String> = told.iter().map(|c| format!("{} <{}>", c.name, c.address)).collect();
    let to = if to.is_empty() { catalogue.text("none", &[]) } else { to.join(", ") };
    let text = format!(
        "{}: {to}\n{}: {}/notices/render-notice:{audience}\n\n{subject}\n\n{body}\n",
        catalogue.text("notice.recipients", &[]),
        catalogue.text("notice.reference", &[]),
        state.incident(),
    );
    Notice {
        audience,
        subject,
        text,
        recipients: told.into_iter().map(|contact| contact.name.clone()).collect(),
        left_out: left_out.into_iter().map(|contact| contact.name.clone()).collect(),
    }
}

fn arguments(
    state: &State,
    regulations: &Regulations,
    catalogue: &Catalogue,
) -> Vec<(&'static str, String)> {
    let declared = state.declaration();
    let kind = if declared.drill { "notice.kind.drill" } else { "notice.kind.incident" };
    let unknown = || catalogue.text("unknown", &[]);
    let time = |at: Option<Time>| at.map_or_else(unknown, |at| at.to_string());
    let mut arguments = vec![
        ("kind", catalogue.text(kind, &[])),
        ("incident", state.incident().to_string()),
        ("authority", declared.authority.to_string()),
        ("severity", declared.severity.as_str().to_owned()),
        ("policy", declared.policy.as_str().to_owned()),
        ("trigger", declared.trigger.as_str().to_owned()),
        ("declared_by", declared.declared_by.to_string()),
        ("declared", state.declared_at().to_string()),
        ("detected", time(declared.detected)),
        ("aware", state.aware_at().to_string()),
        ("suspected", time(declared.suspected_since)),
        ("deadline", state.cutover_deadline().to_string()),
        ("due", due_lines(&regulations.due(state), catalogue)),
    ];
    arguments.extend(scope_arguments(state, catalogue));
    arguments
}

fn scope_arguments(state: &State, catalogue: &Catalogue) -> Vec<(&'static str, String)> {
    let Some(scope) = state.scope() else { return Vec::new() };
    let immediate = state.declaration().policy == skink_model::Policy::Immediate;
    let breaks = if immediate { scope.breaks_if_immediate } else { scope.breaks_if_cutover };
    let unknown = || catalogue.text("unknown", &[]);
    vec![
        ("certificates", scope.certificates.to_string()),
        ("endpoints", scope.endpoints.to_string()),
        ("breaks", breaks.to_string()),
        ("expected_s", scope.forecast.expected_s.to_string()),
        ("waves", scope.forecast.waves.len().to_string()),
        ("cached_until", scope.cached_crl_until.map_or_else(unknown, |at| at.to_string())),
        ("unmanaged", unmanaged_lines(&scope.unmanaged, catalogue)),
    ]
}

fn unmanaged_lines(unmanaged: &[Unmanaged], catalogue: &Catalogue) -> String {
    if unmanaged.is_empty() {
        return catalogue.text("none", &[]);
    }
    let lines: Vec<String> =
        unmanaged.iter().map(|party| format!("- {} ({})", party.name, party.owner)).collect();
    lines.join("\n")
}

fn due_lines(due: &[Due], catalogue: &Catalogue) -> String {
    let line = |due: &Due| {
        let by = due.by.clone().unwrap_or_else(|| catalogue.text("unknown", &[]));
        format!("- {}: {} ({}, {})", by, due.what, due.regulation, due.source)
    };
    due.iter().map(line).collect::<Vec<_>>().join("\n")
}
