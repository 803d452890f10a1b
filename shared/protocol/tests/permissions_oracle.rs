//! The permission arithmetic against an oracle that asks the documented rules one bit at a time, in a million random
//! guilds.
#![allow(clippy::unwrap_used, missing_docs)]

use voxlink_protocol::{
    ChannelKind, Guild, GuildId, Overwrite, OverwriteKind, Permissions, Role, RoleId, Snowflake, UserId,
    hierarchy::{Rank, Standing, can_act_on, outranks_role},
    permissions::{Subject, in_channel},
};

const CASES: u32 = 1_000_000;
const SEED: u64 = 0x0D15_EA5E_0BAD_CAFE;
const GUILD: GuildId = GuildId::new(1);
const OWNER: UserId = UserId::new(100);

/// Bits that rules speak of, two that none does, and one that has no name.
const BITS: [Permissions; 16] = [
    Permissions::VIEW_CHANNEL,
    Permissions::READ_MESSAGE_HISTORY,
    Permissions::SEND_MESSAGES,
    Permissions::MENTION_EVERYONE,
    Permissions::SEND_TTS_MESSAGES,
    Permissions::ATTACH_FILES,
    Permissions::EMBED_LINKS,
    Permissions::CONNECT,
    Permissions::SPEAK,
    Permissions::STREAM,
    Permissions::MOVE_MEMBERS,
    Permissions::MANAGE_CHANNELS,
    Permissions::MANAGE_ROLES,
    Permissions::ADMINISTRATOR,
    Permissions::KICK_MEMBERS,
    Permissions::from_bits_retain(1 << 60),
];

/// xorshift64*: the same million cases on every machine.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
    /// `chance` in 16 for each bit; administrators are rare.
    fn bits(&mut self, chance: u64) -> Permissions {
        let mut drawn = self.next();
        let mut sum = Permissions::empty();
        for bit in BITS {
            if drawn & 15 < chance && (bit != Permissions::ADMINISTRATOR || self.next() & 15 == 0) {
                sum |= bit;
            }
            drawn >>= 4;
        }
        sum
    }
    fn one_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }
}

/// One guild with one channel, from the point of view of one member.
struct Case {
    guild: Guild,
    kind: ChannelKind,
    overwrites: Vec<Overwrite>,
    user: UserId,
    held: Vec<RoleId>,
    timed_out: bool,
    other: UserId,
    others: Vec<RoleId>,
}

fn draw(seeded: &mut Seeded, guild: &mut Case) {
    for role in &mut guild.guild.roles {
        let everyone = role.id == GUILD.everyone();
        role.position = if everyone { 0 } else { 1 + (seeded.next() % 3) as u32 };
        role.permissions = seeded.bits(if everyone { 8 } else { 3 });
    }
    guild.kind = if seeded.one_in(2) { ChannelKind::Text } else { ChannelKind::Voice };
    guild.user = UserId::new(if seeded.one_in(20) { 100 } else { 101 });
    guild.other = UserId::new(if seeded.one_in(8) { 100 } else { 101 + seeded.next() % 2 });
    guild.timed_out = seeded.one_in(8);
    for roles in [&mut guild.held, &mut guild.others] {
        roles.clear();
        // 6 is a role that the guild does not have.
        roles.extend((2..=6).filter(|_| seeded.one_in(3)).map(RoleId::new));
    }
    guild.overwrites.clear();
    for (kind, id) in [
        (OverwriteKind::Role, 1),
        (OverwriteKind::Role, 2),
        (OverwriteKind::Role, 3),
        (OverwriteKind::Role, 6),
        (OverwriteKind::Member, 101),
        (OverwriteKind::Member, 2),
    ] {
        if seeded.one_in(3) {
            let (allow, deny) = (seeded.bits(4), seeded.bits(4));
            guild.overwrites.push(Overwrite { id: Snowflake(id), kind, allow, deny });
        }
    }
}

/// The oracle: is this bit there before what one bit needs of another? Read from the last word to the first.
fn is_given(case: &Case, bit: Permissions) -> bool {
    let of = |kind: OverwriteKind, id: u64| {
        case.overwrites.iter().filter(move |one| one.kind == kind && one.id.0 == id)
    };
    for own in of(OverwriteKind::Member, case.user.get()) {
        if own.allow.contains(bit) {
            return true;
        }
        if own.deny.contains(bit) {
            return false;
        }
    }
    if case.held.iter().any(|role| of(OverwriteKind::Role, role.get()).any(|one| one.allow.contains(bit))) {
        return true;
    }
    if case.held.iter().any(|role| of(OverwriteKind::Role, role.get()).any(|one| one.deny.contains(bit))) {
        return false;
    }
    for everyone in of(OverwriteKind::Role, GUILD.get()) {
        if everyone.allow.contains(bit) {
            return true;
        }
        if everyone.deny.contains(bit) {
            return false;
        }
    }
    from_roles(case, bit)
}

