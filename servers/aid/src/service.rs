//! The requests of clients.

use alloc::vec;
use alloc::vec::Vec;

use libsys::protocol::ai::{Arg, Limits, ModelName, Refusal, Reply, Request, Service, Stats};
use libsys::protocol::session::{Attach, Span};
use libsys::protocol::{Bytes, Id, List, Text};
use libsys::serve::Desk;
use libsys::sessions::Objects;
use libsys::window::{ServerSide, Window};
use libsys::{Error, Handles, Incoming, Notification, Pool, Result, names::bits, time};
use tensor::{Context, Needs, RunError, Variant};

use crate::models::{Entry, Loading, MAX_FILE, MAX_MODELS, Ready, Refused, registered};

/// Contexts of a session.
const MAX_CONTEXTS: usize = 8;
/// Bytes of arena and scratch of a context.
const MAX_ARENA: u64 = 16 << 20;
/// Bytes of one input or output.
const MAX_VALUE: u64 = 4 << 20;

/// What a session has by id.
enum Object {
    /// Id 0: the service.
    Root,
    Model(u32),
    Loading(Loading),
    Context(alloc::boxed::Box<Running>),
}

/// A context with its model.
struct Running {
    model: Ready,
    context: Context<Vec<u8>>,
}

/// What a client has.
pub struct Client {
    objects: Objects<Object>,
    attached: Option<ServerSide>,
}

/// The server.
pub struct Server {
    pub desk: Desk<Client>,
    pub variant: Variant,
    pub models: Vec<Entry>,
    next_model: u32,
    pair: bits::Pair,
    done: u64,
    failed: u64,
    busy_ns: u64,
}

impl Server {
    /// A server with the registered models.
    pub fn new(variant: Variant) -> Result<Server> {
        let models = registered();
        let next_model = models.len() as u32 + 1;
        let (desk, pair) = (Desk::new()?, bits::take_pair());
        Ok(Server { desk, variant, models, next_model, pair, done: 0, failed: 0, busy_ns: 0 })
    }

    /// Opens a session for each client that waits for one. Narrowings (`priority 2`, `bytes 16M`, …) come with the queue.
    pub fn admit(&mut self) {
        let admitted = self.desk.admit(|work| match work.narrowings.is_empty() {
            true => Ok(Client { objects: Objects::new(Object::Root), attached: None }),
            false => Err(Error::Unsupported),
        });
        if let Err(error) = admitted {
            libsys::log!(Warning, "aid: clients can't be let in: {error}");
        }
    }

    /// A session is over: its models go.
    pub fn close(&mut self, badge: u64) {
        let Some(client) = self.desk.sessions.close(badge) else { return };
        for (_, object) in client.objects.iter() {
            if let Object::Model(id) = object {
                unuse(&mut self.models, *id);
            }
        }
        self.models.retain(|entry| entry.owner != Some(badge));
    }

    /// Answers a call.
    pub fn call(&mut self, call: Incoming) {
        let badge = call.badge;
        let request = call.request_taking(takes);
        let Incoming { handles, token, .. } = call;
        let answer = match request {
            Err(error) => Err(error.into()),
            Ok(Request::Attach(attach)) => self.attach(badge, attach, handles).map_err(Refused::from),
            Ok(Request::LoadBegin { bytes }) => self.begin(badge, bytes, handles).map_err(Refused::from),
            Ok(plain) => self.plain(badge, plain).map(|reply| (reply, Handles::none())),
        };
        let answer = answer.or_else(|refused| match refused {
            Refused::Error(error) => Err(error),
            Refused::Figures(refusal) => Ok((Reply::Refused(refusal), Handles::none())),
        });
        self.desk.receiver.reply_with::<Service>(token, answer);
    }

    fn attach(&mut self, badge: u64, attach: Attach, handles: Handles) -> Result<(Reply, Handles)> {
        if self.desk.sessions.get(badge)?.attached.is_some() {
            return Err(Error::Exists);
        }
        let own = Notification::own()?;
        let (side, layout, back) = ServerSide::attach(attach, handles, &own, self.pair)?;
        self.desk.sessions.get(badge)?.attached = Some(side);
        Ok((Reply::Attached(layout), back))
    }

