//! A network that loses requests and answers, repeats calls, and delivers some of them late.

use serde_json::Value;

use crate::client::{Answer, Client};

/// Of a hundred calls, how many suffer each fate.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// The request never arrives, or arrives late when nobody waits for it.
    pub request_lost: u8,
    /// The call is worked off, its answer is lost.
    pub answer_lost: u8,
    /// The call arrives twice; the second answer is the one that comes back.
    pub repeated: u8,
}

/// Carries calls to one server, faithfully or not, as its random numbers say.
pub struct Network {
    rng: fastrand::Rng,
    faults: Faults,
    late: Vec<(Client, String, Value)>,
    address: String,
}

impl Network {
    /// A network to the server at an address.
    pub fn new(address: &str, faults: Faults, seed: u64) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
            faults,
            late: Vec::new(),
            address: address.to_owned(),
        }
    }

    /// The server came back at another address.
    pub fn moved(&mut self, address: &str) {
        address.clone_into(&mut self.address);
    }

    /// From now on everything arrives, also what was held back.
    pub fn heal(&mut self) {
        self.faults = Faults::default();
        while !self.late.is_empty() {
            self.deliver_late();
        }
    }

    /// Makes a call; `None` is what a device sees of a call that failed.
    pub fn call(&mut self, client: &Client, path: &str, body: &Value) -> Option<Answer> {
        if self.rng.u8(..100) < 30 {
            self.deliver_late();
        }
        let client = client.at(&self.address);
        let fate = self.rng.u8(..100);
        let Faults {
            request_lost,
            answer_lost,
            repeated,
        } = self.faults;
        if fate < request_lost {
            if self.rng.bool() {
                self.late.push((client, path.to_owned(), body.clone()));
            }
            return None;
        }
        let answer = client.try_post(path, body).ok()?;
        if fate < request_lost + answer_lost {
            return None;
        }
        if fate < request_lost + answer_lost + repeated {
            return client.try_post(path, body).ok();
        }
        Some(answer)
    }

    fn deliver_late(&mut self) {
        if !self.late.is_empty() {
            let (client, path, body) = self.late.swap_remove(self.rng.usize(..self.late.len()));
            client.at(&self.address).post(&path, &body);
        }
    }
}
