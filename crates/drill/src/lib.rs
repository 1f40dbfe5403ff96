//! skink-drill
