//! One permission check in a channel: a member with ten of fifty roles, a channel with twenty exceptions.

use std::{hint::black_box, time::Instant};

use serde_json::json;
use voxlink_protocol::{
    Channel, ChannelId, ChannelKind, Guild, GuildId, Overwrite, OverwriteKind, Permissions, Role, RoleId,
    Snowflake, UserId, permissions::Subject,
};

use crate::{floor::quantile, report};

/// Checks of one sample: long enough for the clock.
const CHECKS: u32 = 10_000;
const SAMPLES: usize = 100;

pub(crate) fn run() {
    let id = GuildId::new(1);
    let mut guild = Guild::new(id, "Bench", UserId::new(1));
    guild.roles.extend((2..=50).map(|number| Role {
        id: RoleId::new(number),
        position: u32::try_from(number).unwrap_or(1),
        ..Role::everyone(id)
    }));
    let none = Permissions::empty();
    let overwrites = (1..=20).map(|number| Overwrite {
        id: Snowflake(number * 2),
        kind: OverwriteKind::Role,
        allow: Permissions::ATTACH_FILES,
        deny: none,
    });
    let channel = Channel {
        id: ChannelId::new(100),
        kind: ChannelKind::Text,
        guild_id: id,
        name: "bench".to_owned(),
        position: 0,
        parent_id: None,
        topic: None,
        nsfw: false,
        rate_limit_per_user: 0,
        permission_overwrites: overwrites.collect(),
        last_message_id: None,
        last_pin_timestamp: None,
        bitrate: None,
        user_limit: None,
        flags: 0,
    };
    let held: Vec<RoleId> = (1..=10).map(|number| RoleId::new(number * 5)).collect();
    let subject = Subject { user: UserId::new(7), roles: &held, timed_out: false };
    let mut sample: Vec<f64> = (0..SAMPLES)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..CHECKS {
                black_box(black_box(&guild).channel_permissions(black_box(&channel), black_box(subject)));
            }
            start.elapsed().as_secs_f64() * 1e6 / f64::from(CHECKS)
        })
        .collect();
    let (median, worst) = (quantile(&mut sample, 0.5), quantile(&mut sample, 1.0));
    report(
        "permission check in a channel, 10 of 50 roles, 20 exceptions",
        "µs",
        &json!({"median": median, "worst": worst, "target": 1}),
    );
}
