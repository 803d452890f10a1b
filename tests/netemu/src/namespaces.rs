//! Network namespaces and their ends of the link, by `ip`. Only what was made here is taken away again.

use std::{
    ffi::OsStr,
    fs::File,
    io,
    path::Path,
    process::{self, Command},
};

use crate::sys;

/// Where `ip netns` keeps names.
const NAMES: &str = "/run/netns";
/// Packets that wait in the device for this program to read them: a busy machine must not lose what the settings do not.
const DEVICE_QUEUE: &str = "5000";

/// One end: a namespace, and a device in it whose other side is this program.
pub(crate) struct End {
    /// What goes into the device in the namespace can be read here, and the reverse.
    pub(crate) device: File,
    /// Dropped behind the device.
    _namespace: Option<Made>,
}

/// A namespace that did not exist before.
struct Made(String);

impl Drop for Made {
    fn drop(&mut self) {
        if let Err(error) = ip(["netns", "delete", &self.0]) {
            eprintln!("netemu: the namespace {} stays: {error}", self.0);
        }
    }
}

impl End {
    /// Makes the device, and the namespace where it is missing.
    ///
    /// # Errors
    /// In words: no root, no TUN, no `ip`, an address that is none.
    pub(crate) fn make(namespace: &str, address: &str, letter: char) -> Result<Self, String> {
        // Chromium ignores devices called tun: with them alone it believes to be offline.
        let name = format!("vx{letter}{}", process::id());
        let device = sys::open_tun(&name).map_err(|error| {
            format!("no TUN device can be made ({error}): this needs root (CAP_NET_ADMIN) and /dev/net/tun")
        })?;
        let made = match Path::new(NAMES).join(namespace).exists() {
            true => None,
            false => {
                ip(["netns", "add", namespace])?;
                Some(Made(namespace.to_owned()))
            }
        };
        if made.is_some() {
            ip(["-n", namespace, "link", "set", "lo", "up"])?;
        }
        ip(["link", "set", &name, "netns", namespace])?;
        ip(["-n", namespace, "address", "add", address, "dev", &name])?;
        ip(["-n", namespace, "link", "set", &name, "txqueuelen", DEVICE_QUEUE, "up"])?;
        Ok(Self { device, _namespace: made })
    }
}

fn ip<const N: usize>(words: [&str; N]) -> Result<(), String> {
    let told = |problem: &dyn std::fmt::Display| {
        format!("`ip {}` failed: {problem}", words.map(OsStr::new).join(OsStr::new(" ")).display())
    };
    let output = Command::new("ip").args(words).output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => told(&"there is no `ip` (apt-get install iproute2)"),
        _ => told(&error),
    })?;
    if output.status.success() {
        return Ok(());
    }
    Err(told(&String::from_utf8_lossy(&output.stderr).trim_end()))
}
