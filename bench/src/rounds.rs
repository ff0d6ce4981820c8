//! Measures everything of every target, round after round.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::task::LocalSet;
use tollgate_testkit::postgres::Postgres;
use tollgate_testkit::redis::Redis;

use crate::cores::Cores;
use crate::error::BenchError;
use crate::figures::{Figure, Figures};
use crate::load::open::{Latencies, Until};
use crate::load::request::RequestBytes;
use crate::load::{busy, closed, open, overload, request, streams};
use crate::plan::{Load, Plan};
use crate::process::Account;
use crate::stand::{Binaries, Providers, Stand, Target, gate};

/// What starts has finished starting by then, and memory is at rest.
const SETTLING: Duration = Duration::from_secs(1);

/// In how many parts the time is cut that targets are asked by turns.
const TURNS: u32 = 4;

/// How much more than it can bear a gate is asked.
const OVERLOAD: f64 = 1.5;

/// Runs the plan. Each round has a fresh nginx and a fresh gate, so that memory is not that of the
/// round before, and another target first.
pub(crate) async fn measure(plan: &Plan, binaries: &Binaries) -> Result<Figures, BenchError> {
    raise_file_limit();
    let cores = Cores::chosen()?;
    cores.bind_load()?;
    let mut providers = Providers::started(binaries, cores, plan)?;
    let mut figures = Figures::default();
    for number in 0..plan.rounds {
        eprintln!("round {} of {}", number + 1, plan.rounds);
        let stand = Stand::started(binaries, cores, &providers, plan).await?;
        let mut order = Target::ALL;
        order.rotate_left(number % Target::ALL.len());
        let round = Round {
            plan,
            binaries,
            cores,
            providers: &providers,
            stand: &stand,
            order,
        };
        LocalSet::new().run_until(round.run(&mut figures)).await?;
        if !providers.are_alive() {
            return Err(BenchError::NotStarted {
                name: "the fake provider",
                reason: "it ended during the run".to_owned(),
            });
        }
    }
    Ok(figures)
}

/// A thousand streams need two thousand sockets in what stands between; children inherit the limit.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    // Where it may not be raised, opening the streams will say so.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
}

struct Round<'a> {
    plan: &'a Plan,
    binaries: &'a Binaries,
    cores: Cores,
    providers: &'a Providers,
    stand: &'a Stand,
    order: [Target; Target::COUNT],
}

