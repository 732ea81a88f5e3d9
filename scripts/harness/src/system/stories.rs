//! The table of stories. A feature is enabled by changing its state to [`State::Enabled`] once its stories pass on both
//! processors; a story is added by adding a line.

use crate::arch::Arch;
use crate::system::certificates::Fault;
use crate::system::peer::Peer;
use crate::system::story::{Feature, State, Story};
use crate::system::typed::TYPED;

/// All features.
pub const FEATURES: &[Feature] = &[
    Feature { name: "first", state: State::Enabled, stories: FIRST },
    Feature { name: "machines", state: State::Enabled, stories: MACHINES },
    Feature { name: "shell", state: State::Enabled, stories: SHELL },
    Feature { name: "terminal", state: State::Enabled, stories: TYPED },
    Feature { name: "files", state: State::Enabled, stories: FILES },
    Feature { name: "selftests", state: State::Enabled, stories: SELFTESTS },
    Feature { name: "network", state: State::Enabled, stories: NETWORK },
    Feature { name: "web", state: State::Enabled, stories: WEB },
    Feature { name: "inference", state: State::Enabled, stories: INFERENCE },
    Feature { name: "restarts", state: State::Enabled, stories: RESTARTS },
    Feature { name: "kills", state: State::Enabled, stories: KILLS },
    Feature { name: "traces", state: State::Enabled, stories: TRACES },
    Feature { name: "scheduling", state: State::Enabled, stories: SCHEDULING },
    Feature { name: "diagnostics", state: State::Enabled, stories: DIAGNOSTICS },
    Feature { name: "example", state: State::Enabled, stories: EXAMPLE },
];

const FIRST: &[Story] = &[
    Story::new("version", "version").prints(&["Viaether 0.1.0"]),
    Story::new("unknown-command", "nosuch").fails(10).prints(&["nosuch"]),
    Story::new("first-failure-stops", "echo one; nosuch; echo two").fails(10).prints(&["one"]).never(&["two"]),
    Story::new("return-codes", "failat 21; quit 20").fails(20),
    Story::new("bad-argument", "wait xyz").fails(10).prints(&["xyz"]),
];

const VERSION: &[&str] = &["Viaether 0.1.0"];

const MACHINES: &[Story] = &[
    Story::new("little-memory", "avail").with(&["--mem", "64"]),
    Story::new("too-little-memory", "version")
        .with(&["--mem", "48"])
        .fails(1)
        .logs(&["too little memory: 64 MiB are needed"]),
    Story::new("much-memory", "avail").with(&["--mem", "2048"]),
    Story::new("four-cores", "version FULL; smpinfo").with(&["--smp", "4"]).prints(&[
        "4 cores, 4 of them running",
        "\n0 ",
        "\n1 ",
        "\n2 ",
        "\n3 ",
    ]),
    Story::new("no-network-card", "version").with(&["--net", "none"]),
    Story::new("gicv2", "version").with(&["--machine", "gic-version=2"]).only(Arch::Aarch64),
    Story::new("el2", "version; sectest").with(&["--machine", "virtualization=on"]).only(Arch::Aarch64),
    Story::new("cortex-a72", "version").with(&["--cpu", "cortex-a72"]).only(Arch::Aarch64),
    Story::new("pc", "version").with(&["--machine", "pc"]).only(Arch::X86_64),
    Story::new("gicv2-el2", "version")
        .with(&["--machine", "gic-version=2,virtualization=on", "--smp", "4"])
        .only(Arch::Aarch64),
    Story::new("messages", "lspci v | search virtio-net").only(Arch::X86_64).prints(&[" messages"]),
    Story::new("messages-pc", "lspci v | search virtio-net")
        .with(&["--machine", "pc"])
        .only(Arch::X86_64)
        .prints(&[" messages"]),
    Story::new("messages-gicv2", "lspci v | search virtio-net")
        .with(&["--machine", "gic-version=2"])
        .only(Arch::Aarch64)
        .prints(&[" messages"]),
    Story::new("lines-gicv3", "lspci v | search virtio-net").only(Arch::Aarch64).prints(&[", a line"]),
    Story::new("memory-beyond-4-gib", "avail").with(&["--mem", "4096"]),
    Story::new("cd-bios", "version").with(&["--media", "cd"]).only(Arch::X86_64).prints(VERSION),
    Story::new("cd-bios-pc", "version").with(&["--media", "cd", "--machine", "pc"]).only(Arch::X86_64).prints(VERSION),
    Story::new("usb-bios", "version").with(&["--media", "usb"]).only(Arch::X86_64).prints(VERSION),
    Story::new("cd-uefi", "version").with(&["--media", "cd", "--firmware", "uefi"]).prints(VERSION),
    Story::new("usb-uefi", "version").with(&["--media", "usb", "--firmware", "uefi"]).prints(VERSION),
    Story::new("uefi-gicv2-el2", "version")
        .with(&["--media", "usb", "--machine", "gic-version=2,virtualization=on"])
        .only(Arch::Aarch64)
        .prints(VERSION),
    Story::new("broken-acpi", "version")
        .with(&["--qemu", "-acpitable sig=APIC,data={root}/scripts/harness/tests/data/apic.bin"])
        .only(Arch::X86_64)
        .fails(1)
        .logs(&["ACPI table APIC: entry of impossible length"]),
    Story::new("broken-tree", "version")
        .with(&["--qemu", "-dtb {root}/scripts/harness/tests/data/no-controller.dtb"])
        .only(Arch::Aarch64)
        .fails(1)
        .logs(&["device tree: no interrupt controller that is known"]),
    Story::new("misleading-tree", "version")
        .with(&["--qemu", "-dtb {root}/scripts/harness/tests/data/misplaced-controller.dtb"])
        .only(Arch::Aarch64)
        .fails(1)
        .logs(&["device tree: its interrupt controller does not answer"]),
    Story::new("counted", "version").with(&["--icount"]),
];

