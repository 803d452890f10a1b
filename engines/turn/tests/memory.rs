//! What a thousand allocations take, counted at the allocator.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, unsafe_code)]

mod cases;
mod support;
mod wire;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicIsize, Ordering::Relaxed},
};

use cases::{Auth, Step, Then, bytes, case, peer, udp};
use support::{World, config};
use voxlink_turn::stun::{Method, attributes as a};

struct Counting;

static LIVE: AtomicIsize = AtomicIsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged; only sizes are added up beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size().cast_signed(), Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size().cast_signed(), Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Leaves only what the server itself holds.
fn of_the_server(world: &mut World) -> isize {
    world.relays = Default::default();
    world.events = Vec::new();
    world.to_clients = Vec::new();
    world.to_peers = Vec::new();
    LIVE.load(Relaxed)
}

/// With one permission and one channel each, as a client of the SFU has.
#[test]
fn what_an_allocation_with_a_channel_takes() {
    const COUNT: usize = 896;
    let mut config = config();
    config.limits.per_user = COUNT;
    config.limits.per_address = COUNT;
    config.limits.replies = u32::MAX;
    let mut world = World::new(config);
    let before = of_the_server(&mut world);
    for client in 0..COUNT {
        let number = bytes(a::CHANNEL_NUMBER, &[0x40, 0, 0, 0]);
        for (method, attributes) in
            [(Method::Allocate, vec![udp()]), (Method::ChannelBind, vec![number, peer()])]
        {
            let step = Step::Request { client, method, attributes, auth: Auth::Good("alice") };
            let got = cases::run(&mut world, &case("", vec![], step, Then::Silence)).unwrap();
            assert!(matches!(got, Then::Success | Then::Lifetime(600)), "{got:?}");
        }
    }
    let each = (of_the_server(&mut world) - before) / COUNT.cast_signed();
    eprintln!("{each} bytes for each of {COUNT} allocations with a channel");
    assert!(each <= 1_024, "{each}");
}
