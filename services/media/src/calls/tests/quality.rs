//! How everyone hears, as it is told.

use super::*;

#[test]
fn how_everyone_hears_is_kept_while_they_are_in_the_call() {
    let mut world = World::new();
    assert!(world.calls.quality_of(LOUNGE, world.wall(), world.now).is_none());
    let (socket, peer, _) = world.join(ANNA, "a");
    let (_, other, _) = world.join(BORIS, "b");
    world.ask(socket, json!({"op":24,"d":{"concealed":0.25,"frozen_ms":400,"microphone_kbps":24}}));
    let picture = Picture { peer, source: Source::Camera, rid: Some("h".into()), width: 640, height: 360 };
    for seconds in [2, 4, 6] {
        world.now += Duration::from_secs(2);
        let counted =
            |reported_lost| Quality { reported: 100 * seconds, reported_lost, ..Quality::default() };
        let seen = Quality { picture_down: Some(picture.clone()), target: Bitrate::kbps(700), ..counted(0) };
        let measured = vec![(peer, counted(20 * seconds)), (other, seen)];
        world.calls.heard(Report::Measured(measured), world.now);
    }
    let call = world.calls.quality_of(LOUNGE, world.wall(), world.now).unwrap();
    let (user, samples) = &call.people[0];
    assert_eq!((call.guild, *user, samples.len()), (Some(GUILD), UserId::new(ANNA), 2));
    assert_eq!(samples[1].0, world.wall());
    assert_eq!(samples[1].1.down.loss, Some(0.2));
    assert_eq!(samples[1].1.experience.unwrap().concealed, 0.25);
    assert_eq!((samples[1].1.up.target_kbps, samples[1].1.down.target_kbps), (Some(24), None));
    let down = &call.people[1].1[1].1.down;
    assert_eq!((down.loss, down.target_kbps), (Some(0.0), Some(700)));
    assert_eq!(down.picture, Some(Shown { user: UserId::new(ANNA), picture }));
    world.calls.leave_seat(&LeaveSeat {
        guild: Some(GUILD),
        user: UserId::new(ANNA),
        session_id: "a".to_owned(),
    });
    assert_eq!(world.calls.quality_of(LOUNGE, world.wall(), world.now).unwrap().people.len(), 1);
}
