//! skink-path
