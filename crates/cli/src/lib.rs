//! skink-cli
