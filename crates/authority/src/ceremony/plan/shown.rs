//! The plan as a person reads it before the root signs.

use std::fmt;

use skink_model::Time;

use super::{CeremonyPlan, Certify, ListPlan, Partition, PlannedCertificate};

impl fmt::Display for CeremonyPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Ceremony {} of trust domain {}", self.number, self.domain)?;
        writeln!(f, "  request      {}", self.request)?;
        writeln!(f, "  digest       {}", self.request_digest)?;
        let known = if self.requester_known { "as before" } else { "NOT SEEN HERE BEFORE" };
        writeln!(f, "  signed by    {} ({known})", self.requester)?;
        writeln!(f, "  journal head {}", self.journal_head.as_deref().unwrap_or("none"))?;
        writeln!(f, "\nCertificates to sign: {}", self.certificates.len())?;
        self.certificates.iter().try_for_each(|one| write!(f, "{one}"))?;
        writeln!(f, "\nAuthorities to revoke, for ever: {}", self.revoke.len())?;
        for one in &self.revoke {
            let since = one.suspected_since_ms.map(Time::from_millis);
            let since = since.map_or_else(|| "unknown".to_owned(), |time| time.to_string());
            writeln!(f, "  {}: {}, suspected since {since}", one.authority, one.reason)?;
        }
        writeln!(f, "\nRevocation lists to sign: {}", self.partitions.len())?;
        self.partitions.iter().try_for_each(|one| write!(f, "{one}"))
    }
}

impl fmt::Display for PlannedCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Certify { authority, issuer, kind, epoch, standby, .. } = &self.certify;
        writeln!(f, "  {authority}: {} of {issuer}", kind.as_str())?;
        writeln!(f, "    subject    {}", self.subject)?;
        writeln!(f, "    key        {} {}", self.public_key.algorithm(), self.public_key.digest())?;
        writeln!(f, "    valid      {} to {}", self.not_before, self.not_after)?;
        match epoch {
            Some(epoch) => writeln!(f, "    may        sign trust packages of epoch {epoch}")?,
            None => writeln!(f, "    may        issue end-entity certificates, no authorities")?,
        }
        if let Some(standby) = standby {
            writeln!(f, "    stands by  for {}", standby.replaces)?;
        }
        Ok(())
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let revokes = if self.revoked.is_some() { "REVOKED" } else { "nothing revoked" };
        let ListPlan { uri, number, this_update, next_update } = &self.routine;
        writeln!(f, "  {}: {revokes}, at {uri}", self.scope)?;
        writeln!(f, "    publish    number {number}, {this_update} to {next_update}")?;
        if let Some(ListPlan { number, this_update, next_update, .. }) = &self.escrow {
            writeln!(f, "    seal       number {number}, REVOKED, {this_update} to {next_update}")?;
        }
        match &self.standby {
            Some(standby) => writeln!(f, "    kit        with the credential of {standby}"),
            None => Ok(()),
        }
    }
}