impl Round<'_> {
    async fn run(&self, figures: &mut Figures) -> Result<(), BenchError> {
        if let Some(load) = self.plan.only {
            return self.only(load, figures).await;
        }
        // Memory first: what large requests leave behind is another figure.
        tokio::time::sleep(SETTLING).await;
        self.idle(figures)?;
        for target in self.order {
            self.streams(target, figures).await?;
        }
        for target in self.order {
            self.sync(target, figures).await?;
        }
        for target in self.order {
            self.paced(target, figures).await?;
        }
        self.latency(figures).await?;
        for target in self.order {
            self.first_token(target, figures).await?;
        }
        for target in self.order {
            self.image(target, figures).await?;
        }
        self.limits(figures).await?;
        self.outages(figures).await?;
        self.overload(figures).await?;
        // Last, since the model stays in memory.
        if self.stand.has_model() {
            self.busy_latency(figures).await?;
        }
        Ok(())
    }

    /// This load alone; the processes are named first.
    async fn only(&self, load: Load, figures: &mut Figures) -> Result<(), BenchError> {
        for target in self.order {
            if let Some(process) = self.stand.process(target) {
                eprintln!("process {} is {}", process.id(), target.name());
            }
        }
        match load {
            Load::Closed => {
                for target in self.order {
                    eprintln!("asking {}", target.name());
                    self.sync(target, figures).await?;
                }
            }
            Load::Paced => {
                for target in self.order {
                    eprintln!("asking {}", target.name());
                    self.paced(target, figures).await?;
                }
            }
            Load::Limits => self.limits(figures).await?,
            Load::Open => self.latency(figures).await?,
            Load::Outages => self.outages(figures).await?,
        }
        Ok(())
    }

    fn idle(&self, figures: &mut Figures) -> Result<(), BenchError> {
        for target in self.order {
            if let Some(account) = self.account(target)? {
                figures.add(Figure::IdleMemory, target, megabytes(account.memory()?));
            }
        }
        Ok(())
    }

    async fn streams(&self, target: Target, figures: &mut Figures) -> Result<(), BenchError> {
        let Some(account) = self.account(target)? else {
            return Ok(());
        };
        let address = self.stand.slow(target);
        let request = request::slow_stream(address, self.stand.key(target));
        let (count, window) = (self.plan.streams, self.plan.streaming);
        let open = streams::run(target.name(), address, request, count, window, &account).await?;
        let chunk = open.cpu.as_secs_f64() / open.chunks as f64;
        figures.add(Figure::ChunkCpu, target, chunk * 1e6);
        figures.add(Figure::StreamMemory, target, megabytes(open.memory));
        // The next target must not share the core with this one's closing.
        tokio::time::sleep(SETTLING).await;
        Ok(())
    }

    async fn sync(&self, target: Target, figures: &mut Figures) -> Result<(), BenchError> {
        let address = self.stand.fast(target);
        let request = request::sync(address, self.stand.key(target));
        let counted = self
            .closed(target, address, request, self.plan.connections)
            .await?;
        let rate = counted.requests as f64 / counted.time.as_secs_f64();
        figures.add(Figure::Throughput, target, rate);
        if let Some(cpu) = counted.cpu {
            let each = cpu.as_secs_f64() / counted.requests as f64;
            figures.add(Figure::SyncCpu, target, each * 1e6);
        }
        Ok(())
    }

    /// As [`Self::sync`], at a rate at which every target waits for requests: the kernel's part is then the same for all, while
    /// in the closed loop a slower target lets the load's core fall asleep, and pays for waking it.
    async fn paced(&self, target: Target, figures: &mut Figures) -> Result<(), BenchError> {
        let Some(account) = self.account(target)? else {
            return Ok(());
        };
        let address = self.stand.fast(target);
        let request = request::sync(address, self.stand.key(target));
        let (rate, window) = (self.plan.paced_rate, self.plan.closed);
        let before = account.cpu()?;
        let timed = open::run(target.name(), address, request, rate, window, Until::End).await?;
        let requests = timed.count() as u64 + open::uncounted(rate);
        let each = account.cpu()?.since(&before).as_secs_f64() / requests as f64;
        figures.add(Figure::PacedCpu, target, each * 1e6);
        Ok(())
    }

    /// As [`Self::sync`], of the gate alone: with a key whose money nobody counts, and with one for which all is counted
    /// that can be. Each goes first as often as the other, so that what the machine does meanwhile hits both.
    async fn limits(&self, figures: &mut Figures) -> Result<(), BenchError> {
        let target = Target::Gate;
        let (Some(limited_key), Some(process)) = (self.stand.limited_key(), self.stand.process(target))
        else {
            return Ok(());
        };
        if self.plan.only.is_some() {
            eprintln!("process {} is {}", process.id(), target.name());
        }
        let (usual, limited) = (
            (Figure::UnlimitedCpu, self.stand.key(target)),
            (Figure::LimitedCpu, limited_key),
        );
        let (mut cpu, mut requests) = (BTreeMap::new(), BTreeMap::new());
        for (figure, key) in [usual, limited, limited, usual] {
            let request = request::sync(self.stand.fast(target), key);
            let counted = self
                .closed(target, self.stand.fast(target), request, self.plan.connections)
                .await?;
            *cpu.entry(figure).or_default() += counted.cpu.unwrap_or_default();
            *requests.entry(figure).or_default() += counted.requests;
        }
        for (figure, cpu) in cpu {
            let requests: u64 = requests[&figure];
            figures.add(
                figure,
                target,
                Duration::as_secs_f64(&cpu) / requests as f64 * 1e6,
            );
        }
        Ok(())
    }

    /// [`Self::outage`] of a PostgreSQL that has just been stopped, and of a Redis that has just stopped to answer.
    async fn outages(&self, figures: &mut Figures) -> Result<(), BenchError> {
        let table = |server: &Postgres| {
            let url = server.url("postgres?sslmode=disable");
            format!("[database]\nurl = \"{url}\"\n")
        };
        let unmeasured = "latency without a database or Redis is not measured";
        if let Some(mut database) = Postgres::start(unmeasured) {
            let tables = table(&database);
            self.outage(figures, Figure::OutageP99, &tables, || database.stop())
                .await?;
        }
        for (figure, hangs) in [(Figure::SharedP99, false), (Figure::HangP99, true)] {
            if let (Some(database), Some(redis)) = (Postgres::start(unmeasured), Redis::start(unmeasured)) {
                let tables = format!("{}[redis]\nurl = \"{}\"\n", table(&database), redis.url());
                let strike = || {
                    if hangs {
                        redis.hang();
                    }
                };
                self.outage(figures, figure, &tables, strike).await?;
            }
        }
        Ok(())
    }

    /// As [`Self::latency`], with such a key, of a gate with these servers, one of which is struck when the gate knows
    /// the key.
    async fn outage(
        &self,
        figures: &mut Figures,
        figure: Figure,
        tables: &str,
        strike: impl FnOnce(),
    ) -> Result<(), BenchError> {
        let Binaries { gate, .. } = self.binaries;
        let gate = gate::started(gate, self.cores, self.providers, Path::new(""), tables).await?;
        let Some(key) = &gate.limited_key else {
            return Ok(());
        };
        let (rate, name) = (self.plan.rate, Target::Gate.name());
        let request = request::sync(gate.address, key);
        // So that the gate knows the key, and has its part of the credit.
        let warm_up = self.plan.warm_up;
        open::run(name, gate.address, request.clone(), rate, warm_up, Until::End).await?;
        strike();
        let of_gate = (Target::Gate, gate.address, request);
        let [nginx, direct] = [Target::Nginx, Target::Direct].map(|target| {
            let address = self.stand.fast(target);
            (target, address, request::sync(address, key))
        });
        for (target, latencies) in self.in_turns([of_gate, nginx, direct]).await? {
            let p99 = latencies.percentile(99).as_secs_f64() * 1e3;
            figures.add(figure, target, p99);
        }
        Ok(())
    }

    /// Latencies of each, a part of the time at once and by turns: what the machine does meanwhile hits all of them.
    async fn in_turns<const COUNT: usize>(
        &self,
        asked: [(Target, SocketAddr, RequestBytes); COUNT],
    ) -> Result<BTreeMap<Target, Latencies>, BenchError> {
        let window = self.plan.open / TURNS;
        let mut all: BTreeMap<Target, Latencies> = BTreeMap::new();
        for _ in 0..TURNS {
            for (target, address, request) in &asked {
                let request = Rc::clone(request);
                let rate = self.plan.rate;
                let part = open::run(target.name(), *address, request, rate, window, Until::End).await?;
                let latencies = match all.remove(target) {
                    Some(before) => before.and(part),
                    None => part,
                };
                all.insert(*target, latencies);
            }
        }
        Ok(all)
    }

    async fn image(&self, target: Target, figures: &mut Figures) -> Result<(), BenchError> {
        let address = self.stand.fast(target);
        let request = request::image(address, self.stand.key(target));
        let counted = self
            .closed(target, address, request, self.plan.image_connections)
            .await?;
        if let Some(cpu) = counted.cpu {
            let each = cpu.as_secs_f64() / counted.requests as f64;
            figures.add(Figure::ImageCpu, target, each * 1e3);
        }
        Ok(())
    }

    async fn closed(
        &self,
        target: Target,
        address: std::net::SocketAddr,
        request: request::RequestBytes,
        connections: usize,
    ) -> Result<closed::ClosedLoop, BenchError> {
        let account = self.account(target)?;
        let times = (self.plan.warm_up, self.plan.closed);
        let name = target.name();
        closed::run(name, address, request, connections, times, account.as_ref()).await
    }

    async fn latency(&self, figures: &mut Figures) -> Result<(), BenchError> {
        let asked = self.order.map(|target| {
            let address = self.stand.fast(target);
            (target, address, request::sync(address, self.stand.key(target)))
        });
        for (target, latencies) in self.in_turns(asked).await? {
            let milliseconds = |percent| latencies.percentile(percent).as_secs_f64() * 1e3;
            figures.add(Figure::LatencyP50, target, milliseconds(50));
            figures.add(Figure::LatencyP99, target, milliseconds(99));
        }
        Ok(())
    }

    /// Finds what the gate can bear, and asks half as much again.
    async fn overload(&self, figures: &mut Figures) -> Result<(), BenchError> {
        let target = Target::Gate;
        let (address, key) = self.stand.pressed();
        let request = request::sync(address, key);
        let times = (self.plan.warm_up, self.plan.closed);
        let connections = self.plan.connections;
        let borne = closed::run(target.name(), address, request.clone(), connections, times, None).await?;
        let most = borne.requests as f64 / borne.time.as_secs_f64();
        let (rate, window) = ((most * OVERLOAD) as u32, self.plan.closed);
        let pressed = overload::run(target.name(), address, request, rate.max(1), window).await?;
        let milliseconds = |latencies: &open::Latencies| latencies.percentile(99).as_secs_f64() * 1e3;
        let answered = pressed.accepted.count() as f64 / pressed.time.as_secs_f64();
        figures.add(Figure::OverloadAnswered, target, answered / most * 100.0);
        figures.add(
            Figure::OverloadLatencyP99,
            target,
            milliseconds(&pressed.accepted),
        );
        if let Some(refused) = &pressed.refused {
            figures.add(Figure::OverloadRefusalP99, target, milliseconds(refused));
        }
        Ok(())
    }

    async fn busy_latency(&self, figures: &mut Figures) -> Result<(), BenchError> {
        let target = Target::Gate;
        let key = self.stand.key(target);
        let address = self.stand.fast(target);
        let (rate, window) = (self.plan.rate, self.plan.open);
        let request = request::sync(address, key);
        let measured = open::run(target.name(), address, request, rate, window, Until::End);
        let story = request::story(address, key);
        let latencies = busy::beside(target.name(), address, story, measured).await?;
        let p99 = latencies.percentile(99).as_secs_f64() * 1e3;
        figures.add(Figure::BusyLatencyP99, target, p99);
        Ok(())
    }

    async fn first_token(&self, target: Target, figures: &mut Figures) -> Result<(), BenchError> {
        let address = self.stand.fast(target);
        let request = request::stream(address, self.stand.key(target));
        let (rate, window) = (self.plan.rate, self.plan.open);
        let until = Until::FirstToken;
        let latencies = open::run(target.name(), address, request, rate, window, until).await?;
        let milliseconds = |percent| latencies.percentile(percent).as_secs_f64() * 1e3;
        figures.add(Figure::FirstTokenP50, target, milliseconds(50));
        figures.add(Figure::FirstTokenP99, target, milliseconds(99));
        Ok(())
    }

    fn account(&self, target: Target) -> Result<Option<Account>, BenchError> {
        let process = self.stand.process(target);
        process.map(|process| process.account()).transpose()
    }
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
