//! The `process` service: making others, ending, waiting for them, entropy, power (`contracts.md` §4, §6, §12).

use archive::manifest::Class;
use libsys::abi::info::{CLASSES, REAL_TIME};
use libsys::protocol::process::{Image, Reply, Request, Rights, Service, Signal};
use libsys::protocol::start::check_body;
use libsys::{Error, Handles, Incoming, Memory, Notification, OwnedHandle, Pool, Rights as HandleRights, Token, time};
use supervise::restart::End;
use supervise::table::{New, child_rights};

use crate::badge::Badge;
use crate::birth::{self, Plan};
use crate::paging::Origin;
use crate::start_block::Block;
use crate::world::{SEED_PATIENCE, World};

/// Calls for a seed that wait, at most.
const MAX_SEEDS: usize = 1024;
/// Of one process.
const MAX_SEEDS_EACH: usize = 4;
/// Pages of an image made by its user, at most: 64 MiB.
const MAX_IMAGE: u32 = 16 << 10;
/// Bits that `process.catch` takes: BREAK C to F, and SHUTDOWN.
const CATCHABLE: u8 = 0x2f;

type Answered = Result<(Reply, Handles), Error>;

impl World {
    /// A call on a process's handle 4.
    pub fn process_call(&mut self, caller: u32, incoming: Incoming) {
        let request = match incoming.request::<Request>() {
            Ok(request) if self.table.get(caller).is_some() => request,
            Ok(_) => return incoming.token.abandon(),
            Err(error) => return incoming.token.reply::<Service>(Err(error)),
        };
        let Incoming { token, handles, .. } = incoming;
        use Request::{Clone, Create, Image, Spawn, Trace, Verify, View};
        let takes = matches!(
            request,
            Create { .. } | Spawn { .. } | Clone { .. } | Image { .. } | Verify | View { .. } | Trace { .. }
        );
        if !takes && !handles.is_empty() {
            return token.reply::<Service>(Err(Error::Malformed));
        }
        match request {
            Request::Exit { code, reason } => {
                token.abandon();
                self.end_process(caller, code, reason, End::Own, time::now_ns());
            }
            Request::Seed => self.seed(caller, token),
            Request::Clone { name, pages, entry, stack } => {
                match self.clone_process(caller, &name, pages, (entry, stack), handles) {
                    Ok((child, gifts)) => self.share_memory(caller, child, gifts, token),
                    Err(error) => token.reply::<Service>(Err(error)),
                }
            }
            Request::Break { number, signal } if number == caller => self.break_self(caller, signal, token),
            Request::Power { how } => match self.start_shutdown(caller, how) {
                Ok(()) => token.abandon(),
                Err(error) => token.reply::<Service>(Err(error)),
            },
            request => {
                // The child is ready before its parent: it may be over when that asks for its end.
                let at_once = matches!(request, Spawn { .. });
                let answer = self.process_answer(caller, request, handles);
                match at_once {
                    true => token.reply_with::<Service>(answer),
                    false => self.receiver.reply_with::<Service>(token, answer),
                }
            }
        }
    }

    fn process_answer(&mut self, caller: u32, request: Request, handles: Handles) -> Answered {
        let done = |()| (Reply::Done, Handles::none());
        let alone = |reply| (reply, Handles::none());
        match request {
            Request::Create { image, name, pages, rights } => {
                self.create(caller, &image, &name, pages, rights, handles)
            }
            Request::Spawn { program, name, pages, rights, given, body } => {
                let (pool, handles) = split(handles, given.len())?;
                check_body(&body)?;
                let (number, notification) =
                    self.make(caller, &program, &name, pages, rights, pool, None, Some(&body))?;
                let started = self.equip_child(number, &given, handles);
                started.inspect_err(|error| self.give_up(number, *error))?;
                Ok((Reply::Created { number }, Handles::one(notification)))
            }
            Request::Image { pages } => new_image(pages, handles),
            Request::View { first, pages, write } => self.view(caller, (first, pages, write), handles).map(alone),
            Request::Trace { number } => self.trace(caller, number, handles).map(done),
            // The image; none runs yet.
            Request::Verify => handles.exactly::<1>().and(Err(Error::NotExecutable)),
            Request::Catch { bits } => self.catch(caller, bits).map(done),
            Request::Break { number, signal } => self.signal(caller, number, signal).map(done),
            Request::Revoke { number, service } => self.revoke(caller, number, &service).map(done),
            Request::Priority { number, priority } => self.set_priority(caller, number, priority).map(done),
            Request::Reap => self.table.reap(caller).map(|ended| alone(Reply::Reaped(ended))),
            Request::Entropy { bytes } => self.add_entropy(caller, &bytes).map(done),
            Request::List { after } => Ok(alone(self.list(caller, after))),
            Request::Holds { number, skip } => self.holds(caller, number, skip.into()).map(alone),
            Request::Services { skip } => Ok(alone(self.list_services(skip.into()))),
            Request::Service { name, action } => {
                self.need(caller, Rights::SERVICES)?;
                self.order(&name, action).map(done)
            }
            Request::System => self.system().map(alone),
            Request::Log => {
                self.need(caller, Rights::LIST)?;
                let ring = self.roots.log_ring.dup(HandleRights::READ | HandleRights::TRANSFER)?;
                Ok((Reply::Done, Handles::one(ring)))
            }
            Request::Forget { address } => self.forget(caller, address).map(done),
            // Answered by `process_call`.
            Request::Exit { .. } | Request::Seed | Request::Power { .. } | Request::Clone { .. } => {
                Err(Error::Internal)
            }
        }
    }

