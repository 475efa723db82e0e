//! A value that a browser callback gives once and a future waits for. No channel, no thread:
//! both ends live on the one thread of the page.

use std::{
    cell::RefCell,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

enum State<T> {
    Waiting(Option<Waker>),
    Given(T),
    Taken,
}

/// The end that gives; clones give to the same future, and the first one counts.
pub(crate) struct Signal<T>(Rc<RefCell<State<T>>>);

/// The end that waits.
pub(crate) struct Signalled<T>(Rc<RefCell<State<T>>>);

/// Both ends of one signal.
pub(crate) fn signal<T>() -> (Signal<T>, Signalled<T>) {
    let state = Rc::new(RefCell::new(State::Waiting(None)));
    (Signal(Rc::clone(&state)), Signalled(state))
}

impl<T> Clone for Signal<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> Signal<T> {
    /// Gives the value, unless one was given already.
    pub(crate) fn give(&self, value: T) {
        let waker = {
            let mut state = self.0.borrow_mut();
            let State::Waiting(waker) = &mut *state else {
                return;
            };
            let waker = waker.take();
            *state = State::Given(value);
            waker
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Future for Signalled<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut state = self.0.borrow_mut();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Given(value) => Poll::Ready(value),
            State::Waiting(_) | State::Taken => {
                *state = State::Waiting(Some(context.waker().clone()));
                Poll::Pending
            }
        }
    }
}
