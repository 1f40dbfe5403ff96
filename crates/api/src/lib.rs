//! skink-api
