//! Certificate requests of the drill's own.

use skink_x509::{CsrSpec, GeneralName, Name, assemble};

use crate::DrillError;
use crate::thief::forge::public_key;
use crate::thief::key::{StolenKey, thwarted};

/// A request for a server's certificate with a fresh key, PEM.
pub(crate) fn for_name(dns: &str) -> Result<String, DrillError> {
    let key = StolenKey::generate()?;
    let failed = |error: &dyn std::fmt::Display| thwarted("making a request", error);
    let spec = CsrSpec {
        subject: Name::from_common_name(dns).map_err(|error| failed(&error))?,
        public_key: public_key(&key)?,
        subject_alt_names: vec![GeneralName::Dns(dns.to_owned())],
    };
    let info = spec.tbs_der().map_err(|error| failed(&error))?;
    let der =
        assemble(&info, key.algorithm(), &key.sign(&info)?).map_err(|error| failed(&error))?;
    let csr = skink_x509::Csr::from_der(&der).map_err(|error| failed(&error))?;
    Ok(csr.to_pem())
}
