//! The server over real sockets.

mod common;
mod walking_line;
