//! Which connections there may be. What a client wants is known only after its headers came, so every connection is counted by what it does at
//! the moment, and no kind can take the place of another: however many clients send half a request or read a page slowly, a scrape finds a place.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::ServeOptions;

/// How many connections of each kind there may be at a time; the sum bounds memory and descriptors.
///
/// Where a kind is full, its oldest connection is closed for the new one. Only pages are answered 503 instead. Of one kind, a client address
/// has at most [`per_address`](Self::per_address); beyond that its own oldest connection goes, not that of another client. Loopback is an address
/// like any other, so the clients of a proxy on the same machine share its part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// Connections whose next request has begun and not sent all of its headers, TLS handshakes included. Default: 64.
    pub opening: usize,
    /// Connections kept between two requests. Default: 64.
    pub idle: usize,
    /// `/metrics`, `/-/healthy` and `/-/ready` being answered. Default: 64.
    pub scrapes: usize,
    /// Everything else being answered. Default: 64.
    pub pages: usize,
    /// Connections of each kind from one address; of IPv6 a /64 network is one address. Default: 32.
    pub per_address: usize,
}

impl Default for Slots {
    fn default() -> Self {
        Self { opening: 64, idle: 64, scrapes: 64, pages: 64, per_address: 32 }
    }
}

/// What a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Opening,
    Idle,
    Scrape,
    Page,
}

/// All connections.
#[derive(Debug)]
pub(super) struct Table {
    slots: Slots,
    header_timeout: Duration,
    idle_timeout: Duration,
    answer_timeout: Duration,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    next_id: u64,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    client: IpAddr,
    kind: Kind,
    since: Instant,
    close: Arc<Notify>,
}

/// One connection's place in the table, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    table: Arc<Table>,
    id: u64,
    close: Arc<Notify>,
    progress: Mutex<Progress>,
}

/// How far a connection's request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// Its headers are awaited.
    Opening,
    /// It is answered. `ahead`: more was read meanwhile, which may begin the next request.
    Answering { ahead: bool },
    /// All of the answer is in the connection's buffer, which is being written.
    Sending { ahead: bool },
    /// The client has it all, and has begun nothing new.
    Idle,
}

impl Table {
    pub(super) fn new(options: &ServeOptions) -> Self {
        let ServeOptions { slots, header_timeout, idle_timeout, answer_timeout, .. } = *options;
        Self { slots, header_timeout, idle_timeout, answer_timeout, taken: Mutex::default() }
    }

    /// A place for a new connection. There always is one.
    pub(super) fn open(self: &Arc<Self>, client: IpAddr) -> Place {
        let close = Arc::new(Notify::new());
        let mut taken = self.lock();
        let id = taken.next_id;
        taken.next_id += 1;
        let client = address(client);
        self.make_room(&mut taken, id, client, Kind::Opening);
        taken.entries.push(Entry { id, client, kind: Kind::Opening, since: Instant::now(), close: Arc::clone(&close) });
        Place { table: Arc::clone(self), id, close, progress: Mutex::new(Progress::Opening) }
    }

    /// Closes what has taken too long, and says when to look again.
    pub(super) fn expire(&self, now: Instant) -> Instant {
        let mut taken = self.lock();
        taken.close_where(|entry| entry.since + self.limit(entry.kind) <= now);
        let next = taken.entries.iter().map(|entry| entry.since + self.limit(entry.kind)).min();
        // Whatever begins from now on can't be late before that.
        let soonest = now + self.header_timeout.min(self.idle_timeout).min(self.answer_timeout);
        next.map_or(soonest, |next| next.min(soonest))
    }

    /// Closes connections that have no request under way and don't know of a shutdown by themselves.
    pub(super) fn close_opening(&self) {
        self.lock().close_where(|entry| entry.kind == Kind::Opening);
    }

    /// Makes the connection one of another kind. False when there is no place, which happens to pages only.
    fn turn(&self, id: u64, kind: Kind) -> bool {
        let mut taken = self.lock();
        let Some(client) = taken.entries.iter().find(|entry| entry.id == id).map(|entry| entry.client) else {
            // It is being closed.
            return false;
        };
        if !self.make_room(&mut taken, id, client, kind) {
            return false;
        }
        if let Some(entry) = taken.entries.iter_mut().find(|entry| entry.id == id) {
            (entry.kind, entry.since) = (kind, Instant::now());
        }
        true
    }

    fn make_room(&self, taken: &mut Taken, id: u64, client: IpAddr, kind: Kind) -> bool {
        let same = |entry: &&Entry| entry.kind == kind && entry.id != id;
        let of_client = |entry: &&Entry| same(entry) && entry.client == client;
        let oldest = if taken.entries.iter().filter(of_client).count() >= self.slots.per_address {
            taken.entries.iter().filter(of_client).min_by_key(|entry| (entry.since, entry.id))
        } else if taken.entries.iter().filter(same).count() >= self.bound(kind) {
            taken.entries.iter().filter(same).min_by_key(|entry| (entry.since, entry.id))
        } else {
            return true;
        };
        match oldest.map(|entry| entry.id) {
            Some(_) if kind == Kind::Page => false,
            Some(oldest) => {
                taken.close_where(|entry| entry.id == oldest);
                true
            }
            // A bound of zero refuses pages; of the other kinds it lets one in, since none can be refused.
            None => kind != Kind::Page,
        }
    }

