//! The workloads with tokio: tokio-peer PEER WORKLOAD N
//!
//! PEER is tokio-current (one thread) or tokio-multi2 (two threads). bench/workload.go
//! describes the workloads. The program prints a reading; its n is 0 if the workload is not
//! implemented.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, Mutex, Notify};
use tokio::task::{yield_now, JoinHandle};
use tokio::time::{sleep, timeout};

async fn noop() {}

async fn spawn_await(m: &mut Meter) {
    for _ in 0..m.n {
        tokio::spawn(noop()).await.unwrap();
    }
}

async fn spawn_gather(m: &mut Meter, batch: usize) {
    for _ in 0..m.n / batch {
        let mut tasks = Vec::with_capacity(batch);
        for _ in 0..batch {
            tasks.push(tokio::spawn(noop()));
        }
        m.hold();
        for t in tasks {
            t.await.unwrap();
        }
    }
}

async fn yield_one(m: &mut Meter) {
    for _ in 0..m.n {
        yield_now().await;
    }
}

async fn yield_ring(m: &mut Meter) {
    let n = m.n;
    let ring = (0..1000).map(|_| {
        tokio::spawn(async move {
            for _ in 0..n / 1000 {
                yield_now().await;
            }
        })
    });
    join(ring.collect()).await;
}

async fn join(tasks: Vec<JoinHandle<()>>) {
    for t in tasks {
        t.await.unwrap();
    }
}

/// Carries the channel to which the receiver sends it back. None ends the game.
struct Ball(Option<oneshot::Sender<Ball>>);

async fn wake_pingpong(m: &mut Meter) {
    let (mut to, mut there) = oneshot::channel();
    let other = tokio::spawn(async move {
        while let Ball(Some(back)) = there.await.unwrap() {
            let (to, here) = oneshot::channel();
            there = here;
            let _ = back.send(Ball(Some(to)));
        }
    });
    for _ in 0..m.n {
        let (back, here) = oneshot::channel();
        let _ = to.send(Ball(Some(back)));
        to = here.await.unwrap().0.unwrap();
    }
    let _ = to.send(Ball(None));
    other.await.unwrap();
}

async fn suspended_million(m: &mut Meter) {
    let event = Arc::new(Notify::new());
    let waiting = Arc::new(AtomicUsize::new(0));
    let mut tasks = Vec::with_capacity(m.n);
    for _ in 0..m.n {
        let (event, waiting) = (event.clone(), waiting.clone());
        tasks.push(tokio::spawn(async move {
            let notified = event.notified(); // registers for the notification now
            waiting.fetch_add(1, Relaxed);
            notified.await;
        }));
    }
    all_in(&waiting, m.n).await;
    m.hold();
    m.start();
    event.notify_waiters();
    join(tasks).await;
    m.stop();
}

/// Waits until n tasks have incremented count.
async fn all_in(count: &AtomicUsize, n: usize) {
    while count.load(Relaxed) < n {
        sleep(Duration::from_millis(1)).await;
    }
    sleep(Duration::from_millis(20)).await; // until the last tasks are suspended
}

async fn timers(m: &mut Meter) {
    let below = m.n as f64 * 5e-6;
    let tasks = (0..m.n).map(|_| tokio::spawn(sleep(Duration::from_secs_f64(rand::random::<f64>() * below))));
    join(tasks.collect()).await;
}

async fn cancel(m: &mut Meter) {
    let asleep = Arc::new(AtomicUsize::new(0));
    let mut tasks = Vec::with_capacity(m.n);
    for _ in 0..m.n {
        let asleep = asleep.clone();
        tasks.push(tokio::spawn(async move {
            asleep.fetch_add(1, Relaxed);
            sleep(Duration::from_secs(3600)).await;
        }));
    }
    all_in(&asleep, m.n).await;
    m.start();
    for t in &tasks {
        t.abort();
    }
    for t in tasks {
        assert!(t.await.unwrap_err().is_cancelled());
    }
    m.stop();
}

async fn queue(m: &mut Meter) {
    let n = m.n;
    let (to, mut from) = mpsc::channel(128);
    let producer = tokio::spawn(async move {
        for i in 0..n {
            to.send(i).await.unwrap();
        }
    });
    while from.recv().await.is_some() {}
    producer.await.unwrap();
}

async fn lock(m: &mut Meter) {
    let n = m.n;
    let lock = Arc::new(Mutex::new(()));
    let tasks = (0..100).map(|_| {
        let lock = lock.clone();
        tokio::spawn(async move {
            for _ in 0..n / 100 {
                let _held = lock.lock().await;
                yield_now().await;
            }
        })
    });
    join(tasks.collect()).await;
}

async fn taskgroup_tree(m: &mut Meter) {
    let (depth, tasks) = tree(m.n);
    for _ in 0..m.n / tasks {
        branch(depth).await;
    }
}

