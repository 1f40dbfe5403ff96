//! `skink serve`

use anyhow::Result;
use skink_cli::ServeArgs;

use crate::{logging, signals};

/// Serves until SIGTERM or SIGINT.
pub(crate) async fn run(args: &ServeArgs) -> Result<()> {
    logging::init(args.log_json);
    Ok(skink_server::serve(&args.dir, signals::told_to_stop()).await?)
}
