//! Who waits for news, and who is known to have none: most polls are answered without a look into
//! the database.
//!
//! The truth is in the database. What is kept here says only of an agent that the last look found no
//! open order to renew, and that none was given since; an agent of which nothing is kept is looked up.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use skink_model::{AgentName, Time};
use tokio::sync::Notify;

/// Agents that poll.
#[derive(Debug, Default)]
pub(crate) struct Waiting(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Counts orders: what was looked up before one says nothing after it.
    orders: u64,
    /// Agents without an open order.
    settled: HashSet<AgentName>,
    /// Polls that are held, by agent.
    calls: HashMap<AgentName, Arc<Notify>>,
    /// When agents were heard of, as far as the database has not been told.
    heard: HashMap<AgentName, Time>,
}

/// A poll that is held, until it is dropped.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    waiting: &'a Waiting,
    agent: &'a AgentName,
    wake: Arc<Notify>,
}

impl Waiting {
    /// Holds a poll of the agent: orders from now on wake it. Of two polls of one agent the later
    /// one is woken.
    pub(crate) fn call<'a>(&'a self, agent: &'a AgentName) -> Call<'a> {
        let wake = Arc::new(Notify::new());
        self.change(|inner| inner.calls.insert(agent.clone(), Arc::clone(&wake)));
        Call { waiting: self, agent, wake }
    }

    /// Whether the agent has no open order.
    pub(crate) fn is_settled(&self, agent: &AgentName) -> bool {
        self.change(|inner| inner.settled.contains(agent))
    }

    /// To be given back by [`Self::settle`]: which orders a look that begins now will see.
    pub(crate) fn orders(&self) -> u64 {
        self.change(|inner| inner.orders)
    }

    /// A look that began after `orders` found no open order of the agent.
    pub(crate) fn settle(&self, agent: &AgentName, orders: u64) {
        self.change(|inner| {
            if inner.orders == orders {
                inner.settled.insert(agent.clone());
            }
        });
    }

    /// There are orders for these agents: they are looked up again, and woken.
    pub(crate) fn ordered<'a>(&self, agents: impl IntoIterator<Item = &'a AgentName>) {
        self.change(|inner| {
            inner.orders += 1;
            for agent in agents {
                inner.settled.remove(agent);
                if let Some(wake) = inner.calls.get(agent) {
                    wake.notify_one();
                }
            }
        });
    }

    /// There are orders for who knows whom: everybody is looked up again, and woken.
    pub(crate) fn ordered_some(&self) {
        self.change(|inner| {
            inner.orders += 1;
            inner.settled.clear();
            inner.calls.values().for_each(|wake| wake.notify_one());
        });
    }

    /// The agent was heard of.
    pub(crate) fn heard(&self, agent: &AgentName, at: Time) {
        self.change(|inner| inner.heard.insert(agent.clone(), at));
    }

    /// Who was heard of since this was asked last, and when.
    pub(crate) fn take_heard(&self) -> Vec<(AgentName, Time)> {
        self.change(|inner| std::mem::take(&mut inner.heard).into_iter().collect())
    }

    /// How many agents are known to poll.
    pub(crate) fn agents(&self) -> usize {
        self.change(|inner| inner.settled.len().max(inner.calls.len()))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Call<'_> {
    /// An order came.
    pub(crate) async fn ordered(&self) {
        self.wake.notified().await;
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.waiting.change(|inner| {
            // A later poll of the same agent has the place by now.
            if inner.calls.get(self.agent).is_some_and(|one| Arc::ptr_eq(one, &self.wake)) {
                inner.calls.remove(self.agent);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    fn agent(name: &str) -> AgentName {
        name.parse().unwrap()
    }

    #[test]
    fn what_was_looked_up_before_an_order_settles_nothing() {
        let (waiting, web) = (Waiting::default(), agent("web"));
        let before = waiting.orders();
        waiting.ordered([&web]);
        waiting.settle(&web, before);
        assert!(!waiting.is_settled(&web));
        waiting.settle(&web, waiting.orders());
        assert!(waiting.is_settled(&web));
        waiting.ordered([&agent("db")]);
        assert!(waiting.is_settled(&web));
        waiting.ordered([&web]);
        assert!(!waiting.is_settled(&web));
    }

    #[tokio::test]
    async fn an_order_wakes_whom_it_is_for_and_nobody_else() {
        let (waiting, web, db) = (Waiting::default(), agent("web"), agent("db"));
        let (of_web, of_db) = (waiting.call(&web), waiting.call(&db));
        waiting.ordered([&web]);
        // An order that came before anybody listened is not lost.
        assert!(timeout(Duration::from_secs(5), of_web.ordered()).await.is_ok());
        assert!(timeout(Duration::from_millis(20), of_db.ordered()).await.is_err());
    }

    #[tokio::test]
    async fn a_poll_that_ends_leaves_the_later_one_its_place() {
        let (waiting, web) = (Waiting::default(), agent("web"));
        let earlier = waiting.call(&web);
        let later = waiting.call(&web);
        drop(earlier);
        waiting.ordered([&web]);
        assert!(timeout(Duration::from_secs(5), later.ordered()).await.is_ok());
    }
}
