//! "Renew now": the orders that are not carried out yet.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use skink_api::agent::RenewNow;

use crate::pair::Pair;

/// Which order it is. Numbers alone do not tell: a server that was restored counts them again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OrderId {
    pub(crate) number: u64,
    pub(crate) at_ms: i64,
}

/// One order, to one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) id: OrderId,
    pub(crate) authority: String,
    anew: bool,
}

impl Order {
    fn of(order: &RenewNow) -> Self {
        Self {
            id: OrderId { number: order.number, at_ms: order.at_ms },
            authority: order.authority.clone(),
            anew: order.anew,
        }
    }

    /// Whether what was asked for with `asked` in mind will do: an order to renew wants what is newer
    /// than itself.
    pub(crate) fn takes(&self, asked: Option<OrderId>) -> bool {
        !self.anew || asked == Some(self.id)
    }

    /// Whether the order is carried out with this pair: one that came of it, whatever generation that
    /// was, for the server chose it; or any of the generation it should move to.
    pub(crate) fn is_met_by(&self, pair: &Pair) -> bool {
        pair.order == Some(self.id) || (!self.anew && pair.authority == self.authority)
    }
}

/// The newest order to each endpoint.
#[derive(Debug, Default)]
pub(crate) struct Orders(Mutex<BTreeMap<String, Order>>);

impl Orders {
    /// Takes the server's word for all endpoints that it names. Whether anything is new.
    pub(crate) fn take(&self, renew: &[RenewNow]) -> bool {
        let mut orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        renew.iter().fold(false, |new, order| {
            let told = Order::of(order);
            let before = orders.insert(order.endpoint.clone(), told.clone());
            new || before.is_none_or(|before| before != told)
        })
    }

    /// The order to this endpoint.
    pub(crate) fn of(&self, endpoint: &str) -> Option<Order> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(endpoint).cloned()
    }

    /// The order is carried out, unless another one came.
    pub(crate) fn done(&self, endpoint: &str, order: &Order) {
        let mut orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if orders.get(endpoint) == Some(order) {
            orders.remove(endpoint);
        }
    }
}
