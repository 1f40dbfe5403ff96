//! Releases the recovery kit: each of two custodians hands in a share, and the second opens it.

use skink_api::{Code, Incident, KitRelease, Problem};
use skink_authority::ceremony::{KitContents, KitFile, Release, check_escrow};
use skink_incident::{ApprovalOf, State, order};
use skink_model::{
    AuthorityId, CrlFacts, CrlKind, IncidentId, Kit, KitShare, KitState, OperatorName, Stamp,
};
use skink_signer::sealed::Share;
use skink_store::crls::{self, NewCrl};
use skink_store::{Tx, kits};
use skink_x509::crl::Crl;
use skink_x509::{Certificate, Fingerprint};

use super::chronicle::{self, Beside, Chronicle};
use super::orders::{approval_by, refused};
use super::{show, shown};
use crate::app::App;
use crate::crl;
use crate::failure::{Failure, Result};
use crate::http::authorise::Person;
use crate::operators::parsed;

/// Takes one custodian's share. The first waits for the second; the second opens the kit: the
/// standby's key is taken into use, and the escrow lies ready, unpublished, until the plan comes
/// to it. Opening again after a crash is as good as once.
pub(crate) async fn kit(
    app: &App,
    by: &Person,
    id: &IncidentId,
    release: KitRelease,
) -> Result<Incident> {
    let file = KitFile::from_json(&release.kit).map_err(|error| bad(error.to_string()))?;
    let share = share_of(&release)?;
    let chronicle = chronicle::load(app, id).await?;
    let kit = kit_of(app, &chronicle.state, &file).await?;
    if kit.state == KitState::Released {
        return show(app, id).await;
    }
    let command = approval_by(by, ApprovalOf::Kit);
    let other = other_share(app, &kit, &share).await?;
    let before = chronicle.state.approvers(ApprovalOf::Kit);
    // Bringing a better copy of the same share is no second approval; the other share is for
    // another person to bring, whoever keeps it.
    let again = other.is_none() && before.iter().any(|one| one.person == by.name);
    if !again {
        order(&chronicle.state, &command, app.now()).map_err(|why| refused(&why))?;
    }
    let custodian: OperatorName = parsed(share.custodian())?;
    let beside = match other {
        None => Beside::HandIn {
            by: by.name.clone(),
            share: KitShare { kit: kit.id.clone(), custodian, share: release.share, at: app.now() },
        },
        Some(other) => open(app, &chronicle, &kit, &file, [&share, &other]).await?,
    };
    let recorded = chronicle::record_beside(app, id, &beside, |state, now| {
        if again {
            Ok(Vec::new())
        } else {
            order(state, &command, now).map_err(|why| refused(&why))
        }
    });
    let recorded = recorded.await?;
    tracing::warn!(incident.id = %id, kit.id = kit.id, custodian = share.custodian(), by = %by.name, "a share of a kit was handed in");
    app.news().tell_incidents();
    Ok(shown(app, &recorded))
}

fn bad(detail: String) -> Failure {
    Problem::new(Code::KitRefused, detail).into()
}

fn share_of(release: &KitRelease) -> Result<Share> {
    let share = read_share(&release.share)?;
    if share.custodian() != release.custodian {
        let (found, said) = (share.custodian(), &release.custodian);
        return Err(bad(format!("the share is of {found}, not {said}")));
    }
    Ok(share)
}

fn read_share(text: &str) -> Result<Share> {
    serde_json::from_str(text).map_err(|_| bad("the share cannot be read".to_owned()))
}

/// The kit's row: the file must be of a kit that is ready, for this incident's authority.
async fn kit_of(app: &App, state: &State, file: &KitFile) -> Result<Kit> {
    let facts = file.facts();
    let authority = &state.declaration().authority;
    if facts.authority != *authority {
        return Err(bad(format!("the kit is for {}, not {authority}", facts.authority)));
    }
    let mut snapshot = app.store().read().await.map_err(Failure::Store)?;
    let kit = kits::find(&mut snapshot, &facts.id).await?;
    let kit = kit.ok_or_else(|| bad("no ceremony that was imported made this kit".to_owned()))?;
    let ours = kit.state == KitState::Released && kit.incident.as_ref() == Some(state.incident());
    if kit.state != KitState::Ready && !ours {
        return Err(bad(format!("the kit is {}", kit.state)));
    }
    if kit.expires_at <= app.now() {
        return Err(bad(format!("the kit expired at {}", kit.expires_at)));
    }
    Ok(kit)
}

/// The share that another custodian has handed in.
async fn other_share(app: &App, kit: &Kit, own: &Share) -> Result<Option<Share>> {
    let mut snapshot = app.store().read().await.map_err(Failure::Store)?;
    let shares = kits::shares(&mut snapshot, &kit.id).await?;
    let other = shares.into_iter().find(|share| share.custodian.as_str() != own.custodian());
    other.map(|share| read_share(&share.share)).transpose()
}

