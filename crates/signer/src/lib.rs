//! skink-signer
