//! What clients ask: from the bytes of a call to its answer, or to an entry among those that wait.

use libsys::{
    Error, Handles, Incoming,
    protocol::{
        Id,
        net::{ConnectionState, Endpoint, Remote, Reply, Request, SocketState, Switch},
    },
};
use netlogic::{Action, words};

use crate::{
    connections::Farewell,
    overview,
    server::Server,
    session::{Key, Net, Object, Session},
    socket::{Kind, Stage},
    waiting::{Waiting, What},
};

/// What becomes of a request.
pub enum Outcome {
    /// It is answered.
    Reply(Reply),
    /// It is answered with handles.
    With(Reply, Handles),
    /// It waits, until a deadline.
    Wait(What, u64),
}

impl Server {
    /// Serves a call.
    pub fn call(&mut self, call: Incoming) {
        let request = call.request_taking(takes);
        let Incoming { badge, handles, token, .. } = call;
        let answer = match request.and_then(|request| self.serve(badge, request, handles)) {
            Ok(Outcome::Reply(reply)) => Ok((reply, Handles::none())),
            Ok(Outcome::With(reply, handles)) => Ok((reply, handles)),
            // Whether it has to wait at all is seen when the turn is over.
            Ok(Outcome::Wait(what, deadline)) => {
                return self.waiting.push(Waiting { badge, token, what, deadline });
            }
            Err(error) => Err(error),
        };
        self.desk.receiver.reply_with::<Net>(token, answer);
    }

    fn serve(&mut self, badge: u64, request: Request, handles: Handles) -> Result<Outcome, Error> {
        match request {
            Request::Attach(attach) => {
                let session = self.desk.sessions.get(badge)?;
                let (attached, handles) = session.attach(attach.check()?, handles, &self.notification)?;
                Ok(Outcome::With(Reply::Attached(attached), handles))
            }
            Request::Close { id } => {
                let object = self.session(badge)?.objects.remove(id)?;
                if let Object::Socket(key) = object {
                    self.release(key, Farewell::Orderly);
                }
                Ok(Outcome::Reply(Reply::Done))
            }
            Request::Share { id } => self.share(badge, id),
            Request::Connect { remote, tls, deadline } => self.connect(badge, remote, tls, deadline),
            Request::Listen { local, backlog, tls } => self.listen(badge, local, backlog, tls),
            Request::Accept { id, deadline } => Ok(Outcome::Wait(What::Accept(self.key(badge, id)?), deadline)),
            Request::Rings { id, size } => self.rings(badge, id, size),
            Request::Wait { id, event, deadline } => {
                let key = self.key(badge, id)?;
                self.sockets.tcp(key).ok_or(Error::WrongKind)?;
                Ok(Outcome::Wait(What::State(key, event), deadline))
            }
            Request::Shutdown { id } => {
                let key = self.key(badge, id)?;
                self.shutdown(key)
            }
            Request::State { id } => {
                let key = self.key(badge, id)?;
                Ok(Outcome::Reply(Reply::State(self.state(key).ok_or(Error::BadHandle)?)))
            }
            Request::Peer { id } => {
                let key = self.key(badge, id)?;
                self.peer(key)
            }
            Request::SetOption { id, option } => {
                let key = self.key(badge, id)?;
                self.set_option(key, option)
            }
            Request::Bind { local } => self.bind(badge, local),
            Request::SendTo { id, remote, data } => self.send_to(badge, id, remote, data),
            Request::Receive { id, room, deadline } => {
                Ok(Outcome::Wait(What::Receive(self.key(badge, id)?, room), deadline))
            }
            Request::Resolve { name, kind, server, deadline } => self.resolve(badge, name, kind, server, deadline),
            Request::Ping { address, sequence, size, deadline } => self.ping(badge, address, sequence, size, deadline),
            Request::Probe { address, hops, deadline } => self.probe(badge, address, hops, deadline),
            Request::Interfaces => self.list(badge, |server| Ok(overview::interfaces(server))),
            Request::Configure { name, setting } => {
                self.session(badge)?.permit.check(Action::Admin)?;
                self.configure(&name, setting).map(|()| Outcome::Reply(Reply::Done))
            }
            Request::Sockets { skip } => self.list(badge, |server| overview::sockets(server, skip)),
            Request::Counters { skip } => self.list(badge, |server| overview::counters(server, skip)),
            Request::Neighbours { skip } => self.list(badge, |server| overview::neighbours(server, skip)),
            Request::Routes => self.list(badge, |server| Ok(overview::routes(server))),
        }
    }

    fn list(&mut self, badge: u64, list: impl FnOnce(&Server) -> Result<Reply, Error>) -> Result<Outcome, Error> {
        self.session(badge)?.permit.check(Action::List)?;
        list(self).map(Outcome::Reply)
    }

    /// The socket of an id.
    pub fn key(&mut self, badge: u64, id: Id) -> Result<Key, Error> {
        self.session(badge)?.socket(id)
    }

    /// `Share`: a new session with this object as its object 0.
    fn share(&mut self, badge: u64, id: Id) -> Result<Outcome, Error> {
        let session = self.desk.sessions.get(badge)?;
        let object = *session.objects.get(id)?;
        let shared = Session::with(session.permit.clone(), session.client, object);
        let handle = self.desk.share(badge, shared)?;
        if let Object::Socket(key) = object
            && let Some(socket) = self.sockets.get_mut(key)
        {
            socket.shares += 1;
        }
        Ok(Outcome::With(Reply::Done, Handles::one(handle)))
    }

    /// How a socket is.
    pub fn state(&self, key: Key) -> Option<SocketState> {
        let socket = self.sockets.get(key)?;
        let local = self.local(key);
        let mut state = SocketState {
            state: ConnectionState::Datagram,
            local,
            remote: Endpoint::from((core::net::Ipv4Addr::UNSPECIFIED, 0)),
            failure: None,
            waiting: 0,
            rings: Switch::Off,
        };
        match &socket.kind {
            Kind::Udp(_) => {}
            Kind::Listener(id, _) => {
                state.state = ConnectionState::Listen;
                let own = self.stack.tcp_listeners().find(|(other, _)| other == id);
                state.waiting = own.map_or(0, |(_, listener)| listener.complete as u16);
            }
            Kind::Tcp(tcp) => {
                let status = tcp.id.and_then(|id| self.stack.tcp_status(id).ok());
                state.state = match (&tcp.stage, &status) {
                    (Stage::Resolving(_), _) => ConnectionState::Resolving,
                    (Stage::Handshaking, _) => ConnectionState::Handshaking,
                    (Stage::Failed(_), _) | (_, None) => ConnectionState::Closed,
                    (_, Some(status)) => words::state(status.state),
                };
                state.remote = match (&status, &tcp.remote) {
                    (Some(status), _) => words::endpoint(status.tuple.remote),
                    (None, Remote::Endpoint(endpoint)) => *endpoint,
                    (None, Remote::Name(_, port)) => Endpoint::from((core::net::Ipv4Addr::UNSPECIFIED, *port)),
                };
                state.failure = tcp.failure().cloned();
                state.rings = if tcp.rings { Switch::On } else { Switch::Off };
            }
        }
        Some(state)
    }
}

/// How many handles a request takes: a pool and a doorbell to attach, else none.
fn takes(request: &Request) -> usize {
    if matches!(request, Request::Attach(_)) { 2 } else { 0 }
}
