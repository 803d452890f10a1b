//! `voxlink admin`: for the operator at the console.

use std::io::Write as _;

use voxlink_identity::make_invite_offline;
use voxlink_service_kit::Env;

use crate::{Failure, cli::InviteOptions};

/// Prints a registration invite.
pub(crate) async fn invite(options: InviteOptions) -> Result<(), Failure> {
    let database = options.data_dir.join("identity.db");
    if !database.exists() {
        return Err(Failure(format!(
            "There is no VoxLink data in {}. Name the server's folder with --data-dir.",
            options.data_dir.display()
        )));
    }
    let code = make_invite_offline(&database.into(), &Env::real())
        .await
        .map_err(|error| Failure(format!("The invite was not made: {error}.")))?;
    writeln!(std::io::stdout(), "{}", code.expose())
        .map_err(|error| Failure(format!("The invite could not be printed: {error}.")))
}