    /// Whether the caller has a right.
    pub fn need(&self, caller: u32, right: Rights) -> Result<(), Error> {
        let has = self.table.get(caller).is_some_and(|process| process.rights.contains(right));
        if has { Ok(()) } else { Err(Error::Denied) }
    }

    // ---- making processes ----

    fn create(
        &mut self,
        caller: u32,
        image: &Image,
        name: &str,
        pages: u32,
        asked: Rights,
        handles: Handles,
    ) -> Answered {
        let Image::Archive(path) = image else { return Err(Error::NotExecutable) };
        let [pool] = handles.exactly()?;
        let (number, notification) = self.make(caller, path, name, pages, asked, Pool::adopt(pool), None, None)?;
        Ok((Reply::Created { number }, self.newborn_gifts(number, notification)?))
    }

    /// What the spawner of a process that is not started gets: the child channel and the process's Notification.
    fn newborn_gifts(&mut self, number: u32, notification: Notification) -> Result<Handles, Error> {
        match self.client(Badge::Child(number)) {
            Ok(channel) => Ok(Handles::two(channel, notification)),
            Err(error) => {
                self.give_up(number, error);
                Err(error)
            }
        }
    }

    /// An empty process for a clone of the caller's memory.
    fn clone_process(
        &mut self,
        caller: u32,
        name: &str,
        pages: u32,
        start: (u64, u64),
        handles: Handles,
    ) -> Result<(u32, Handles), Error> {
        let [pool] = handles.exactly()?;
        let (origin, path) = self.origin(caller, start)?;
        let rights = self.table.get(caller).ok_or(Error::ServerDied)?.rights;
        let (number, notification) =
            self.make(caller, &path, name, pages, rights, Pool::adopt(pool), Some(origin), None)?;
        Ok((number, self.newborn_gifts(number, notification)?))
    }

    /// Makes a process, not started: its number, and its Notification for the spawner.
    #[allow(clippy::too_many_arguments, reason = "a birth has that many sides")]
    fn make(
        &mut self,
        caller: u32,
        path: &str,
        name: &str,
        pages: u32,
        asked: Rights,
        from: Pool,
        origin: Option<Origin>,
        start: Option<&[u8]>,
    ) -> Result<(u32, Notification), Error> {
        if self.shutdown.is_some() {
            return Err(Error::Unavailable);
        }
        let number = self.table.reserve(caller)?;
        let ceiling = from.info()?.ceiling as u8;
        let parent = self.table.get(caller).ok_or(Error::ServerDied)?;
        let (level, theirs) = (parent.level, parent.rights);
        let spot = self.spot(path);
        let places = origin.as_ref().map_or_else(|| self.places(), |origin| origin.places);
        let fault = self.fault_channel(number, level)?;
        let header = start.map(|body| self.header(number, body, fault.is_some(), &places));
        let block = header.as_ref().zip(start).map(|(header, body)| Block { header, body });
        let (image, most) = self.images.find(path, &self.roots.archive, &self.roots.seal)?;
        let rights = child_rights(theirs, asked, most);
        let new = New { parent: caller, name: name.into(), level, rights, service: None };
        let plan = Plan {
            image,
            name: path,
            archive: &self.roots.archive,
            from: &from,
            own: &self.roots.pool,
            receiver: &self.receiver,
            pages: pages as usize,
            ceiling,
            priority: if ceiling >= REAL_TIME { ceiling } else { ceiling.min(command_priority()) },
            places,
            spot,
            origin,
            fault,
            log: &self.roots.log,
            time: &self.time,
            number,
            block,
        };
        let body = birth::make(plan)?;
        let rights = HandleRights::OWNER | HandleRights::NOTIFY | HandleRights::TRANSFER;
        let notification = body.notification.dup(rights);
        self.table.add(number, new, body).map_err(|(error, body)| {
            let _ = body.pool.destroy();
            error
        })?;
        notification.map(|notification| (number, notification)).inspect_err(|error| self.give_up(number, *error))
    }

    /// Ends a process that was made and can't be started.
    fn give_up(&mut self, number: u32, error: Error) {
        self.end_process(number, 20, error.code(), End::Own, time::now_ns());
    }

