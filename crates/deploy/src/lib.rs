//! skink-deploy
