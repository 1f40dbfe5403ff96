//! The server over real sockets.

mod common;
mod incident;
mod walking_line;