const SHELL: &[Story] = &[
    Story::new("stages", "seq 1000 | tail LINES=2 | sort NUMERIC REVERSE").prints(&["1000\n999\n"]),
    Story::new("stage-fails", "type RAM:nosuch | wc; echo code $RC").fails(10).never(&["code"]),
    Story::new("errors-in-a-pipe", "type RAM:nosuch 2>&1 | search nosuch").fails(10).prints(&["nosuch"]),
    Story::new("redirections", "list SYS:S >RAM:a; echo end >>RAM:a; type <RAM:a").prints(&["Startup-Sequence", "end"]),
    Story::new("nil", "version >NIL:; echo lost >nil:; type RAM:nosuch 2>NIL: || echo kept; wc C <NIL:")
        .prints(&["kept\n0\n"])
        .never(&["Viaether", "lost", "not found"]),
    Story::new("capture", "set v $(version); echo \"[$v]\"").prints(&["[Viaether 0.1.0"]),
    Story::new("globals", "setenv colour blue; echo $colour; type ENV:colour").prints(&["blue\nblue"]),
    Story::new("assigns", "assign W: RAM:T; echo hi TO W:x; type RAM:T/x; assign W: EXISTS").prints(&["hi", "RAM:T"]),
    Story::new("assign-defer", "assign D: RAM:d DEFER; makedir RAM:d; echo hi TO RAM:d/x; type D:x").prints(&["hi"]),
    Story::new("jobs", "run wait 60; status; break wait; wait 1").prints(&["[1]"]),
    Story::new("own-time", "ps | search init").prints(&["init "]).never(&[" 0 realtime", "0.000 s"]),
    Story::new("narrowed", "run CAPS=\"C\" type SYS:S/Startup-Sequence; wait 3 SEC")
        .prints(&["type: SYS:S/Startup-Sequence: volume is not mounted"])
        .never(&["Runs once"]),
    Story::new("suggestion", "verson").fails(10).prints(&["did you mean \"version\""]),
    Story::new("not-from-the-archive", "echo x TO RAM:x; RAM:x").fails(10).prints(&["can't be run"]),
    Story::new("help", "help copy; copy --help").prints(&["COPY: copies"]),
    Story::new("narrow-rights", "status; services").prints(&["netd"]),
];

/// A spinner more urgent than everything, and what it leaves to the shell, in instructions.
const SPINNER: &str = "time echo a; time echo b; time echo c; time echo d; nice REALTIME BUDGET=25/50 run burn 200 MS; \
    wait 20 MS; time echo e; time echo f; time echo g; time echo h; status; wait 300 MS";