    // ---- signals ----

    fn catch(&mut self, caller: u32, bits: u8) -> Result<(), Error> {
        if bits & !CATCHABLE != 0 {
            return Err(Error::BadArgument);
        }
        let process = self.table.get_mut(caller).ok_or(Error::ServerDied)?;
        process.caught = bits;
        Ok(())
    }

    fn signal(&mut self, caller: u32, number: u32, signal: Signal) -> Result<(), Error> {
        self.table.may_signal(caller, number)?;
        let process = self.table.get(number).ok_or(Error::NotFound)?;
        match signal.bit() {
            Some(bit) if u64::from(process.caught) & bit != 0 => process.kernel.notification.notify(bit),
            _ => {
                self.end_process(number, 20, Error::Break.code(), End::Ordered, time::now_ns());
                Ok(())
            }
        }
    }

    /// The kernel holds it to the ceiling of the process's pool.
    fn set_priority(&mut self, caller: u32, number: u32, priority: u8) -> Result<(), Error> {
        self.table.may_signal(caller, number)?;
        self.table.get(number).ok_or(Error::NotFound)?.kernel.thread.set_priority(priority)
    }

    /// The trace ends with the ring, which the caller has.
    fn trace(&mut self, caller: u32, number: u32, handles: Handles) -> Result<(), Error> {
        let [ring] = handles.exactly()?;
        self.table.may_signal(caller, number)?;
        let process = self.table.get(number).ok_or(Error::NotFound)?;
        process.kernel.process.trace(&Memory::adopt(ring), &self.roots.log)
    }

    /// A process that breaks itself: unless it handles the signal, there is nobody to answer afterwards.
    fn break_self(&mut self, caller: u32, signal: Signal, token: Token) {
        let caught = self.table.get(caller).map_or(0, |process| process.caught);
        if signal.bit().is_some_and(|bit| u64::from(caught) & bit != 0) {
            let result = self.signal(caller, caller, signal);
            return token.reply::<Service>(result.map(|()| Reply::Done));
        }
        token.abandon();
        self.end_process(caller, 20, Error::Break.code(), End::Ordered, time::now_ns());
    }

    // ---- entropy ----

    fn seed(&mut self, caller: u32, token: Token) {
        if self.entropy.seeded() {
            return token.reply::<Service>(Ok(Reply::Seed(self.entropy.derive())));
        }
        let own = self.seeds.iter().filter(|(who, _, _)| *who == caller).count();
        if own >= MAX_SEEDS_EACH || self.seeds.len() >= MAX_SEEDS {
            return token.reply::<Service>(Err(Error::Limit));
        }
        self.seeds.push((caller, time::now_ns().saturating_add(SEED_PATIENCE), token));
    }

    /// Only who holds the devices speaks for the source of entropy.
    fn add_entropy(&mut self, caller: u32, bytes: &[u8]) -> Result<(), Error> {
        let service = self.table.get(caller).and_then(|process| process.service);
        let server = service.and_then(|index| self.services.get(index)).map(|service| &service.server);
        if !server.is_some_and(|server| server.holds.contains(&archive::manifest::Root::Devices)) {
            return Err(Error::Denied);
        }
        self.entropy.stir(time::now_ns());
        self.entropy.add(bytes);
        self.expire_seeds(time::now_ns());
        Ok(())
    }
}

/// The pool of a spawner, and the handles that its child gets.
fn split(mut handles: Handles, given: usize) -> Result<(Pool, Handles), Error> {
    if handles.len() != 1 + given {
        return Err(Error::Malformed);
    }
    let pool = Pool::adopt(handles.take(0)?);
    let mut rest = Handles::none();
    for at in 1..=given {
        rest.push(handles.take(at)?)?;
    }
    Ok((pool, rest))
}

/// An empty image in the caller's pool. Nothing but the boot archive runs until programs are signed; it can be filled.
fn new_image(pages: u32, handles: Handles) -> Answered {
    let [pool] = handles.exactly::<1>()?;
    if pages == 0 || pages > MAX_IMAGE {
        return Err(Error::BadArgument);
    }
    let memory = Memory::create(&Pool::adopt(pool), pages as usize)?;
    let rights = HandleRights::READ | HandleRights::WRITE | HandleRights::TRANSFER;
    let handle: OwnedHandle = memory.dup(rights)?.into();
    Ok((Reply::Done, Handles::one(handle)))
}

/// Commands run a little below the shell, so that it hears Ctrl-C whatever they do. Servers of their class run beside them: who
/// keeps httpd busy from outside keeps neither the shell nor its commands from running.
pub const fn command_priority() -> u8 {
    const { assert!(CLASSES[3].1 == Class::Interactive.ceiling() && CLASSES[0].1 == Class::RealTime.ceiling()) };
    Class::Interactive.ceiling() - 4
}