    fn begin(&mut self, badge: u64, bytes: u64, handles: Handles) -> Result<(Reply, Handles)> {
        let [pool] = handles.exactly()?;
        let loading = |(_, client): (u64, &mut Client)| {
            client.objects.iter().filter(|(_, object)| matches!(object, Object::Loading(_))).count()
        };
        // Those on the way become models without being asked again.
        if self.models.len() + self.desk.sessions.iter_mut().map(loading).sum::<usize>() >= MAX_MODELS {
            return Err(Error::Limit);
        }
        let (loading, handles) = Loading::begin(&Pool::adopt(pool), bytes)?;
        let id = self.desk.sessions.get(badge)?.objects.add(Object::Loading(loading))?;
        Ok((Reply::Opened { id }, handles))
    }

    fn plain(&mut self, badge: u64, request: Request) -> Result<Reply, Refused> {
        match request {
            Request::Limits => Ok(Reply::Limits(self.limits())),
            Request::List { after } => {
                let some = self.models.iter().filter(|entry| entry.id > after && visible(entry, badge)).take(16);
                Ok(Reply::Models(List::new(some.map(Entry::info).collect::<Vec<_>>())?))
            }
            Request::Open { model } => self.open_model(badge, &model),
            Request::LoadCommit { id } => self.commit(badge, id),
            Request::Info { id, to } => self.manifest(badge, id, to),
            Request::Context { model, dims, priority } => self.context(badge, model, dims, priority),
            Request::Infer { context, dims, inputs, outputs, deadline } => {
                let result = self.infer(badge, context, dims, &inputs, &outputs, deadline);
                match &result {
                    Ok(_) => self.done += 1,
                    Err(_) => self.failed += 1,
                }
                result
            }
            Request::Verify { model } => self.verify(badge, model),
            Request::Stats => Ok(Reply::Stats(self.stats())),
            Request::Close { id } => {
                let object = self.desk.sessions.get(badge)?.objects.remove(id)?;
                if let Object::Model(model) = object {
                    unuse(&mut self.models, model);
                    // A model that a client loaded goes with its last use.
                    self.models.retain(|entry| entry.owner.is_none() || entry.users > 0);
                }
                Ok(Reply::Done)
            }
            // Later slices: numbers are taken, so that they need no new version.
            Request::Publish { .. }
            | Request::Tensor { .. }
            | Request::Tokenise { .. }
            | Request::Generate { .. }
            | Request::Cancel { .. }
            | Request::Reset { .. }
            | Request::Query { .. }
            | Request::Reserve { .. }
            | Request::Share { .. } => Err(Error::Unsupported.into()),
            Request::Attach(_) | Request::LoadBegin { .. } => Err(Error::Malformed.into()),
        }
    }

    fn limits(&self) -> Limits {
        Limits {
            variant: Text::cut(self.variant.name()),
            workers: 1,
            models: MAX_MODELS as u16,
            contexts: MAX_CONTEXTS as u16,
            requests: 1,
            file: MAX_FILE,
            arena: MAX_ARENA,
        }
    }

    fn stats(&mut self) -> Stats {
        let sessions = self.desk.sessions.iter_mut();
        let contexts = sessions
            .map(|(_, client)| client.objects.iter().filter(|(_, o)| matches!(o, Object::Context(_))).count())
            .sum::<usize>();
        Stats {
            queued: 0,
            done: self.done,
            failed: self.failed,
            cancelled: 0,
            busy_us: self.busy_ns / 1000,
            objects: [self.models.len() as u32, contexts as u32, 0],
        }
    }

    fn open_model(&mut self, badge: u64, wanted: &ModelName) -> Result<Reply, Refused> {
        let entry = self.models.iter_mut().find(|entry| {
            visible(entry, badge)
                && match wanted {
                    ModelName::Name(name) => entry.model.manifest().name.eq_ignore_ascii_case(name),
                    ModelName::Root(root) => entry.model.root() == root,
                }
        });
        let entry = entry.ok_or(Error::NotFound)?;
        let id = self.desk.sessions.get(badge)?.objects.add(Object::Model(entry.id))?;
        entry.users += 1;
        Ok(Reply::Opened { id })
    }

