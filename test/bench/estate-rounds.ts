import type { Estate } from "../durability/estate.ts";
import { mean, median } from "./figures.ts";
import { deliver } from "./load.ts";
import { PARTS, partsMs, type Part, type PartsMs } from "./parts.ts";
import { BENCH_POLICY } from "./policy.ts";

const CONNECTIONS = 30;
const DOMAIN = "acme.example";
const LOCAL_PART = "assistant";

export interface Round {
  /** Messages a second. */
  readonly rate: number;
  /** Milliseconds from the final dot to the reply. */
  readonly p50: number;
  readonly longest: number;
  /** Milliseconds of processor time a message. */
  readonly parts: PartsMs;
  /** Mean size of a message. */
  readonly bytes: number;
}

/** Where all rounds deliver to. */
export async function openMailbox({ admin }: Estate): Promise<void> {
  const address = { address_local_part: LOCAL_PART, domain: DOMAIN, agent_id: "assistant" };
  const { id } = await admin.send<{ id: string }>("POST", "/v1/mailboxes", address);
  await admin.send("PUT", `/v1/mailboxes/${id}/policy`, BENCH_POLICY);
}

/** All of `mails` through the first gateway. */
export async function measureRound(estate: Estate, mails: readonly Buffer[]): Promise<Round> {
  const [gateway, pids] = [await estate.gateways[0]!, await estate.pids()];
  const [before, started] = [await partsMs(pids), performance.now()];
  const answers = await deliver({ port: gateway.smtp.port, to: `${LOCAL_PART}@${DOMAIN}`, peers: true }, mails, CONNECTIONS);
  const ms = performance.now() - started;
  const after = await partsMs(pids);
  const used = (part: Part): number => (after[part] - before[part]) / mails.length;
  return {
    rate: (mails.length * 1000) / ms,
    p50: median(answers),
    longest: Math.max(...answers),
    parts: Object.fromEntries(PARTS.map((part) => [part, used(part)])) as PartsMs,
    bytes: mean(mails.map(({ length }) => length)),
  };
}
