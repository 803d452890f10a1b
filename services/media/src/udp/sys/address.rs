//! `SocketAddr` to and from the kernel's shape.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// Either family's address; `sockaddr_in6` is the larger one.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) union RawAddress {
    pub(super) v4: libc::sockaddr_in,
    pub(super) v6: libc::sockaddr_in6,
}

impl RawAddress {
    pub(super) const CAPACITY: libc::socklen_t = size_of::<Self>() as libc::socklen_t;

    pub(super) const fn empty() -> Self {
        Self {
            v6: libc::sockaddr_in6 {
                sin6_family: 0,
                sin6_port: 0,
                sin6_flowinfo: 0,
                sin6_addr: libc::in6_addr { s6_addr: [0; 16] },
                sin6_scope_id: 0,
            },
        }
    }

    /// The address for a socket of the given family: a dual-stack socket names IPv4 peers in mapped form.
    pub(super) fn encode(address: SocketAddr, socket_is_v6: bool) -> (Self, libc::socklen_t) {
        match address {
            SocketAddr::V4(v4) if !socket_is_v6 => {
                let raw = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: v4.port().to_be(),
                    sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                    sin_zero: [0; 8],
                };
                (Self { v4: raw }, size_of::<libc::sockaddr_in>() as libc::socklen_t)
            }
            SocketAddr::V4(v4) => Self::encode_v6(v4.ip().to_ipv6_mapped(), v4.port(), 0),
            SocketAddr::V6(v6) => Self::encode_v6(*v6.ip(), v6.port(), v6.scope_id()),
        }
    }

    fn encode_v6(ip: Ipv6Addr, port: u16, scope: u32) -> (Self, libc::socklen_t) {
        let raw = libc::sockaddr_in6 {
            sin6_family: libc::AF_INET6 as libc::sa_family_t,
            sin6_port: port.to_be(),
            sin6_flowinfo: 0,
            sin6_addr: libc::in6_addr { s6_addr: ip.octets() },
            sin6_scope_id: scope,
        };
        (Self { v6: raw }, size_of::<libc::sockaddr_in6>() as libc::socklen_t)
    }

    /// The address, IPv4 out of its mapped form; `None` for another family.
    pub(super) fn decode(&self) -> Option<SocketAddr> {
        // SAFETY: both variants are plain integers, start with the family at the same offset, and were fully
        // initialised by `empty` or `encode`: every bit pattern is valid.
        let family = unsafe { self.v4.sin_family };
        if family == libc::AF_INET as libc::sa_family_t {
            // SAFETY: as above.
            let raw = unsafe { self.v4 };
            let ip = Ipv4Addr::from(raw.sin_addr.s_addr.to_ne_bytes());
            return Some(SocketAddrV4::new(ip, u16::from_be(raw.sin_port)).into());
        }
        if family == libc::AF_INET6 as libc::sa_family_t {
            // SAFETY: as above.
            let raw = unsafe { self.v6 };
            let (ip, port) = (Ipv6Addr::from(raw.sin6_addr.s6_addr), u16::from_be(raw.sin6_port));
            return Some(match ip.to_ipv4_mapped() {
                Some(v4) => SocketAddrV4::new(v4, port).into(),
                None => SocketAddrV6::new(ip, port, 0, raw.sin6_scope_id).into(),
            });
        }
        None
    }
}

/// The address without the port.
pub(super) fn canonical(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}