const SCHEDULING: &[Story] = &[
    Story::new("sched-spinner", SPINNER)
        .with(&["--icount", "--smp", "1"])
        .prints(&["burn (realtime, 50 % at most)"])
        .slows_down_at_most(3),
    Story::new("sched-nice", "nice batch run burn 60; status COM=burn; nice 5 10; status; break burn")
        .prints(&["burn (idle)"]),
    Story::new("sched-small-budget", "nice realtime BUDGET=1000/1000000 run wait 600; status; status FULL")
        .prints(&["wait (realtime, 0.1 % at most)", " realtime     0.1 % "]),
    Story::new("sched-refused", "nice driver version").fails(10).prints(&["above this shell's"]),
    Story::new("sched-too-much", "nice realtime BUDGET=80% version").fails(10).prints(&["can reserve 75 %"]),
    Story::new("sched-ends", "nice realtime version; nice realtime BUDGET=75% version; nice idle version")
        .prints(&["Viaether 0.1.0"]),
];

/// Each says what was wrong and what would be right.
const MISTAKES: &str = "failat 30; break 99999; caps 99998; trace 99997; status 99996; nice 5 99995; \
    avail PROC=99994; caps nobody; break 1; caps 1; revoke SHELL nosuch; services nosuch STOP; \
    services nosuch LOG; services pager STOP; services fsd START; services aid STOP; services aid LOG; \
    services init RESTART; nice batch 1; services shell STOP; services console STOP; services fsd STOP; \
    services devd STOP START; services netd LOG RESTART; wait 1 MIN MS; wait 1 UNTIL 14:05; echo";

/// Numbers that are none of what was asked for.
const NUMBERS: &str = "failat 30; klog N=-1; trace netd COUNT=0; smpinfo -1; kstats 100000; head LINES=-2; head N=1 C=1; \
    sort COLSTART=0; hex SYS:S/Startup-Sequence LEN=-3; wait -4; history -5; ping 10.0.2.2 C=0; \
    traceroute 10.0.2.2 HOPS=256; fetch http://10.0.2.2 TIMEOUT=0; echo end";

const DIAGNOSTICS: &[Story] = &[
    // More lines than what opens and closes before the second packet, and fewer than come with all: which are first is chance.
    Story::new("diag-trace", "run QUIET ping 10.0.2.2 C=8; trace netd COUNT=80").prints(&[
        "1 recv(channel=",
        "  irq_ack = ok",
        "  close = ok",
    ]),
    Story::new("diag-refused", "trace init; echo no").fails(10).never(&["no\n"]),
    Story::new("diag-caps", "caps console; caps 3 FULL; status netd; avail PROC=httpd; services init LOG").prints(&[
        "ceiling: 55 (driver)",
        "handle 1: Process map endow inspect",
        ": netd (driver",
        "httpd: ",
        "Notice 0: shell started as process",
    ]),
    Story::new("diag-report", "diagdump RAM:report; type RAM:report | search \"budgets used up\"; type RAM:report")
        .prints(&[
            "== machine",
            "\n1 core\n",
            "== cores",
            "== memory",
            "== processes",
            "== services",
            "== devices",
            "== capabilities of the services",
            "== counters",
            "== log",
            "command line:",
        ])
        .never(&["not to be had"]),
    Story::new("diag-mistakes", MISTAKES).prints(&[
        "99999: no such process; PS lists them",
        "99998: no such process; PS lists them",
        "99997: no such process; PS lists them",
        "99996: no such process; PS lists them",
        "99995: no such process; PS lists them",
        "99994: no such process; PS lists them",
        "nobody: no such process; PS lists them",
        "1: that is init",
        "nosuch: no such service; SERVICES lists them",
        "pager: without it nobody could start it again",
        "fsd: it runs already; RESTART starts it anew",
        "aid: it does not run; KLOG has what it said",
        "init: that is init, which nobody can start or stop",
        "1: that is init, whose priority nobody can change",
        "shell: without it nobody could start it again",
        "console: without it nobody could start it again",
        "fsd: without it nobody could start it again",
        "START and STOP exclude each other",
        "RESTART and LOG exclude each other",
        "MIN and MS exclude each other",
        "TIME and UNTIL exclude each other",
    ]),
    Story::new("diag-numbers", NUMBERS).prints(&[
        "klog: LINES: -1 is less than 0",
        "trace: COUNT: 0 is less than 1",
        "smpinfo: INTERVAL: -1 is not between 1 and 86400",
        "kstats: INTERVAL: 100000 is not between 1 and 86400",
        "head: LINES: -2 is less than 0",
        "head: LINES and BYTES exclude each other",
        "sort: COLSTART: 0 is less than 1",
        "hex: LEN: -3 is less than 0",
        "wait: TIME: -4 is less than 0",
        "history: N: -5 is less than 0",
        "ping: COUNT: 0 is not between 1 and 65535",
        "traceroute: HOPS: 256 is not between 1 and 255",
        "fetch: TIMEOUT: 0 is not between 1 and 86400",
        "end\n",
    ]),
    Story::new("diag-no-such-service", "services nosuch").fails(10).prints(&["nosuch: no such"]).never(&["Provides"]),
    Story::new("diag-total", "echo \"[$(avail TOTAL PROC=netd)]\"").prints(&["["]).never(&["used]", "[]"]),
    Story::new("diag-without-devd", "services devd STOP; services >RAM:s; services devd START; wait 3; type RAM:s")
        .prints(&["stopped", "fsd"]),
    Story::new("diag-revoke", "failat 11; aistat; revoke shell aid; aistat; revoke shell fsd; list")
        .fails(10)
        .prints(&["models ", "aistat: aid: object not found", "list: there is no program for this command in C:"]),
    Story::new("diag-klog", "failat 30; crash; klog").prints(&["#0 crash+0x", "commands::system::crash+0x"]),
    // devd looks for devices before anybody else is started.
    Story::new("diag-devices-first", "klog | head N=4").prints(&["devd started", "base addresses"]),
    Story::new("diag-counters", "kstats FULL").prints(&["Entries by a system call"]),
];

