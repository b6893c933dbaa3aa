//! A cluster: which HSM is spoken to, and the pool of connections to it.

use std::io;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use hsm_types::wire::{self, Function, Reply, Request, TokenInfoReply, UserReply};
use hsm_types::{MechanismInfo, MechanismType, Rv};

use crate::connection::Connection;
use crate::error::Error;
use crate::login::Login;
use crate::session::{Access, Session};
use crate::stream::Endpoint;

/// How a cluster is reached.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The HSMs, tried in turn.
    pub endpoints: Vec<Endpoint>,
    /// How long connecting to one HSM may take.
    pub connect_timeout: Duration,
    /// How long one call may take. A login waits for others at the HSM, and a large key takes its time.
    pub call_timeout: Duration,
    /// Most connections at once; more threads wait for one another.
    pub connections: usize,
}

impl Settings {
    /// The defaults, for HSMs at these places.
    #[must_use]
    pub const fn default_for(endpoints: Vec<Endpoint>) -> Self {
        Self {
            endpoints,
            connect_timeout: Duration::from_secs(5),
            call_timeout: Duration::from_secs(60),
            connections: 64,
        }
    }
}

/// One cluster, as this process sees it.
pub struct Cluster {
    settings: Settings,
    /// Our name: the same on every connection.
    client: [u8; wire::CLIENT_LEN],
    pool: Mutex<Pool>,
    freed: Condvar,
    pub(crate) login: Login,
    /// Open sessions of this process. With the last one goes the login, whether or not its HSM is there to be told.
    pub(crate) sessions: AtomicUsize,
}

/// The connections to the HSM that is spoken to now.
struct Pool {
    /// Grows each time an HSM is given up. Sessions of an older generation are gone.
    generation: u64,
    /// Which endpoint.
    current: usize,
    idle: Vec<Connection>,
    /// Idle and in use.
    open: usize,
}

/// Why an exchange failed.
pub(crate) enum Failure {
    /// Nothing was sent.
    NotSent(Error),
    /// The connection broke after the request was sent, or while it was.
    Lost(String),
}

impl Cluster {
    /// A cluster. Nothing is connected before the first call.
    ///
    /// # Errors
    /// [`Error::Configuration`] without an endpoint or without randomness.
    pub fn new(settings: Settings) -> Result<Arc<Self>, Error> {
        if settings.endpoints.is_empty() {
            return Err(Error::Configuration("the cluster has no address: name a socket or a server".to_owned()));
        }
        let mut client = [0; wire::CLIENT_LEN];
        aws_lc_rs::rand::fill(&mut client)
            .map_err(|_| Error::Configuration("the system gives no random bytes".to_owned()))?;
        // Programs spread over the HSMs.
        let current = usize::from(client.first().copied().unwrap_or_default()) % settings.endpoints.len();
        Ok(Arc::new(Self {
            settings,
            client,
            pool: Mutex::new(Pool { generation: 1, current, idle: Vec::new(), open: 0 }),
            freed: Condvar::new(),
            login: Login::default(),
            sessions: AtomicUsize::new(0),
        }))
    }

