//! The server over real sockets.

mod authorisation;
mod bad_input;
mod ceremony;
mod common;
mod incident;
mod responder;
mod walking_line;