fn branch(depth: usize) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let mut group = tokio::task::JoinSet::new();
        for _ in 0..10 {
            if depth > 1 {
                group.spawn(branch(depth - 1));
            } else {
                group.spawn(noop());
            }
        }
        while let Some(ended) = group.join_next().await {
            ended.unwrap();
        }
    })
}

/// Returns the depth and the number of tasks of the largest tree of at most n tasks.
fn tree(n: usize) -> (usize, usize) {
    let (mut depth, mut tasks, mut level) = (0, 0, 10);
    while depth < 5 && tasks + level <= n {
        depth += 1;
        tasks += level;
        level *= 10;
    }
    (depth, tasks)
}

async fn to_thread(m: &mut Meter) {
    let n = m.n;
    let tasks = (0..100).map(|_| {
        tokio::spawn(async move {
            for _ in 0..n / 100 {
                tokio::task::spawn_blocking(|| {}).await.unwrap();
            }
        })
    });
    join(tasks.collect()).await;
}

async fn threadsafe(m: &mut Meter) {
    let n = m.n;
    let (to, mut from) = mpsc::unbounded_channel::<fn()>();
    let caller = std::thread::spawn(move || {
        for _ in 0..n {
            to.send(|| {}).unwrap();
        }
    });
    while let Some(call) = from.recv().await {
        call();
    }
    caller.join().unwrap();
}

async fn timeout_wrap(m: &mut Meter) {
    for _ in 0..m.n {
        timeout(Duration::from_secs(60), yield_now()).await.unwrap();
    }
}

/// Measures one run, or the part of it between start and stop.
struct Meter {
    n: usize,
    weigh: bool,
    before: i64,
    held: i64,
    began: (Instant, Duration),
    took: Option<(Duration, Duration)>,
}

impl Meter {
    fn new(n: usize, weigh: bool) -> Meter {
        let began = (Instant::now(), cpu_time());
        Meter { n, weigh, before: memory(), held: 0, began, took: None }
    }

    fn start(&mut self) {
        self.took = None;
        self.began = (Instant::now(), cpu_time());
    }

    fn stop(&mut self) {
        if self.took.is_none() {
            self.took = Some((self.began.0.elapsed(), cpu_time() - self.began.1));
        }
    }

    fn hold(&mut self) {
        if self.weigh {
            self.held = memory() - self.before;
        }
    }
}

fn cpu_time() -> Duration {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut t) };
    Duration::new(t.tv_sec as u64, t.tv_nsec as u32)
}

/// Returns the resident memory in bytes.
fn memory() -> i64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<i64>().unwrap() * 4096
}

async fn run(name: &str, n: usize, weigh: bool) -> Option<Meter> {
    let mut m = Meter::new(n, weigh);
    match name {
        "spawn_await" => spawn_await(&mut m).await,
        "spawn_gather" => spawn_gather(&mut m, 1000).await,
        "spawn_million" => spawn_gather(&mut m, n).await,
        "yield_one" => yield_one(&mut m).await,
        "yield_ring" => yield_ring(&mut m).await,
        "wake_pingpong" => wake_pingpong(&mut m).await,
        "suspended_million" => suspended_million(&mut m).await,
        "timers" => timers(&mut m).await,
        "cancel" => cancel(&mut m).await,
        "queue" => queue(&mut m).await,
        "lock" => lock(&mut m).await,
        "taskgroup_tree" => taskgroup_tree(&mut m).await,
        "to_thread" => to_thread(&mut m).await,
        "threadsafe" => threadsafe(&mut m).await,
        "timeout_wrap" => timeout_wrap(&mut m).await,
        _ => return None,
    }
    m.stop();
    Some(m)
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (peer, name, n) = (&args[1], args[2].clone(), args[3].parse::<usize>().unwrap());
    let runtime = if peer == "tokio-current" {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    } else {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
    };
    // Measure in a task, since block_on does not run its own future on a thread of the runtime.
    runtime.block_on(async move { tokio::spawn(measure(name, n)).await.unwrap() });
}

async fn measure(name: String, n: usize) {
    let weigh = name.ends_with("_million");
    let step = match name.as_str() {
        "spawn_gather" | "yield_ring" => 1000,
        "taskgroup_tree" => 111_110,
        _ => 100,
    };
    let warm = match run(&name, if weigh { n } else { (n / 10 / step).max(1) * step }, weigh).await {
        Some(m) => m,
        None => return println!("{{\"n\": 0}}"),
    };
    let (wall, cpu) = run(&name, n, false).await.unwrap().took.unwrap();
    let (ns, cpu, bytes) = (wall.as_nanos(), cpu.as_nanos(), warm.held as f64 / warm.n as f64);
    println!("{{\"n\": {n}, \"ns\": {ns}, \"cpu\": {cpu}, \"bytes\": {bytes}}}");
}
