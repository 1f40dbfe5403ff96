//! skink-trust
