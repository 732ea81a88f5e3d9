//! Inference, and the self-tests.

use crate::Manual;

pub(crate) const MANUALS: &[Manual] = &[
    Manual {
        name: "AINFER",
        aliases: &[],
        template: "MODEL/A,ACTION,ARGS/M,QUIET/S,JSON/S",
        summary: "runs neural networks",
        arguments: &[
            ("MODEL", "a registered name, a path, or LIST, ALL"),
            ("ACTION", "CLASSIFY, INFO or VERIFY (others come later)"),
            ("ARGS", "files"),
            ("QUIET", "the answer alone"),
            ("JSON", "as JSON"),
        ],
        examples: &[("ainfer SYS:models/digits.waymodel classify SYS:samples/seven.pgm", "7 and how sure it is")],
    },
    Manual {
        name: "AISTAT",
        aliases: &[],
        template: "",
        summary: "shows what the inference server has done and has",
        arguments: &[],
        examples: &[("aistat", "inferences done and failed, processor time, models")],
    },
    Manual {
        name: "SELFTEST",
        aliases: &["hardtest", "sectest", "shelltest", "nettest", "vmtest", "smptest"],
        template: "SUITE/M,GROUP/K,LIST/S,V=VERBOSE/S,TAP/S,LONG/S",
        summary: "runs the system's own tests",
        arguments: &[
            ("SUITE", "names; the one it is called by, or all"),
            ("GROUP", "those groups alone that have this in their name"),
            ("LIST", "names of all"),
            ("V", "each check"),
            ("TAP", "in the Test Anything Protocol"),
            ("LONG", "with fifty times the counts, where they are random"),
        ],
        examples: &[
            ("sectest", "tries what must not work"),
            ("selftest timetest", "measures how late answers are; under `scripts/run --icount --smp 1` alone"),
        ],
    },
    Manual {
        name: "BURN",
        aliases: &[],
        template: "SECONDS/N,MS/S",
        summary: "keeps a processor busy: for tests of the scheduler",
        arguments: &[("SECONDS", "how long; until it is broken without"), ("MS", "they are milliseconds")],
        examples: &[("burn 5", "for five seconds; NICE REALTIME BUDGET=50% before it leaves others half of them")],
    },
    Manual {
        name: "KILLTEST",
        aliases: &[],
        template: "KILLS/N,SEED/K/N,SERVER/K,PEER/K",
        summary: "kills servers at random while clients check every answer",
        arguments: &[
            ("KILLS", "so many, 1 or more; 20"),
            ("SEED", "of everything random; 1"),
            ("SERVER", "names with commas; all but init and the shell, which are never killed"),
            ("PEER", "address:port of a program outside that sends back what it gets"),
        ],
        examples: &[("killtest 200 SERVER=netd,fsd", "200 kills of these two")],
    },
    Manual {
        name: "KBENCH",
        aliases: &[],
        template: "STRETCHES/S,CORES/S,LIST/K",
        summary: "prints what kernel operations cost: for scripts/bench",
        arguments: &[
            ("STRETCHES", "how long interrupts are off at most; needs a kernel that measures it"),
            ("CORES", "a fixed load on one core and on all"),
            (
                "LIST",
                "call-4w, call-8w-general, call-fpu, call-512, interrupt, notify, fault, thread or spawn alone, for a debugger",
            ),
        ],
        examples: &[],
    },
];