const FILES: &[Story] = &[
    Story::new("write-and-read", "echo hello TO RAM:a; type RAM:a").prints(&["hello"]),
    Story::new("put", "type RAM:cargo").with(&["--put", "{root}/Cargo.toml=cargo"]).prints(&["[workspace]"]),
    Story::new("put-into-a-directory", "type RAM:a/b/cargo; list RAM:a")
        .with(&["--put", "{root}/Cargo.toml=a/b/cargo"])
        .prints(&["[workspace]", "1 directories"]),
    Story::new("missing-file", "type RAM:nosuch").fails(10).prints(&["nosuch"]),
    Story::new("sys-is-read-only", "echo x TO SYS:x").fails(10),
    Story::new("pipe", "echo hello | wc C").prints(&["6"]),
];

/// What the suites end with; one with a failure ends the story by its status.
const SUITES: &[&str] = &["smptest: ", "vmtest: ", "hardtest: ", " passed, 0 failed"];

const SELFTESTS: &[Story] = &[
    Story::new("shelltest", "shelltest").prints(&[" passed, 0 failed"]),
    Story::new("sectest", "sectest").prints(&[" passed, 0 failed"]),
    Story::new("sectest-long", "sectest LONG").with(&["--timeout", "7200"]).prints(&[" passed, 0 failed"]).long(),
    Story::new("sectest-long-four-cores", "sectest LONG")
        .with(&["--smp", "4", "--timeout", "7200"])
        .prints(&[" passed, 0 failed"])
        .long(),
    Story::new("timetest", "selftest timetest").with(&["--icount", "--smp", "1"]).prints(&[" passed, 0 failed"]),
    Story::new("hardtest", "hardtest; vmtest; smptest").prints(&["smptest: ", " passed, 0 failed"]),
    Story::new("four-cores-test", "smptest; vmtest; sectest; hardtest")
        .with(&["--smp", "4"])
        .prints(SUITES)
        .never(&["left out"]),
    // One core after the other, each until it says that it waits: who waits for another core has to say so.
    Story::new("cores-in-turns", "smptest GROUP=\"pools destroyed\"")
        .with(&["--icount", "--smp", "2"])
        .prints(&["smptest: ", " passed, 0 failed"]),
    Story::new("eight-cores-test", "smptest; vmtest; hardtest").with(&["--smp", "8", "--mem", "4096"]).prints(SUITES),
    Story::new("eight-cores-long", "smptest; vmtest; sectest; hardtest")
        .with(&["--smp", "8", "--mem", "4096", "--timeout", "900"])
        .prints(SUITES)
        .long(),
    Story::new("least-memory-test", "smptest; vmtest; hardtest").with(&["--smp", "1", "--mem", "64"]).prints(SUITES),
    Story::new("least-memory-long", "smptest; vmtest; sectest; hardtest")
        .with(&["--smp", "1", "--mem", "64", "--timeout", "900"])
        .prints(SUITES)
        .long(),
    // Not room for a child of the usual size on each core; what went on would starve the flood's server.
    Story::new("many-cores-little-memory", "sectest GROUP=behind; sectest GROUP=floods")
        .with(&["--smp", "8", "--mem", "64"])
        .prints(&["little memory: 8 children", " passed, 0 failed"]),
    Story::new("many-cores-little-memory-long", "smptest; vmtest; sectest; hardtest")
        .with(&["--smp", "8", "--mem", "64", "--timeout", "900"])
        .prints(SUITES)
        .long(),
    Story::new("sectest-cortex-a72", "sectest")
        .with(&["--cpu", "cortex-a72"])
        .only(Arch::Aarch64)
        .prints(&[" passed, 0 failed"]),
];

