//! Names to addresses: handed in, so that tests have names of their own.

use std::{fmt, io, net::IpAddr};

use futures_util::future::BoxFuture;

/// Finds the addresses of a host.
pub trait Resolve: fmt::Debug + Send + Sync {
    /// All of them.
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// The operating system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}
