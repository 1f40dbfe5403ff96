//! Columns of a row as the model's types, and back.

use std::error::Error;
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use skink_model::{EventHash, Time};
use skink_x509::{Fingerprint, KeyDigest, Serial};

use crate::StoreError;
use crate::sql::{DbRow, Field};

/// Reads typed columns by name.
pub(crate) trait Columns {
    /// Anything the driver reads by itself.
    fn raw<T: Field>(&self, column: &'static str) -> Result<T, StoreError>;

    fn string(&self, column: &'static str) -> Result<String, StoreError> {
        self.raw(column)
    }

    fn bytes(&self, column: &'static str) -> Result<Vec<u8>, StoreError> {
        self.raw(column)
    }

    fn flag(&self, column: &'static str) -> Result<bool, StoreError> {
        Ok(self.raw::<i64>(column)? != 0)
    }

    fn parsed<T: FromStr<Err: Error + Send + Sync + 'static>>(
        &self,
        column: &'static str,
    ) -> Result<T, StoreError> {
        self.string(column)?.parse().map_err(|error| corrupt(column, error))
    }

    fn parsed_option<T: FromStr<Err: Error + Send + Sync + 'static>>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let text = self.raw::<Option<String>>(column)?;
        text.map(|text| text.parse().map_err(|error| corrupt(column, error))).transpose()
    }

    fn time(&self, column: &'static str) -> Result<Time, StoreError> {
        self.raw(column).map(Time::from_millis)
    }

    fn time_option(&self, column: &'static str) -> Result<Option<Time>, StoreError> {
        Ok(self.raw::<Option<i64>>(column)?.map(Time::from_millis))
    }

    fn number<T: TryFrom<i64, Error: Error + Send + Sync + 'static>>(
        &self,
        column: &'static str,
    ) -> Result<T, StoreError> {
        T::try_from(self.raw::<i64>(column)?).map_err(|error| corrupt(column, error))
    }

    fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        serde_json::from_str(&self.string(column)?).map_err(|error| corrupt(column, error))
    }

    fn json_option<T: DeserializeOwned>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let text = self.raw::<Option<String>>(column)?;
        text.map(|text| serde_json::from_str(&text).map_err(|error| corrupt(column, error)))
            .transpose()
    }

    fn digest<T: Digest>(&self, column: &'static str) -> Result<T, StoreError> {
        let bytes = self.bytes(column)?;
        let bytes = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|e| corrupt(column, e))?;
        Ok(T::from_32(bytes))
    }

    fn digest_option<T: Digest>(&self, column: &'static str) -> Result<Option<T>, StoreError> {
        match self.raw::<Option<Vec<u8>>>(column)? {
            None => Ok(None),
            Some(_) => self.digest(column).map(Some),
        }
    }

    fn serial(&self, column: &'static str) -> Result<Serial, StoreError> {
        let bytes = self.bytes(column)?;
        Serial::from_be_bytes(bytes.get(1..).unwrap_or_default()).map_err(|e| corrupt(column, e))
    }
}

impl Columns for DbRow {
    fn raw<T: Field>(&self, column: &'static str) -> Result<T, StoreError> {
        self.field(column).map_err(|error| corrupt(column, error))
    }
}

pub(crate) fn corrupt(
    column: &'static str,
    error: impl Error + Send + Sync + 'static,
) -> StoreError {
    StoreError::Corrupt { column, source: Box::new(error) }
}

/// Reads every row with `read`.
pub(crate) fn all<T>(
    rows: &[DbRow],
    read: impl Fn(&DbRow) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    rows.iter().map(read).collect()
}

/// 32 bytes with a meaning.
pub(crate) trait Digest {
    fn from_32(bytes: [u8; 32]) -> Self;
}

impl Digest for Fingerprint {
    fn from_32(bytes: [u8; 32]) -> Self {
        Self::from_bytes(bytes)
    }
}

impl Digest for KeyDigest {
    fn from_32(bytes: [u8; 32]) -> Self {
        Self::from_bytes(bytes)
    }
}

impl Digest for EventHash {
    fn from_32(bytes: [u8; 32]) -> Self {
        Self::from_bytes(bytes)
    }
}

/// A serial as it is stored: its length, then its bytes, so that the order is by value.
pub(crate) fn serial_bytes(serial: &Serial) -> Vec<u8> {
    let value = serial.as_be_bytes();
    let mut bytes = Vec::with_capacity(value.len() + 1);
    bytes.push(u8::try_from(value.len()).unwrap_or(u8::MAX));
    bytes.extend_from_slice(value);
    bytes
}

/// JSON text of what always has one.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

/// A count or number as the database keeps it; beyond its range, the highest there is.
pub(crate) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A flag as the database keeps it.
pub(crate) fn bit(flag: bool) -> i64 {
    i64::from(flag)
}

pub(crate) fn millis(time: Option<Time>) -> Option<i64> {
    time.map(Time::as_millis)
}
