//! The agents' side: enrolment, news, certificates, reports.

pub(crate) mod certificates;
pub(crate) mod enroll;
pub(crate) mod poll;
pub(crate) mod report;
