//! skink-testkit
