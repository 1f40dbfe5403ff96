//! "Renew now": the orders that are not carried out yet.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use skink_api::agent::RenewNow;

/// Endpoint by endpoint, the generation that it should move to.
#[derive(Debug, Default)]
pub(crate) struct Orders(Mutex<BTreeMap<String, String>>);

impl Orders {
    /// Takes the server's word for all endpoints that it names. Whether anything is new.
    pub(crate) fn take(&self, renew: &[RenewNow]) -> bool {
        let mut orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        renew.iter().fold(false, |new, order| {
            let before = orders.insert(order.endpoint.clone(), order.authority.clone());
            new || before.as_ref() != Some(&order.authority)
        })
    }

    /// The generation that the endpoint should move to.
    pub(crate) fn of(&self, endpoint: &str) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(endpoint).cloned()
    }

    /// The order is carried out, unless another one came.
    pub(crate) fn done(&self, endpoint: &str, authority: &str) {
        let mut orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if orders.get(endpoint).is_some_and(|ordered| ordered == authority) {
            orders.remove(endpoint);
        }
    }
}
