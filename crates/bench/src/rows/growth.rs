//! What one certificate costs among many, beside what it costs among few: CPU time of the server, on two
//! servers in turn.

use std::path::Path;

use serde_json::json;
use skink_x509::Serial;

use super::{issue, ocsp};
use crate::cores::Core;
use crate::error::BenchError;
use crate::ground::{Ground, folder, ground, not_understood, one};
use crate::load::{float, median};
use crate::material::requests;
use crate::row::Row;
use crate::skink::Home;
use crate::{Options, process, say};

const FEW: usize = 10_000;
const FULL: usize = 1_000_000;
const QUICK: usize = 100_000;
/// How many times as much one may cost among many.
const MOST: f64 = 1.3;
const ROUNDS: usize = 3;
/// Certificates issued and serials asked for in a round.
const AT_ONCE: usize = 2_000;
/// How many entries a round of lists has at least: the kernel counts CPU time in hundredths of a second.
const ENTRIES: usize = 300_000;

/// One of the two servers, and what it took for one of each, in µs.
struct Side {
    name: &'static str,
    ground: Ground,
    issue: Vec<f64>,
    ocsp: Vec<f64>,
    revoke: f64,
    crl: Vec<f64>,
    /// How many its authority has certified.
    certified: usize,
}

/// Each kind of work on both, in turn.
pub(crate) async fn measure(options: &Options, dir: &Path) -> Result<Vec<Row>, BenchError> {
    let many = if options.quick { QUICK } else { FULL };
    let mut few = Side::serve(options, dir, "growth-few", FEW).await?;
    let mut many = Side::serve(options, dir, "growth-many", many).await?;
    for number in 0..=ROUNDS {
        for side in [&mut few, &mut many] {
            side.issued_and_asked(options, number).await?;
        }
    }
    for side in [&mut few, &mut many] {
        side.revoked().await?;
    }
    for number in 0..ROUNDS {
        for side in [&mut few, &mut many] {
            side.listed(number).await?;
        }
    }
    let rows = vec![
        row("issued over HTTPS", &few, &many, |side| median(&side.issue)),
        row("asked of OCSP, first answer", &few, &many, |side| median(&side.ocsp)),
        row("revoked with all others, and listed", &few, &many, |side| side.revoke),
        row("an entry of a list", &few, &many, |side| median(&side.crl)),
    ];
    few.ground.skink.stop().await?;
    many.ground.skink.stop().await?;
    Ok(rows)
}

fn row(what: &str, few: &Side, many: &Side, of: fn(&Side) -> f64) -> Row {
    let count = many.ground.serials.len();
    let (peer, value) = (of(few), of(many));
    Row::alone(format!("growth: CPU time of one of {count}, {what}"), value, "µs")
        .beside(format!("itself, one of {FEW}"), peer, value / peer)
        .grown_at_most(MOST)
}

impl Side {
    async fn serve(
        options: &Options,
        dir: &Path,
        name: &'static str,
        count: usize,
    ) -> Result<Self, BenchError> {
        let home = Home::make(&options.skink, &folder(dir, name)?, None, 1).await?;
        let ground = ground(&home, count, Core::Server).await?;
        // One more was issued as the pattern of all.
        let certified = count + 1;
        let (issue, ocsp, crl) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { name, ground, issue, ocsp, revoke: 0.0, crl, certified })
    }

    /// The first round warms up and counts for nothing.
    async fn issued_and_asked(
        &mut self,
        options: &Options,
        number: usize,
    ) -> Result<(), BenchError> {
        let wanted = requests(&format!("{}-{number}", self.name), AT_ONCE)?;
        let issued = issue::our_round(options, &self.ground.skink, &wanted).await?;
        self.certified += AT_ONCE;
        let side = ocsp::Side::own(&self.ground, options.connections);
        let step = self.ground.serials.len() / AT_ONCE;
        // Spread over all of them, and others each time: of ten thousand every fifth.
        let drawn = self.ground.serials.iter().skip(number).step_by(step);
        let drawn: Vec<&Serial> = drawn.take(AT_ONCE).collect();
        let asked = side.asked(self.name, &drawn, false).await?;
        if number > 0 {
            self.issue.push(issued.server_us);
            self.ocsp.push(asked.server_us);
        }
        Ok(())
    }

    async fn revoked(&mut self) -> Result<(), BenchError> {
        let before = self.cpu_us()?;
        let revoked = self.ground.revoke_all().await?;
        self.revoke = (self.cpu_us()? - before) / float(self.certified);
        if usize::try_from(revoked) != Ok(self.certified) {
            return Err(not_understood("another number than all were revoked"));
        }
        say(&format!("growth: {}: {revoked} revoked, {:.1} µs each", self.name, self.revoke));
        Ok(())
    }

    async fn listed(&mut self, number: usize) -> Result<(), BenchError> {
        let lists = (ENTRIES / self.certified).max(1);
        let mut entries = 0;
        let mut spent = 0.0;
        for list in 0..lists {
            let name = format!("{}-list-{number}-{list}", self.name);
            let made = one(&self.ground.skink, &name).await?;
            let path = format!("/api/v1/certificates/{}/revoke", made.id);
            let before = self.cpu_us()?;
            self.ground.revoke(&path, &json!({"reason": "superseded"})).await?;
            spent += self.cpu_us()? - before;
            self.certified += 1;
            entries += self.certified;
        }
        let each = spent / float(entries);
        say(&format!("growth: {}: {lists} lists, {each:.2} µs an entry", self.name));
        self.crl.push(each);
        Ok(())
    }

    fn cpu_us(&self) -> Result<f64, BenchError> {
        process::cpu_us(self.ground.skink.pid())
    }
}
