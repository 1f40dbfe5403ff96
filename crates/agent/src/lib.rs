//! skink-agent
