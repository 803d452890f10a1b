//! `voxlink admin`: for the operator at the console.

use std::io::Write as _;

use voxlink_identity::make_invite_offline;
use voxlink_service_kit::{DbTarget, Env, db::Sharing};

use crate::{
    Failure,
    cli::InviteOptions,
    databases::{Databases, Keeper},
};

/// Prints a registration invite.
pub(crate) async fn invite(options: InviteOptions) -> Result<(), Failure> {
    let databases = Databases::parse(&options.database)?;
    let database = match databases.schema(Keeper::Identity, Sharing::Beside) {
        Some(target) => target,
        None => options.data_dir.join("identity.db").into(),
    };
    if let DbTarget::File(file) = &database
        && !file.exists()
    {
        return Err(Failure(format!(
            "There is no VoxLink data in {}. Name the server's folder with --data-dir, or its database with --database.",
            options.data_dir.display()
        )));
    }
    let code = make_invite_offline(&database, &Env::real())
        .await
        .map_err(|error| Failure(format!("The invite was not made: {error}.")))?;
    writeln!(std::io::stdout(), "{}", code.expose())
        .map_err(|error| Failure(format!("The invite could not be printed: {error}.")))
}