    /// Where the cluster is, for people.
    #[must_use]
    pub fn description(&self) -> String {
        self.settings.endpoints.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    /// Opens a session.
    ///
    /// # Errors
    /// The HSM's; [`Error::Unreachable`].
    pub fn open_session(self: &Arc<Self>, access: Access) -> Result<Session, Error> {
        Session::open(Arc::clone(self), access)
    }

    /// What `C_GetTokenInfo` has to say.
    ///
    /// # Errors
    /// The HSM's; [`Error::Unreachable`].
    pub fn token_info(&self) -> Result<TokenInfoReply, Error> {
        let mut reply = self.ask(Function::TokenInfo, |_| ())?;
        reply.token.take().ok_or(Error::Protocol("the token's description is missing"))
    }

    /// The mechanisms of the cluster.
    ///
    /// # Errors
    /// The HSM's; [`Error::Unreachable`].
    pub fn mechanisms(&self) -> Result<Vec<(MechanismType, MechanismInfo)>, Error> {
        let reply = self.ask(Function::Mechanisms, |_| ())?;
        let rows = reply.numbers.as_chunks::<4>().0.iter();
        Ok(rows
            .map(|&[mechanism, min_key_size, max_key_size, flags]| {
                (MechanismType(mechanism), MechanismInfo { min_key_size, max_key_size, flags })
            })
            .collect())
    }

    /// The users of the cluster. Needs no login.
    ///
    /// # Errors
    /// The HSM's; [`Error::Unreachable`].
    pub fn users(&self) -> Result<Vec<UserReply>, Error> {
        Ok(std::mem::take(&mut self.ask(Function::Users, |_| ())?.users))
    }

    /// Activates the cluster by giving it its first admin's password.
    ///
    /// # Errors
    /// The HSM's, such as `CKR_FUNCTION_REJECTED` for a cluster that is active or not initialised.
    pub fn activate(&self, password: &[u8]) -> Result<(), Error> {
        self.ask(Function::Activate, |request| request.data = password.to_vec()).map(drop)
    }

    /// A call that belongs to no session.
    fn ask(&self, function: Function, fill: impl Fn(&mut Request)) -> Result<Reply, Error> {
        let mut request = Request::default();
        request.function = function.code();
        fill(&mut request);
        let mut lost = String::new();
        for _ in 0..=self.settings.endpoints.len() {
            match self.exchange(None, &request) {
                Ok((reply, _)) => return accepted(reply),
                Err(Failure::NotSent(error)) => return Err(error),
                Err(Failure::Lost(why)) if function.repeat() == wire::Repeat::No => {
                    return Err(Error::OutcomeUnknown(why));
                }
                Err(Failure::Lost(why)) => lost = why,
            }
        }
        Err(Error::Unreachable(lost))
    }

    /// How often a call is tried before it is given up: once on every HSM, and once more.
    pub(crate) fn tries(&self) -> usize {
        self.settings.endpoints.len().saturating_add(1)
    }

    /// One exchange, on a connection of this generation or of the present one. Returns the generation with the reply.
    ///
    /// `Failure::NotSent(Error::SessionClosed)` when the wanted generation is over.
    pub(crate) fn exchange(&self, wanted: Option<u64>, request: &Request) -> Result<(Reply, u64), Failure> {
        let (mut connection, generation) = self.take(wanted)?;
        match connection.exchange(request) {
            Ok(reply) => {
                self.give_back(generation, Some(connection));
                Ok((reply, generation))
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                self.give_back(generation, Some(connection));
                let refused = Error::Refused { rv: Rv::DATA_LEN_RANGE, message: error.to_string(), needed: 0 };
                Err(Failure::NotSent(refused))
            }
            Err(error) => {
                self.give_back(generation, None);
                self.give_up(generation);
                Err(Failure::Lost(error.to_string()))
            }
        }
    }

    /// A connection: an idle one, a new one, or, when there are as many as may be, the next that comes free.
    fn take(&self, wanted: Option<u64>) -> Result<(Connection, u64), Failure> {
        let deadline = Instant::now() + self.settings.call_timeout;
        let failed = |_| Failure::NotSent(Error::Poisoned);
        let mut problems = Vec::new();
        let mut pool = self.pool.lock().map_err(|_| Failure::NotSent(Error::Poisoned))?;
        loop {
            let generation = pool.generation;
            if wanted.is_some_and(|wanted| wanted != generation) {
                return Err(Failure::NotSent(Error::SessionClosed));
            }
            if let Some(connection) = pool.idle.pop() {
                return Ok((connection, generation));
            }
            if pool.open >= self.settings.connections {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    let busy = "all connections to the HSM were busy until the call's time was over".to_owned();
                    return Err(Failure::NotSent(Error::Unreachable(busy)));
                }
                pool = self.freed.wait_timeout(pool, left).map_err(|_| Failure::NotSent(Error::Poisoned))?.0;
                continue;
            }
            pool.open = pool.open.saturating_add(1);
            let endpoint = self.settings.endpoints.get(pool.current).cloned();
            drop(pool);
            match endpoint.map(|endpoint| (self.connect(&endpoint), endpoint)) {
                Some((Ok(connection), _)) => return Ok((connection, generation)),
                Some((Err(error), endpoint)) => problems.push(format!("{endpoint}: {error}")),
                None => {}
            }
            self.give_back(generation, None);
            self.give_up(generation);
            if problems.len() >= self.settings.endpoints.len() {
                return Err(Failure::NotSent(Error::Unreachable(problems.join("; "))));
            }
            pool = self.pool.lock().map_err(failed)?;
        }
    }

    fn connect(&self, endpoint: &Endpoint) -> io::Result<Connection> {
        Connection::open(endpoint, &self.client, self.settings.connect_timeout, self.settings.call_timeout)
    }

    fn give_back(&self, generation: u64, connection: Option<Connection>) {
        let Ok(mut pool) = self.pool.lock() else { return };
        if pool.generation == generation {
            match connection {
                Some(connection) => pool.idle.push(connection),
                None => pool.open = pool.open.saturating_sub(1),
            }
            drop(pool);
            self.freed.notify_one();
        }
    }

    /// Gives up the HSM of a generation: what is idle goes, the next call asks the next HSM.
    fn give_up(&self, generation: u64) {
        let Ok(mut pool) = self.pool.lock() else { return };
        if pool.generation != generation {
            return;
        }
        pool.generation = pool.generation.saturating_add(1);
        pool.current = pool.current.saturating_add(1).checked_rem(self.settings.endpoints.len()).unwrap_or(0);
        pool.open = 0;
        let idle = std::mem::take(&mut pool.idle);
        drop(pool);
        drop(idle);
        self.freed.notify_all();
    }
}

/// The reply, or what it says against the call.
pub(crate) fn accepted(reply: Reply) -> Result<Reply, Error> {
    if reply.rv == 0 {
        return Ok(reply);
    }
    let needed = usize::try_from(reply.number).unwrap_or(usize::MAX);
    Err(Error::Refused { rv: Rv(reply.rv), message: reply.message.clone(), needed })
}
