//! `voxlink admin`: for the operator at the console.

use std::{io::Write as _, net::Ipv4Addr, time::Duration};

use voxlink_identity::make_invite_offline;
use voxlink_service_kit::{DbTarget, Env, db::Sharing};

use crate::{
    Failure,
    cli::{InviteOptions, ServeOptions, TurnMode},
    compose::Services,
    data_dir::DataDir,
    databases::{Databases, Keeper},
    settings::{self, Settings},
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

/// Prints a coturn's configuration. The server may be running.
pub(crate) fn turn_config(options: ServeOptions) -> Result<(), Failure> {
    let settings = settings::resolve(options)?;
    let Settings { turn, data_dir, databases, public_addresses, .. } = &settings;
    let text = turn.coturn(data_dir, databases, public_addresses, &Env::real())?;
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| Failure(format!("The configuration could not be printed: {error}.")))
}

/// Prints the table of routes: the services are made over an empty folder, but serve nobody.
pub(crate) async fn routes() -> Result<(), Failure> {
    let folder = std::env::temp_dir().join(format!("voxlink-routes-{}", std::process::id()));
    let given = ServeOptions {
        data_dir: Some(folder.clone()),
        media_listen: Some((Ipv4Addr::LOCALHOST, 0).into()),
        turn_mode: Some(TurnMode::Off),
        ..ServeOptions::default()
    };
    let printed = async {
        let settings = settings::resolve(given)?;
        let data = DataDir::open(&settings.data_dir)?;
        let services = Services::start(&settings, &data, None).await?;
        let table: String = services
            .routes()
            .table()
            .iter()
            .map(|route| format!("{} {}\n", route.method, route.path))
            .collect();
        services.drain(Duration::ZERO).await;
        std::io::stdout()
            .write_all(table.as_bytes())
            .map_err(|error| Failure(format!("The routes could not be printed: {error}.")))
    }
    .await;
    // It was made for this; should it stay behind, it is small and in the folder for what does not last.
    let _left = std::fs::remove_dir_all(&folder);
    printed
}
