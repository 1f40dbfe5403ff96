//! skink-server