    fn commit(&mut self, badge: u64, id: Id) -> Result<Reply, Refused> {
        let client = self.desk.sessions.get(badge)?;
        if !matches!(client.objects.get(id)?, Object::Loading(_)) {
            return Err(Error::WrongType.into());
        }
        let Object::Loading(loading) = client.objects.remove(id)? else { return Err(Error::Internal.into()) };
        let model = loading.commit()?;
        if Needs::of(&model).total() > MAX_ARENA {
            let figures =
                Refusal { error: Error::Limit, what: 0, index: 0, have: Needs::of(&model).total(), limit: MAX_ARENA };
            return Err(Refused::Figures(figures));
        }
        let entry = Entry { id: self.next_model, model, owner: Some(badge), users: 1 };
        let id = client.objects.add(Object::Model(entry.id))?;
        let mut info = entry.info();
        info.id = id;
        self.next_model += 1;
        self.models.push(entry);
        Ok(Reply::Model(info))
    }

    fn manifest(&mut self, badge: u64, id: Id, to: Span) -> Result<Reply, Refused> {
        let model = self.model_of(badge, id)?;
        let bytes = model.manifest_bytes();
        if bytes.len() > to.length as usize {
            return Err(Error::Overflow.into());
        }
        self.window(badge)?.write(to.offset, bytes)?;
        Ok(Reply::Manifest { length: bytes.len() as u32 })
    }

    /// The model behind a session's id.
    fn model_of(&mut self, badge: u64, id: Id) -> Result<Ready> {
        let model = match self.desk.sessions.get(badge)?.objects.get(id)? {
            Object::Model(model) => *model,
            _ => return Err(Error::WrongType),
        };
        self.models.iter().find(|entry| entry.id == model).map(|entry| entry.model.clone()).ok_or(Error::Stale)
    }

    fn window(&mut self, badge: u64) -> Result<Window> {
        let attached = self.desk.sessions.get(badge)?.attached.as_ref();
        attached.map(|side| side.window.clone()).ok_or(Error::BadArgument)
    }

    fn context(&mut self, badge: u64, model: Id, dims: [u32; 4], priority: u8) -> Result<Reply, Refused> {
        if !(1..=3).contains(&priority) {
            return Err(Error::BadArgument.into());
        }
        let model = self.model_of(badge, model)?;
        let variant = self.variant;
        let objects = &mut self.desk.sessions.get(badge)?.objects;
        if objects.iter().filter(|(_, object)| matches!(object, Object::Context(_))).count() >= MAX_CONTEXTS {
            return Err(Error::Limit.into());
        }
        let context = new_context(&model, dims, variant)?;
        let id = objects.add(Object::Context(alloc::boxed::Box::new(Running { model, context })))?;
        Ok(Reply::Opened { id })
    }

    fn infer(
        &mut self,
        badge: u64,
        context: Id,
        dims: [u32; 4],
        inputs: &[Arg],
        outputs: &[Arg],
        deadline: u64,
    ) -> Result<Reply, Refused> {
        if deadline != 0 && time::now_ns() >= deadline {
            return Err(Error::DeadlineMissed.into());
        }
        let client = self.desk.sessions.get(badge)?;
        let window = client.attached.as_ref().map(|side| side.window.clone());
        let Object::Context(running) = client.objects.get_mut(context)? else { return Err(Error::WrongType.into()) };
        let model = running.model.clone();
        let wanted: Vec<u64> =
            model.manifest().outputs.iter().map(|port| port_bytes(&model, port.tensor, dims)).collect();
        if outputs.len() != wanted.len() || wanted.iter().any(|bytes| *bytes > MAX_VALUE) {
            let (have, limit) = (outputs.len() as u64, wanted.len() as u64);
            return Err(Refused::Figures(Refusal { error: Error::Shape, what: 0, index: 0, have, limit }));
        }
        // Copied once, then checked: what a client writes meanwhile does not matter.
        let given: Result<Vec<Vec<u8>>> = inputs.iter().map(|input| fetch(input, window.as_ref())).collect();
        let given = given?;
        let mut values: Vec<Vec<u8>> = wanted.iter().map(|bytes| vec![0; *bytes as usize]).collect();
        let started = time::now_ns();
        {
            let inputs: Vec<&[u8]> = given.iter().map(Vec::as_slice).collect();
            let mut results: Vec<&mut [u8]> = values.iter_mut().map(Vec::as_mut_slice).collect();
            running.context.run(&model, dims, &inputs, &mut results).map_err(refused)?;
        }
        let took = time::now_ns() - started;
        self.busy_ns += took;
        let mut inline = Vec::new();
        for (output, value) in outputs.iter().zip(values) {
            match output {
                Arg::Window(span) if span.length as usize >= value.len() => {
                    window.as_ref().ok_or(Error::BadArgument)?.write(span.offset, &value)?;
                }
                Arg::Window(_) => return Err(Error::Overflow.into()),
                Arg::Inline(empty) if empty.is_empty() => inline.push(Bytes::new(value).map_err(|_| Error::Overflow)?),
                Arg::Inline(_) | Arg::Text(_) => return Err(Error::BadArgument.into()),
                Arg::Tensor { .. } => return Err(Error::Unsupported.into()),
            }
        }
        let us = u32::try_from(took / 1000).unwrap_or(u32::MAX);
        Ok(Reply::Inferred { values: List::new(inline)?, us })
    }