    fn bound(&self, kind: Kind) -> usize {
        match kind {
            Kind::Opening => self.slots.opening,
            Kind::Idle => self.slots.idle,
            Kind::Scrape => self.slots.scrapes,
            Kind::Page => self.slots.pages,
        }
    }

    fn limit(&self, kind: Kind) -> Duration {
        match kind {
            Kind::Opening => self.header_timeout,
            Kind::Idle => self.idle_timeout,
            Kind::Scrape | Kind::Page => self.answer_timeout,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Takes entries out at once, so that their slots are free, and tells their connections to end.
    fn close_where(&mut self, chosen: impl Fn(&Entry) -> bool) {
        for entry in self.entries.extract_if(.., |entry| chosen(entry)) {
            entry.close.notify_one();
        }
    }
}

impl Place {
    /// Completes when the connection must end.
    pub(super) async fn closed(&self) {
        self.close.notified().await;
    }

    /// Bytes came from the client.
    pub(super) fn received(&self) {
        let mut progress = self.progress();
        match &mut *progress {
            Progress::Idle => {
                *progress = Progress::Opening;
                self.table.turn(self.id, Kind::Opening);
            }
            Progress::Answering { ahead } | Progress::Sending { ahead } => *ahead = true,
            Progress::Opening => {}
        }
    }

    /// All headers of a request came. False when it can't be answered now.
    pub(super) fn asked(&self, kind: Kind) -> bool {
        let turned = self.table.turn(self.id, kind);
        if turned {
            *self.progress() = Progress::Answering { ahead: false };
        }
        turned
    }

    /// All of the answer was handed to the connection.
    pub(super) fn answered(&self) {
        let mut progress = self.progress();
        if let Progress::Answering { ahead } = *progress {
            *progress = Progress::Sending { ahead };
        }
    }

    /// Nothing is left in the connection's buffer.
    pub(super) fn flushed(&self) {
        let mut progress = self.progress();
        if let Progress::Sending { ahead } = *progress {
            let (next, kind) = if ahead { (Progress::Opening, Kind::Opening) } else { (Progress::Idle, Kind::Idle) };
            *progress = next;
            self.table.turn(self.id, kind);
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.table.lock().entries.retain(|entry| entry.id != self.id);
    }
}

/// What counts as one client: an IPv4 address, or the network of an IPv6 one, since its owner has all addresses of that.
fn address(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(slots: Slots) -> Arc<Table> {
        Arc::new(Table::new(&ServeOptions { slots, ..ServeOptions::default() }))
    }

    fn is_open(place: &Place) -> bool {
        place.table.lock().entries.iter().any(|entry| entry.id == place.id)
    }

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn the_oldest_of_a_full_kind_goes_and_no_other_kind_is_touched() {
        let table = table(Slots { opening: 2, idle: 1, scrapes: 1, pages: 1, per_address: 9 });
        let (first, second, page, scrape) = (table.open(A), table.open(B), table.open(A), table.open(B));
        assert_eq!([&first, &second, &page, &scrape].map(is_open), [false, false, true, true]);
        assert!(page.asked(Kind::Page) && scrape.asked(Kind::Scrape));
        let (third, fourth) = (table.open(A), table.open(A));
        assert!(!third.asked(Kind::Page), "pages are refused, not closed");
        assert!(fourth.asked(Kind::Scrape));
        assert_eq!([&page, &scrape, &third, &fourth].map(is_open), [true, false, true, true]);
        drop(page);
        assert!(third.asked(Kind::Page), "slots come back");
    }

    #[test]
    fn an_address_beyond_its_part_loses_its_own_oldest() {
        let table = table(Slots { per_address: 2, ..Slots::default() });
        let other = table.open(B);
        let many: Vec<_> = (0..5).map(|_| table.open(A)).collect();
        assert_eq!(many.iter().map(is_open).collect::<Vec<_>>(), [false, false, false, true, true]);
        assert!(is_open(&other));
        assert!(many[3].asked(Kind::Scrape) && is_open(&many[4]), "of each kind");
        let networks = ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "::ffff:192.0.2.1"].map(|text| address(text.parse().unwrap()));
        assert_eq!(networks[0], networks[1]);
        assert_ne!(networks[0], networks[2]);
        assert_eq!(networks[3], A);
    }

    #[tokio::test]
    async fn half_a_request_is_late_sooner_than_an_idle_connection() {
        let table = table(Slots::default());
        let (opening, idle, again, page) = (table.open(A), table.open(A), table.open(A), table.open(A));
        for place in [&idle, &again] {
            assert!(place.asked(Kind::Scrape));
            place.flushed();
            place.answered();
            place.flushed();
        }
        again.received();
        assert!(page.asked(Kind::Page));
        let now = Instant::now();
        let at = |after: Duration| [&opening, &idle, &again, &page].map(|place| (table.expire(now + after), is_open(place)).1);
        assert_eq!(at(ServeOptions::HEADER_TIMEOUT - Duration::from_secs(1)), [true; 4]);
        assert_eq!(at(ServeOptions::HEADER_TIMEOUT), [false, true, false, true]);
        assert_eq!(at(ServeOptions::IDLE_TIMEOUT), [false, false, false, true]);
        assert_eq!(at(ServeOptions::ANSWER_TIMEOUT), [false; 4]);
        assert!(tokio::time::timeout(Duration::from_secs(1), opening.closed()).await.is_ok(), "it is told");
    }
}
