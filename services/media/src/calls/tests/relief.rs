//! Listeners whose links lose, and who is asked to send them less.

use super::*;

impl World {
    /// So many counts, two seconds apart, in which these peers lost this share of the sound.
    fn count(&mut self, times: u32, losses: &[(PeerId, f32)]) {
        for _ in 0..times {
            self.now += Duration::from_secs(2);
            let one = |(peer, loss): &(PeerId, f32)| {
                (*peer, Quality { sound_loss: Some(*loss), ..Quality::default() })
            };
            let measured = losses.iter().map(one).collect();
            self.calls.heard(Report::Measured(measured), self.now);
        }
    }

    /// What microphones were asked to take since the last look.
    fn asked_bitrates(&mut self) -> Vec<(SocketId, Value)> {
        let frames = self.seen().into_iter().filter_map(|seen| match seen {
            Seen::Frame(socket, value) if value["op"] == 26 => {
                Some((socket, value["d"]["microphone"].clone()))
            }
            _ => None,
        });
        frames.collect()
    }
}

#[test]
fn a_speaker_is_asked_for_less_while_half_of_the_others_lose_sound() {
    let mut world = World::new();
    let (anna, anna_peer, _) = world.join(ANNA, "a");
    let (boris, boris_peer, _) = world.join(BORIS, "b");
    world.seen();
    world.count(3, &[(anna_peer, 0.0), (boris_peer, 0.3)]);
    assert_eq!(world.asked_bitrates(), []);
    world.count(1, &[(anna_peer, 0.0), (boris_peer, 0.3)]);
    assert_eq!(world.asked_bitrates(), [(anna, json!(24_000))], "Boris himself is heard as before");

    // Two more come who hear well: one of three is not half.
    let (_, clara_peer, _) = world.join(3, "c");
    let (_, dora_peer, _) = world.join(4, "d");
    world.seen();
    world.count(1, &[(anna_peer, 0.0), (boris_peer, 0.3), (clara_peer, 0.0), (dora_peer, 0.0)]);
    assert_eq!(world.asked_bitrates(), [(anna, json!(null))]);

    world.count(4, &[(anna_peer, 0.0), (boris_peer, 0.3), (clara_peer, 0.2), (dora_peer, 0.0)]);
    let asked = world.asked_bitrates();
    assert_eq!(asked.len(), 2, "Anna and Dora have two such listeners of three: {asked:?}");
    assert!(asked.iter().all(|(socket, most)| *socket != boris && *most == json!(24_000)));
    world.count(10, &[(anna_peer, 0.0), (boris_peer, 0.0), (clara_peer, 0.0), (dora_peer, 0.0)]);
    assert!(world.asked_bitrates().iter().all(|(_, most)| most.is_null()));
}
