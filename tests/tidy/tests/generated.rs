//! Generated files are fresh. `UPDATE=1 cargo test -p voxlink-tidy` writes them anew.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;

use serde_json::{Value, json};
use voxlink_protocol::{
    ChannelId, GuildId, Overwrite, OverwriteKind, Permissions, RoleId, Snowflake, UserId,
    permissions::{Subject, in_channel, in_guild},
};

/// A small generator with a fixed seed (xorshift64*): the same cases on every machine.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    /// Few bits, and the deciding ones often.
    fn bits(&mut self) -> Permissions {
        let some = Permissions::from_bits_retain(self.next() & self.next() & self.next() & ((1 << 53) - 1));
        let mut bits = some - Permissions::ADMINISTRATOR;
        if self.below(3) > 0 {
            bits |= Permissions::VIEW_CHANNEL;
        }
        if self.below(24) == 0 {
            bits |= Permissions::ADMINISTRATOR;
        }
        bits
    }
}

fn one_case(seeded: &mut Seeded) -> Value {
    let (guild, owner, user) = (GuildId::new(1), UserId::new(100), UserId::new(100 + seeded.below(8)));
    let roles: Vec<(RoleId, Permissions)> = (1..=4).map(|id| (RoleId::new(id), seeded.bits())).collect();
    let held: Vec<RoleId> = (2..=5).filter(|_| seeded.below(2) == 0).map(RoleId::new).collect();
    let mut overwrites = Vec::new();
    for (kind, id) in [
        (OverwriteKind::Role, 1),
        (OverwriteKind::Role, 2),
        (OverwriteKind::Role, 3),
        (OverwriteKind::Member, user.get()),
        (OverwriteKind::Member, 999),
    ] {
        let (allow, deny) =
            (seeded.bits() - Permissions::ADMINISTRATOR, seeded.bits() - Permissions::ADMINISTRATOR);
        if seeded.below(2) == 0 {
            overwrites.push(Overwrite { id: Snowflake(id), kind, allow, deny });
        }
    }
    let timed_out = seeded.below(6) == 0;
    let subject = Subject { user, roles: &held, timed_out };
    let of = |role: RoleId| roles.iter().find(|(id, _)| *id == role).map(|(_, bits)| *bits);
    json!({
        "guild_id": guild, "owner_id": owner, "channel_id": ChannelId::new(50), "user_id": user, "timed_out": timed_out,
        "roles": roles.iter().map(|(id, bits)| json!({"id": id, "permissions": bits})).collect::<Vec<_>>(),
        "member_roles": held, "overwrites": overwrites,
        "in_guild": in_guild(guild, owner, &of, subject),
        "in_channel": in_channel(guild, owner, &of, &overwrites, subject),
    })
}

#[test]
fn the_clients_permission_vectors_come_from_the_servers_function() {
    let mut seeded = Seeded(0x5EED_1234_ABCD_0001);
    let cases: Vec<String> = (0..300).map(|_| one_case(&mut seeded).to_string()).collect();
    let fresh = format!("[\n{}\n]\n", cases.join(",\n"));
    let path = voxlink_tidy::root().join("web/src/permissions.vectors.json");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &fresh).unwrap();
    }
    assert!(
        fs::read_to_string(&path).is_ok_and(|stored| stored == fresh),
        "run UPDATE=1 cargo test -p voxlink-tidy"
    );
}
