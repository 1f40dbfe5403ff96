//! skink-store
