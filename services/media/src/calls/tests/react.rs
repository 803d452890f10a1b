//! Emojis that fly through a call.

use super::*;

fn reaction(user: u64) -> Value {
    json!({"op": 31, "d": {"user_id": user.to_string(), "emoji": "👍"}})
}

#[test]
fn the_others_see_a_reaction_once_and_nobody_floods_a_call() {
    let mut world = World::new();
    let (anna, _, _) = world.join(ANNA, "a");
    let (boris, _, _) = world.join(BORIS, "b");
    world.seen();
    let thumbs = json!({"op": 31, "d": {"emoji": "👍"}});
    world.ask(anna, thumbs.clone());
    assert_eq!(world.seen(), [Seen::Frame(boris, reaction(ANNA))]);
    world.ask(anna, thumbs.clone());
    assert_eq!(world.seen(), [], "faster than anybody presses");
    world.ask(boris, thumbs.clone());
    assert_eq!(world.seen(), [Seen::Frame(anna, reaction(BORIS))]);
    let mut told = 0;
    for _ in 0..40 {
        world.now += Duration::from_millis(20);
        world.ask(anna, thumbs.clone());
        told += world.seen().len();
    }
    assert_eq!(told, 3, "four a second");
    world.ask(SocketId(99), thumbs);
    assert_eq!(world.seen(), []);
}
