//! skink-authority