fn from_roles(case: &Case, bit: Permissions) -> bool {
    let counts = |role: &Role| role.id == GUILD.everyone() || case.held.contains(&role.id);
    case.guild.roles.iter().any(|role| counts(role) && role.permissions.contains(bit))
}

fn oracle(case: &Case) -> Permissions {
    if case.user == OWNER || from_roles(case, Permissions::ADMINISTRATOR) {
        return Permissions::every_named();
    }
    let sees = is_given(case, Permissions::VIEW_CHANNEL);
    let posts = is_given(case, Permissions::SEND_MESSAGES);
    let enters = is_given(case, Permissions::CONNECT);
    let mut sum = Permissions::empty();
    for bit in BITS {
        let reading = bit == Permissions::VIEW_CHANNEL || bit == Permissions::READ_MESSAGE_HISTORY;
        let posting = bit == Permissions::MENTION_EVERYONE
            || bit == Permissions::SEND_TTS_MESSAGES
            || bit == Permissions::ATTACH_FILES
            || bit == Permissions::EMBED_LINKS;
        let entering = bit == Permissions::SPEAK
            || bit == Permissions::STREAM
            || bit == Permissions::MOVE_MEMBERS
            || bit == Permissions::MANAGE_CHANNELS
            || bit == Permissions::MANAGE_ROLES;
        let holds = sees
            && (reading || !case.timed_out)
            && (posts || !posting)
            && (enters || !entering || case.kind != ChannelKind::Voice)
            && is_given(case, bit);
        if holds {
            sum |= bit;
        }
    }
    sum
}

/// All roles of the guild from the lowest to the highest: how many stand at or below the best of these.
fn height(case: &Case, held: &[RoleId]) -> usize {
    let mut ladder: Vec<&Role> = case.guild.roles.iter().collect();
    ladder
        .sort_by(|a, b| if a.position == b.position { b.id.cmp(&a.id) } else { a.position.cmp(&b.position) });
    ladder.iter().rposition(|role| held.contains(&role.id)).unwrap_or(0)
}

#[test]
fn a_million_random_members_may_what_the_rules_say() {
    let mut seeded = Seeded(SEED);
    let mut guild = Guild::new(GUILD, "Harbour", OWNER);
    guild.roles.extend((2..=5).map(|id| Role { id: RoleId::new(id), ..Role::everyone(GUILD) }));
    let mut case = Case {
        guild,
        kind: ChannelKind::Text,
        overwrites: Vec::new(),
        user: OWNER,
        held: Vec::new(),
        timed_out: false,
        other: OWNER,
        others: Vec::new(),
    };
    let mut nothing = 0;
    for number in 0..CASES {
        draw(&mut seeded, &mut case);
        let subject = Subject { user: case.user, roles: &case.held, timed_out: case.timed_out };
        let of = |role| case.guild.role_permissions(role);
        let answer = in_channel(GUILD, OWNER, &of, case.kind, &case.overwrites, subject);
        let expected = oracle(&case);
        assert_eq!(answer, expected, "case {number}");
        nothing += u32::from(answer.is_empty());
        // Sorting is dear: every eighth case asks who stands above whom.
        if number % 8 == 0 {
            rank(&case, number);
        }
    }
    assert!(
        (CASES / 10..CASES * 9 / 10).contains(&nothing),
        "the cases are one-sided: {nothing} see nothing"
    );
}

fn rank(case: &Case, number: u32) {
    let actor = Standing { user: case.user, roles: &case.held };
    let target = Standing { user: case.other, roles: &case.others };
    let above = height(case, &case.held) > height(case, &case.others);
    let expected = case.user != case.other && case.other != OWNER && (case.user == OWNER || above);
    assert_eq!(can_act_on(&case.guild, actor, target), expected, "case {number}");
    for role in &case.guild.roles {
        let above = height(case, &case.held) > height(case, &[role.id]);
        let rank = Rank::of(role.id, role.position);
        assert_eq!(outranks_role(&case.guild, actor, rank), case.user == OWNER || above, "case {number}");
    }
}