const FETCH: &str = "fetch https://10.0.2.2:{port}/blob CACERT=RAM:ca.pem | hash SHA256";
const CA: &[&str] = &["--put", "{ca}=ca.pem"];

const NETWORK: &[Story] = &[
    Story::new("ping", "ping 10.0.2.2 C=2").prints(&["2 sent, 2 received"]),
    Story::new("traceroute", "traceroute 10.0.2.2").prints(&["  1  10.0.2.2"]),
    Story::new("ifconfig", "ifconfig net0").prints(&["10.0.2.15/24 (dhcp)"]),
    Story::new("netstat", "netstat ROUTES").prints(&["default"]),
    Story::new("nettest", "nettest").prints(&[" passed, 0 failed"]),
    Story::new("netd-comes-back", "break netd FORCE; ping 10.0.2.2 C=2").prints(&["2 sent, 2 received"]),
    Story::new("no-card", "ping 127.0.0.1 C=1").with(&["--net", "none"]).prints(&["1 received"]),
    Story::new("fetch-no-name", "fetch http://nosuch.invalid/ TIMEOUT=5").fails(10).prints(&["name:"]),
    Story::new("fetch-tls", FETCH).with(CA).prints(&["{digest}"]).peer(Peer::Tls(Fault::None)),
    Story::new("fetch-expired", FETCH).with(CA).fails(10).prints(&["expired"]).peer(Peer::Tls(Fault::Expired)),
    Story::new("fetch-misnamed", FETCH)
        .with(CA)
        .fails(10)
        .prints(&["not for 10.0.2.2"])
        .peer(Peer::Tls(Fault::Misnamed)),
    Story::new("fetch-unknown", FETCH).with(CA).fails(10).prints(&["unknown"]).peer(Peer::Tls(Fault::UnknownIssuer)),
    Story::new("fetch-refused", "fetch http://10.0.2.2:9/ TIMEOUT=5").fails(10).prints(&["connect"]),
];

const SIEGE: &str = "wait 5 SEC; break httpd FORCE; wait 8 SEC; break netd FORCE; wait 280 SEC";

const WEB: &[Story] = &[
    Story::new("curl", "wait 280 SEC").peer(Peer::Curl),
    Story::new("chromium", "wait 280 SEC").peer(Peer::Chromium),
    Story::new("web-crowd", "wait 280 SEC").peer(Peer::Crowd),
    Story::new("web-siege", SIEGE).peer(Peer::Siege),
];

const INFERENCE: &[Story] = &[
    Story::new("ainfer-all", "ainfer all").prints(&["0 failed"]),
    Story::new("aistat", "ainfer digits classify SYS:samples/seven.pgm QUIET; aistat").prints(&["done       1\n"]),
    Story::new("ainfer-seven", "ainfer SYS:models/digits.waymodel classify SYS:samples/seven.pgm").prints(&["7"]),
];

const RESTARTS: &[Story] = &[
    Story::new("shell-comes-back", "services shell RESTART").fails(20).prints(&["it died in the middle of the script"]),
    Story::new("console-comes-back", "break console FORCE; echo still here").prints(&["still here"]),
    Story::new("fsd-comes-back", "break fsd FORCE; list SYS:S").prints(&["Startup-Sequence"]),
    Story::new("aid-comes-back", "break aid FORCE; ainfer SYS:models/digits.waymodel classify SYS:samples/seven.pgm")
        .prints(&["7"]),
];

/// How the kill tests end when nothing went wrong.
const KILLED: &[&str] = &["right answers", "kills, 0 failed"];
/// What devd says when a device wrote into memory that was taken from its driver.
const WROTE: &[&str] = &["wrote after its reset", "can't be reset"];

/// Each says what was wrong and what would be right; the jobs leave the last one too little memory.
const NO_KILLS: &str = "failat 30; killtest 0; killtest -1; killtest 1 server=init; killtest 1 server=netd,Shell; \
    killtest 1 server=nosuch; run burn 60; run burn 60; killtest 1; echo";

