//! Whether a database is whole: its pages and indexes, and that rows point at rows.

use crate::sql::query;
use crate::store::Pools;
use crate::tx::Connected as _;
use crate::{Store, StoreError};

const FILE_PAGES: &str = "SELECT integrity_check AS fault FROM pragma_integrity_check";
const FILE_POINTERS: &str = "SELECT 'a row of ' || [table] || ' points at no row of ' || parent
    AS fault FROM pragma_foreign_key_check";
const GOOD: &str = "ok";

impl Store {
    /// What SQLite finds wrong with a file. A PostgreSQL server sees to its own pages, and holds its
    /// constraints at every write: nothing is looked at there.
    pub async fn faults(&self) -> Result<Vec<String>, StoreError> {
        let mut faults = Vec::new();
        if matches!(self.pools(), Pools::Postgres { .. }) {
            return Ok(faults);
        }
        let mut reading = self.read().await?;
        for look in [FILE_PAGES, FILE_POINTERS] {
            let rows = query(look).fetch_all(reading.conn()).await.map_err(StoreError::query)?;
            for row in rows {
                let fault: String = row.field("fault").map_err(StoreError::query)?;
                faults.push(fault);
            }
        }
        faults.retain(|fault| fault != GOOD);
        Ok(faults)
    }
}