/// Opens the kit and takes the standby's key into use. The rest is for the transaction.
async fn open(
    app: &App,
    chronicle: &Chronicle,
    kit: &Kit,
    file: &KitFile,
    [one, other]: [&Share; 2],
) -> Result<Beside> {
    let contents = file.open(one, other).map_err(|error| bad(error.to_string()))?;
    let state = &chronicle.state;
    // A later ceremony may have signed what the escrow was for, and more.
    let revoked = super::execute::root_list(app, state).await?.is_some();
    let escrow = if state.declaration().is_compromise() && !revoked {
        Some(checked(app, &state.declaration().authority, &contents).await?)
    } else {
        None
    };
    adopt(app, file, &contents).await?;
    let root = app.root().await?.id;
    Ok(Beside::TakeOver(Box::new(TakeOver { kit: kit.id.clone(), root, escrow })))
}

async fn adopt(app: &App, file: &KitFile, contents: &KitContents) -> Result<()> {
    let credential = contents.standby_credential.as_ref();
    let (Some(standby), Some(credential)) = (file.facts().standby.as_ref(), credential) else {
        return Err(bad("the kit holds no standby".to_owned()));
    };
    let uri = app.authority(standby).await?.key.uri;
    let uri = uri.ok_or_else(|| Failure::conflict(format!("the key of {standby} is not here")))?;
    let key = uri.parse().map_err(|_| Failure::Bug("a key's URI"))?;
    app.keys().adopt(&key, credential).await
}

/// What the second share brings into the database.
#[derive(Debug)]
pub(super) struct TakeOver {
    kit: String,
    root: AuthorityId,
    escrow: Option<Opened>,
}

#[derive(Debug)]
struct Opened {
    authority: AuthorityId,
    scope: String,
    number: u64,
    facts: CrlFacts,
    der: Vec<u8>,
}

/// An escrow counts only if it outranks everything of its scope, by number and by time.
async fn checked(app: &App, id: &AuthorityId, contents: &KitContents) -> Result<Opened> {
    let scope = crl::root_scope(id.as_str());
    let root = Certificate::from_pem(&app.root_pem().await?).map_err(Failure::Stored)?;
    let pem = app.authority(id).await?.certificate.map(|one| one.pem);
    let pem = pem.ok_or(Failure::Bug("an authority without a certificate"))?;
    let authority = Certificate::from_pem(&pem).map_err(Failure::Stored)?;
    let mut snapshot = app.store().read().await.map_err(Failure::Store)?;
    let published = match crls::published(&mut snapshot, &scope).await? {
        Some(row) => crls::der(&mut snapshot, &scope, row.number).await?,
        None => None,
    };
    drop(snapshot);
    let published =
        published.map(|der| Crl::from_der(&der)).transpose().map_err(Failure::Stored)?;
    // What the root has said since is a floor even for a server that was restored from a backup.
    let own = Fingerprint::of(&contents.escrow);
    let release = Release {
        root: &root,
        authority: &authority,
        published: published.as_ref(),
        floor: crl::forgotten_floor(app, &scope, &own).await?,
        now: app.now(),
    };
    let escrow = check_escrow(&contents.escrow, &release)
        .map_err(|error| Problem::new(Code::EscrowRefused, error.to_string()))?;
    opened(id, scope, &escrow)
}

fn opened(id: &AuthorityId, scope: String, escrow: &Crl) -> Result<Opened> {
    let number = escrow.number().map(ToString::to_string).and_then(|text| text.parse().ok());
    Ok(Opened {
        authority: id.clone(),
        scope,
        number: number.ok_or_else(|| bad("the escrow's number is none of ours".to_owned()))?,
        facts: CrlFacts {
            this_update: escrow.this_update(),
            next_update: escrow.next_update().ok_or(Failure::Bug("a checked list ends"))?,
            entries: u64::try_from(escrow.len()).unwrap_or(u64::MAX),
            size: u64::try_from(escrow.der().len()).unwrap_or(u64::MAX),
            digest: escrow.fingerprint(),
        },
        der: escrow.der().to_vec(),
    })
}

impl TakeOver {
    /// In the transaction that records the second approval.
    pub(super) async fn record(
        &self,
        tx: &mut Tx<'_>,
        stamp: &Stamp,
        incident: &IncidentId,
    ) -> Result<()> {
        kits::release(tx, stamp, &self.kit, incident).await?;
        let Some(escrow) = &self.escrow else { return Ok(()) };
        kits::release_escrow(tx, stamp, &escrow.scope, escrow.number, incident).await?;
        let new = NewCrl {
            scope: escrow.scope.clone(),
            authority: self.root.clone(),
            kind: CrlKind::Escrow,
            floor: 0,
            incident: Some(incident.clone()),
        };
        tracing::debug!(authority.id = %escrow.authority, "the escrow lies ready");
        crls::import(tx, stamp.at, &new, escrow.number, &escrow.facts, &escrow.der).await?;
        Ok(())
    }
}
