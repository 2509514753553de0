import { evaluateInbound } from "../../policies/inbound.ts";
import { definePolicy } from "../../policies/define.ts";
import { runGuards } from "../../src/guards/index.ts";
import { isViolation } from "../../src/mail/parse.ts";
import { openMail } from "../../src/mail/read.ts";
import { DEFAULT_PLACES, type GuardViews } from "../../src/model/guards.ts";
import { median, percentile } from "./figures.ts";
import { openMailSource } from "./mail.ts";
import type { Figure, Measurement, Terms } from "./measurement.ts";

const RULES = 1_000;

export const guards: Measurement = {
  name: "guards",
  about:
    "All guards with 54 patterns over texts of real mail cut to size, and the choice among 1,000 sender rules; after a warm-up. " +
    "Every text is timed four times and its best counts, because the machine is shared; percentiles are over the texts.",
  run: async (terms) => [...(await scanning(terms)), ...matching(terms)],
};

const VERBS = ["ignore", "disregard", "forget", "override", "reveal", "transfer"];
const OBJECTS = [
  "(the |all |any )?(previous|prior|above) instructions",
  "the system prompt",
  "your (rules|guidelines)",
  "(the|this) account",
  "the user'?s? (password|key)",
];
const ADDED = [
  ...[
    "<\\|(im_start|im_end|system)\\|>",
    "\\[/?INST\\]",
    "do not (tell|inform|alert) the user",
    "you are now (an?|the) (assistant|agent)",
    "gift ?cards?.{0,40}scratch",
  ],
  ...[
    "wire transfer.{0,40}urgent",
    "new (bank|account) details",
    "act as (root|admin)",
    "base64,[a-z0-9+/]{200,}",
    "jailbreak",
    "developer mode",
    "sudo rm -rf",
    "DAN prompt",
  ],
  ...[
    "exfiltrat(e|ion)",
    "curl https?://",
    "powershell -enc",
    "confirm_meeting\\(",
    "tool_call",
    "BEGIN (RSA )?PRIVATE KEY",
    "seed phrase",
    "one[- ]time code",
    "verify your account now",
  ],
  ...["click (here|below) within 24 hours", "password expire[sd]"],
];

/** 54 patterns of the kind policies have. */
const PATTERNS = {
  digest: "bench",
  guards: [...VERBS.flatMap((verb) => OBJECTS.map((object) => `${verb} ${object}`)), ...ADDED].map((source) => ({
    pattern: `/${source.replaceAll("/", "\\/")}/i`,
    in: DEFAULT_PLACES,
  })),
};

async function scanning({ quick }: Terms): Promise<readonly Figure[]> {
  const text = await realText(400_000);
  const look = (size: number, most: number): readonly Figure[] => {
    const times = Array.from({ length: quick ? 40 : 150 }, (_, index) => {
      const start = (index * 7_919) % (text.length - size);
      const views = viewsOf(text.slice(start, start + size));
      return bestMs(() => runGuards(views, PATTERNS));
    }).slice(10);
    const name = `${PATTERNS.guards.length} patterns over ${size / 1_000} KB`;
    return [
      { what: `${name}, p99`, value: percentile(times, 0.99), unit: "ms", target: { most } },
      { what: `${name}, p50`, value: median(times), unit: "ms" },
    ];
  };
  return [...look(5_000, 3), ...look(100_000, 40)];
}

/** The best of a few by the clock: what else the machine does comes and goes, what a text costs does not. */
function bestMs(work: () => void): number {
  const times = Array.from({ length: 4 }, () => {
    const started = performance.now();
    work();
    return performance.now() - started;
  });
  return Math.min(...times);
}

function viewsOf(text: string): GuardViews {
  return {
    subject: text.slice(0, 60),
    text,
    html: "",
    hidden: [],
    attachments: [],
    headers: { names: ["from", "to", "subject", "date"], long_lines: 0 },
  };
}

/** What people read of the mail of the source, one after the other. */
async function realText(length: number): Promise<string> {
  let text = "";
  for (const raw of await (await openMailSource()).take(200)) {
    const mail = await openMail(raw);
    if (!isViolation(mail)) text += mail.views.text;
  }
  while (text.length < length) text += text;
  return text;
}

function matching({ quick }: Terms): readonly Figure[] {
  const senders = Array.from({ length: RULES }, (_, index) =>
    index % 2 === 0
      ? { match: { address: `person${index}@host${index}.example` }, capabilities: [] }
      : { match: { domain: `host${index}.example`, subdomains: true }, capabilities: [] },
  );
  const policy = definePolicy({ senders, defaultAction: "bounce" });
  const addresses = Array.from({ length: 3_000 }, (_, index) => `person${index}@${index % 3 === 0 ? "deep.sub." : ""}host${index}.example`);
  const judge = (address: string): void => {
    const verification = { spf: "pass", dkim: "pass", dmarc: "pass", arc: "none", from_alignment: { spf: true, dkim: true } } as const;
    evaluateInbound(policy, { identity: { kind: "sender", address, verified: true } as never, verification, loop: null, lists: [] }, []);
  };
  for (const address of addresses) judge(address);
  const rounds = Array.from({ length: quick ? 10 : 40 }, () => {
    const ms = bestMs(() => addresses.forEach(judge));
    return (ms * 1000) / addresses.length;
  });
  return [{ what: "sender rule among 1,000 and the whole policy, a message", value: median(rounds), unit: "µs", target: { most: 50 } }];
}
