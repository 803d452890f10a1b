//! `getifaddrs`.

use std::{io, net::IpAddr, ptr};

use super::address::RawAddress;

/// The addresses of all interfaces that are up, in the kernel's order.
pub(crate) fn interface_addresses() -> io::Result<Vec<IpAddr>> {
    let mut list: *mut libc::ifaddrs = ptr::null_mut();
    // SAFETY: `list` is a valid place for the result; it is freed below with its own function.
    if unsafe { libc::getifaddrs(&raw mut list) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut found = Vec::new();
    let mut cursor = list;
    while !cursor.is_null() {
        // SAFETY: a node of the list that getifaddrs made and nobody has freed yet.
        let node = unsafe { &*cursor };
        if node.ifa_flags & libc::IFF_UP as libc::c_uint != 0 && !node.ifa_addr.is_null() {
            found.extend(read_address(node.ifa_addr));
        }
        cursor = node.ifa_next;
    }
    // SAFETY: the head of the list that getifaddrs returned; no reference into it is left.
    unsafe { libc::freeifaddrs(list) };
    Ok(found)
}

fn read_address(raw: *const libc::sockaddr) -> Option<IpAddr> {
    // SAFETY: getifaddrs gives a `sockaddr` whose family says how long it really is.
    let family = libc::c_int::from(unsafe { (*raw).sa_family });
    let mut address = RawAddress::empty();
    match family {
        // SAFETY: with this family the memory holds a `sockaddr_in`; alignment is not relied upon.
        libc::AF_INET => address.v4 = unsafe { raw.cast::<libc::sockaddr_in>().read_unaligned() },
        // SAFETY: with this family the memory holds a `sockaddr_in6`.
        libc::AF_INET6 => address.v6 = unsafe { raw.cast::<libc::sockaddr_in6>().read_unaligned() },
        _ => return None,
    }
    address.decode().map(|address| address.ip())
}
