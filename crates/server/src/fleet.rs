//! The agents' side: enrolment, news, certificates, reports.

pub(crate) mod certificates;
pub(crate) mod enroll;
pub(crate) mod poll;
pub(crate) mod records;
pub(crate) mod report;
pub(crate) mod turnstile;
pub(crate) mod waiting;