    fn verify(&mut self, badge: u64, model: Id) -> Result<Reply, Refused> {
        let model = self.model_of(badge, model)?;
        let mut context = new_context(&model, [0; 4], self.variant)?;
        let started = time::now_ns();
        let verdict = tensor::verify(&model, &mut context);
        self.busy_ns += time::now_ns() - started;
        Ok(Reply::Verified { run: verdict.run, failed: verdict.failed })
    }
}

/// Whether a session may see a model: registered, or its own.
fn visible(entry: &Entry, badge: u64) -> bool {
    entry.owner.is_none_or(|owner| owner == badge)
}

fn unuse(models: &mut [Entry], id: u32) {
    if let Some(entry) = models.iter_mut().find(|entry| entry.id == id) {
        entry.users = entry.users.saturating_sub(1);
    }
}

fn new_context(model: &Ready, dims: [u32; 4], variant: Variant) -> Result<Context<Vec<u8>>, Refused> {
    let need = Needs::of(model).total();
    if need > MAX_ARENA {
        let figures = Refusal { error: Error::Limit, what: 0, index: 0, have: need, limit: MAX_ARENA };
        return Err(Refused::Figures(figures));
    }
    let mut memory = Vec::new();
    memory.try_reserve_exact(need as usize).map_err(|_| Error::NoMemory)?;
    memory.resize(need as usize, 0);
    Context::new(model, dims, variant, memory).map_err(refused)
}

fn port_bytes(model: &Ready, tensor: u32, dims: [u32; 4]) -> u64 {
    model.tensor(tensor).and_then(|tensor| tensor.bytes(&dims)).unwrap_or(u64::MAX)
}

fn fetch(input: &Arg, window: Option<&Window>) -> Result<Vec<u8>> {
    match input {
        Arg::Inline(bytes) => Ok(bytes.to_vec()),
        Arg::Window(span) => window.ok_or(Error::BadArgument)?.fetch(*span),
        Arg::Tensor { .. } => Err(Error::Unsupported),
        Arg::Text(_) => Err(Error::WrongType),
    }
}

/// A run's error as clients get it.
fn refused(error: RunError) -> Refused {
    let figures = |error, index: u32, have, limit| Refused::Figures(Refusal { error, what: 0, index, have, limit });
    match error {
        RunError::Dimension { symbol, have, most } => figures(Error::Shape, symbol, have.into(), most.into()),
        RunError::Shape { port, have, need } => figures(Error::Shape, port, have, need),
        RunError::Memory { have, need } => figures(Error::NoMemory, 0, have, need),
        RunError::NonFinite { output } => figures(Error::NonFinite, output, 0, 0),
        RunError::Broken { op } => figures(Error::BadModel, op, 0, 0),
        RunError::Misaligned | RunError::OtherModel => Refused::Error(Error::Internal),
    }
}

/// How many handles a request takes: a pool and a doorbell to attach, a pool to load, else none.
fn takes(request: &Request) -> usize {
    match request {
        Request::Attach(_) => 2,
        Request::LoadBegin { .. } => 1,
        _ => 0,
    }
}
