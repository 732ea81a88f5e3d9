//! Inference, and the self-tests.

use crate::Manual;

pub(crate) const MANUALS: &[Manual] = &[
    Manual {
        name: "AINFER",
        aliases: &[],
        template: "MODEL/A,ACTION,ARGS/M,AGAINST/K,TOKENS=MAX/K/N,TEMP/K,TOPK/K/N,TOPP/K,SEED/K/N,PRIORITY/K/N,DEADLINE/K/N,PERIOD/K/N,THREADS/K/N,RUNS/K/N,QUIET/S,JSON/S",
        summary: "runs neural networks",
        arguments: &[
            ("MODEL", "a registered name, a path, or LIST, ALL"),
            ("ACTION", "CLASSIFY, INFO or VERIFY (others come later)"),
            ("ARGS", "files or texts"),
            ("AGAINST", "a text to compare with"),
            ("TOKENS", "at most so many tokens"),
            ("TEMP", "temperature"),
            ("TOPK", "of the best so many"),
            ("TOPP", "of the best so much"),
            ("SEED", "for the choice"),
            ("PRIORITY", "1 to 3"),
            ("DEADLINE", "in ms"),
            ("PERIOD", "in ms"),
            ("THREADS", "so many"),
            ("RUNS", "so often"),
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
        template: "SUITE/M,LIST/S,V=VERBOSE/S,TAP/S",
        summary: "runs the system's own tests",
        arguments: &[
            ("SUITE", "names; the one it is called by, or all"),
            ("LIST", "names of all"),
            ("V", "each check"),
            ("TAP", "in the Test Anything Protocol"),
        ],
        examples: &[("sectest", "tries what must not work")],
    },
    Manual {
        name: "BURN",
        aliases: &[],
        template: "SECONDS/N,MS/S",
        summary: "keeps a processor busy: for tests of the scheduler",
        arguments: &[("SECONDS", "how long; until it is broken without"), ("MS", "they are milliseconds")],
        examples: &[("nice REALTIME BUDGET=50% burn 5", "half of a processor for five seconds")],
    },
    Manual {
        name: "KBENCH",
        aliases: &[],
        template: "",
        summary: "prints what kernel operations cost: for scripts/bench",
        arguments: &[],
        examples: &[],
    },
];
