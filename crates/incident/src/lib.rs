//! skink-incident
