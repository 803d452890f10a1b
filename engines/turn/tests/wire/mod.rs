//! Plays cases against the engine.

use std::{net::SocketAddr, time::Duration};

use crate::{
    cases::Wire,
    support::{self, World, address, client},
};

impl Wire for World {
    fn ask(&mut self, number: usize, bytes: &[u8]) -> Option<Vec<u8>> {
        self.to_clients.clear();
        self.send(client(number), bytes);
        let answer = self.to_clients.drain(..).find(|(to, _)| *to == client(number));
        answer.map(|(_, bytes)| bytes)
    }

    fn reaches_peer(&mut self, number: usize, bytes: &[u8]) -> bool {
        self.to_peers.clear();
        self.to_clients.clear();
        self.send(client(number), bytes);
        !self.to_peers.is_empty() || !self.to_clients.is_empty()
    }

    fn peer_reaches_client(&mut self, from: SocketAddr, to: SocketAddr) -> bool {
        self.to_clients.clear();
        let Some(relay) = self.relays.iter().find(|(_, at)| **at == to).map(|(relay, _)| *relay) else {
            return false;
        };
        self.peer_sends(relay, from, b"hello");
        !self.to_clients.is_empty()
    }

    fn pass(&mut self, seconds: u64) -> bool {
        World::pass(self, Duration::from_secs(seconds));
        true
    }

    fn unix(&self) -> u64 {
        support::UNIX + self.elapsed().as_secs()
    }

    fn peer(&self) -> SocketAddr {
        address("8.8.8.8:5000")
    }
}
