//! Step 4: one audience's notice, rendered to a file.

use skink_incident::{
    Audience, Catalogue, Contact, ContactBook, Outcome, Regulations, render_notice,
};
use skink_x509::Fingerprint;

use super::{Came, Scene};
use crate::app::App;
use crate::failure::{Failure, Result};
use crate::files;

pub(super) fn render(scene: Scene<'_>, audience: Audience) -> Result<Came> {
    let book = contacts(scene.app);
    let (regulations, english) = (Regulations::built_in(), Catalogue::english());
    let notice = render_notice(scene.state, audience, &book, &regulations, &english);
    let name = format!("notices/{audience}.txt");
    let path = scene.dir().join(&name);
    files::write_atomic(&path, 0o600, notice.text.as_bytes()).map_err(Failure::Io)?;
    let outcome =
        Outcome::Notice { file: name, recipients: notice.recipients, left_out: notice.left_out };
    Ok(Came::shown(outcome, &Fingerprint::of(notice.text.as_bytes())))
}

/// The configuration's addresses, each a contact of the audience it is listed under.
fn contacts(app: &App) -> ContactBook {
    let mut contact = Vec::new();
    for audience in Audience::ALL {
        let listed = app.settings().contacts().get(audience.as_str());
        contact.extend(listed.into_iter().flatten().map(|address| Contact {
            name: address.clone(),
            audiences: [audience].into(),
            address: address.clone(),
            language: "en".to_owned(),
        }));
    }
    ContactBook { contact }
}