const KILLS: &[Story] = &[
    Story::new("kills-refused", NO_KILLS)
        .with(&["--mem", "64"])
        .prints(&[
            "KILLS: 0 is less than 1",
            "KILLS: -1 is less than 1",
            "init: the system ends with it; there are devd, ",
            "Shell: this test ends with it; there are devd, ",
            "nosuch: no such service; there are devd, ",
            "its clients need ",
        ])
        .never(&["right answers", "FAIL"]),
    // Eight clients of fewer pages than usual.
    Story::new("kills-little-memory", "killtest 5 PEER=10.0.2.2:{port}")
        .with(&["--smp", "8", "--mem", "64"])
        .prints(&["little memory: clients of ", "wire: ", "right answers", "kills, 0 failed"])
        .never(WROTE)
        .peer(Peer::Echo),
    Story::new("kills", "killtest 20 PEER=10.0.2.2:{port}").prints(KILLED).never(WROTE).peer(Peer::Echo),
    Story::new("kills-in-dma", "killtest 15 SERVER=netd PEER=10.0.2.2:{port}")
        .prints(KILLED)
        .never(WROTE)
        .peer(Peer::Echo),
    Story::new("kills-in-dma-four-cores", "killtest 8 SERVER=netd SEED=3 PEER=10.0.2.2:{port}")
        .with(&["--smp", "4"])
        .only(Arch::X86_64)
        .prints(KILLED)
        .never(WROTE)
        .peer(Peer::Echo),
    // With a GICv2 the card's interrupts are messages.
    Story::new("kills-in-dma-gicv2", "killtest 8 SERVER=netd SEED=3 PEER=10.0.2.2:{port}")
        .with(&["--smp", "4", "--machine", "gic-version=2"])
        .only(Arch::Aarch64)
        .prints(KILLED)
        .never(WROTE)
        .peer(Peer::Echo),
    Story::new("kills-four-cores", "killtest 15 SEED=2 PEER=10.0.2.2:{port}")
        .with(&["--smp", "4"])
        .prints(KILLED)
        .never(WROTE)
        .peer(Peer::Echo),
    Story::new("kills-long", "killtest 200 PEER=10.0.2.2:{port}")
        .with(&["--timeout", "1800"])
        .prints(KILLED)
        .never(WROTE)
        .peer(Peer::Echo)
        .long(),
    Story::new("kills-long-four-cores", "killtest 200 SEED=2 PEER=10.0.2.2:{port}")
        .with(&["--smp", "4", "--timeout", "1800"])
        .prints(KILLED)
        .never(WROTE)
        .peer(Peer::Echo)
        .long(),
    Story::new("kills-in-dma-long", "killtest 100 SERVER=netd,console SEED=2 PEER=10.0.2.2:{port}")
        .with(&["--timeout", "1800"])
        .prints(KILLED)
        .never(WROTE)
        .peer(Peer::Echo)
        .long(),
];

const TRACES: &[Story] = &[
    Story::new("fault-report", "crash").fails(20).logs(&[
        "#0 crash+0x",
        "  libsys::fault::read+0x",
        "  commands::system::crash+0x",
    ]),
    Story::new("fault-of-a-call", "crash FETCH").fails(20).logs(&["  libsys::fault::fetch+0x"]),
    Story::new("panic-report", "crash PANIC").fails(20).logs(&["#0 crash+0x", "  commands::system::crash+0x"]),
];

const WITH_TALLY: &[&str] = &["--with", "{root}/docs/examples/tally"];

// ANCHOR: tally
const EXAMPLE: &[Story] = &[
    Story::new("tally-counts", "tally 3 4; tally 5").with(WITH_TALLY).prints(&["3\n7\n5\n"]),
    Story::new("tally-refuses", "tally -1").with(WITH_TALLY).fails(10).prints(&["tally: -1: give a number"]),
    Story::new("tally-comes-back", "tally 3; break tallyd FORCE; tally 4").with(WITH_TALLY).prints(&["3\n", "4\n"]),
    Story::new("tally-as-documented", "tallytest").with(WITH_TALLY).prints(&["all is as documented"]),
];
// ANCHOR_END: tally

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_options_are_understood() {
        let mut names = BTreeSet::new();
        for story in FEATURES.iter().flat_map(|f| f.stories) {
            assert!(names.insert(story.name), "{} is told twice", story.name);
            assert!(options::parse(story.options).is_ok(), "{}", story.name);
            assert!(story.exec.is_empty() != story.steps.is_empty(), "{}: a script, or steps", story.name);
        }
    }
}
