//! Generated files are fresh. `UPDATE=1 cargo test -p voxlink-tidy` writes them anew.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;

use serde_json::{Value, json};
use voxlink_protocol::{
    ChannelId, ChannelKind, Guild, GuildId, Overwrite, OverwriteKind, Permissions, Role, RoleId, Snowflake,
    UserId,
    hierarchy::{Standing, can_act_on, outranks_role},
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
    let (id, owner, user) = (GuildId::new(1), UserId::new(100), UserId::new(100 + seeded.below(8)));
    let mut guild = Guild::new(id, "Harbour", owner);
    guild.roles = (1..=4)
        .map(|number| {
            let position = if number == 1 { 0 } else { 1 + u32::try_from(seeded.below(3)).unwrap() };
            Role { id: RoleId::new(number), position, permissions: seeded.bits(), ..Role::everyone(id) }
        })
        .collect();
    let mut some_roles = || (2..=5).filter(|_| seeded.below(2) == 0).map(RoleId::new).collect();
    let (held, others): (Vec<RoleId>, Vec<RoleId>) = (some_roles(), some_roles());
    let other = UserId::new(100 + seeded.below(8));
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
    let kind = if seeded.below(2) == 0 { ChannelKind::Text } else { ChannelKind::Voice };
    let subject = Subject { user, roles: &held, timed_out };
    let of = |role| guild.role_permissions(role);
    // Whoever they are, they hold `held` here; the other one holds `others`, unless it is the same person.
    let actor = Standing { user, roles: &held };
    let target = Standing { user: other, roles: if other == user { &held } else { &others } };
    let below: Vec<RoleId> = guild
        .roles
        .iter()
        .filter(|role| outranks_role(&guild, actor, role.rank()))
        .map(|role| role.id)
        .collect();
    json!({
        "guild_id": id, "owner_id": owner, "channel_id": ChannelId::new(50), "user_id": user, "timed_out": timed_out,
        "roles": guild.roles.iter().map(|role| json!({"id": role.id, "permissions": role.permissions, "position": role.position})).collect::<Vec<_>>(),
        "member_roles": held, "overwrites": overwrites, "channel_type": kind,
        "in_guild": in_guild(id, owner, &of, subject),
        "in_channel": in_channel(id, owner, &of, kind, &overwrites, subject),
        "other_id": other, "other_roles": target.roles,
        "can_act_on_other": can_act_on(&guild, actor, target),
        "roles_below": below,
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
