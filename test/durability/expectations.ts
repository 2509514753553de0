import { expect } from "vitest";
import { inboundWorkflowId } from "../../src/model/ids.ts";
import { isRefusal } from "../../src/model/decision.ts";
import { placeIn } from "./evidence.ts";
import type { Ended, Report } from "./scenario.ts";

/** What must hold after any run, whatever was killed when (DESIGN §9.1, 9.2, 9.5, 9.8). */
export function expectDurable(report: Report): void {
  expectAnswers(report);
  expectDecisions(report);
  expectAgents(report);
  expectCharges(report);
  expectAudit(report);
  expectHistories(report);
  expectBlobs(report);
  expect(
    report.log.filter((line) => /"(code|fault)":"internal"/.test(line)),
    "what a kill breaks is temporary, never a fault of the message",
  ).toEqual([]);
}

function expectAnswers({ ended }: Report): void {
  for (const { planned, told, again, copies } of ended) {
    if (planned.code !== null) expect(told.code, told.reply).toBe(planned.code);
    // The reply names the message, so the sender's log and ours speak of the same thing.
    expect(
      copies.some(({ message }) => told.reply.includes(message)),
      told.reply,
    ).toBe(true);
    if (again !== null) expect(again.reply, "handed over again, a message meets its recorded decision").toBe(told.reply);
  }
}

function expectDecisions({ ended, recorded }: Report): void {
  const outcomes = new Map(recorded.final.map(({ message, outcome }) => [message, outcome]));
  const copies = ended.flatMap((each) => each.copies);
  expect(recorded.final.length, "one final decision for each copy of each message").toBe(copies.length);
  expect(recorded.messages.length).toBe(copies.length);
  expect(recorded.deferred).toBe(0);
  for (const { message, outcome } of copies) {
    expect(outcomes.has(message), `${message} is undecided`).toBe(true);
    if (outcome !== null) expect(outcomes.get(message)).toBe(outcome);
  }
  for (const each of ended) expectAnswerIsDecision(each, outcomes);
}

/** INVARIANT of the door: 250 if somebody took it, 550 if all refused. */
function expectAnswerIsDecision(
  { told, copies }: Ended,
  outcomes: ReadonlyMap<string, Report["recorded"]["final"][number]["outcome"]>,
): void {
  const refused = copies.every(({ message }) => isRefusal(outcomes.get(message)!));
  expect(told.code).toBe(refused ? 550 : 250);
}

function expectAgents({ ended, readers, recorded, raw }: Report): void {
  const delivered = new Set<string>(recorded.messages.filter(({ outcome }) => outcome === "delivered").map(({ id }) => id));
  for (const [mailbox, { seen, afresh }] of readers) {
    const wanted = ended.flatMap(({ copies }) => copies.filter((copy) => copy.mailbox === mailbox && delivered.has(copy.message)));
    expect(new Set(seen).size, "no message is seen twice").toBe(seen.length);
    expect(new Set(seen), "nothing is missing, nothing is there that should not be").toEqual(new Set(wanted.map(({ message }) => message)));
    expect(afresh, "the order of delivery is the same for who comes later").toEqual(seen);
  }
  for (const { planned, copies } of ended)
    for (const { message } of copies) expectBytes(raw.get(message), delivered.has(message), planned.mail.bytes);
}

function expectBytes(raw: Buffer | null | undefined, isDelivered: boolean, bytes: Buffer): void {
  if (isDelivered) expect(raw?.equals(bytes), "byte for byte as sent").toBe(true);
  else expect(raw, "what was not delivered is not there for the agent").toBeNull();
}

function expectCharges({ recorded }: Report): void {
  const admitted = recorded.messages.filter(({ outcome }) => outcome === "delivered");
  const rate = recorded.ledger.filter(({ ledger }) => ledger === "rate");
  const tokens = recorded.ledger.filter(({ ledger }) => ledger === "tokens");
  const ids = new Set(admitted.map(({ id }) => id));
  expect(rate.map(({ message }) => message).sort()).toEqual([...ids].sort());
  expect(rate.every(({ amount }) => amount === 1)).toBe(true);
  expect(new Map(tokens.map(({ message, amount }) => [message, amount]))).toEqual(
    new Map(admitted.map(({ id, tokens_reserved }) => [id, tokens_reserved])),
  );
}

function expectAudit({ recorded }: Report): void {
  expect(recorded.audit.map(({ decision }) => decision).sort()).toEqual(recorded.final.map(({ id }) => id).sort());
  const final = new Map(recorded.final.map((decision) => [decision.id as string, decision]));
  for (const entry of recorded.audit) {
    const { run, message } = final.get(entry.decision)!;
    const { workflow_id, run_id } = placeIn(entry);
    expect(run_id).toBe(run);
    expect(workflow_id === inboundWorkflowId(message) || workflow_id.startsWith("ins-"), workflow_id).toBe(true);
  }
}

function expectHistories({ recorded, runs }: Report): void {
  const completed = new Map(runs.filter(({ status }) => status === "COMPLETED").map((run) => [run.runId, run]));
  for (const { id, run } of recorded.final) expect(completed.get(run)?.told, "the run that decided tells so").toContain(id);
  // A message that was in two runs, because the first was killed, has the decision of the one that came first.
  const final = new Set<string>(recorded.final.map(({ id }) => id));
  for (const { told } of completed.values()) for (const id of told) expect(final.has(id), "a history tells no other decisions").toBe(true);
  expect(
    runs.filter(({ status }) => status === "RUNNING"),
    "judgements without an end",
  ).toEqual([]);
}

function expectBlobs({ ended, recorded, kept, staleRemoved }: Report): void {
  expect(kept.damaged).toEqual([]);
  expect(staleRemoved, "what a crash left behind long ago is gone").toBe(true);
  const delivered = new Set<string>(recorded.messages.filter(({ outcome }) => outcome === "delivered").map(({ id }) => id));
  const needed = ended.filter(({ copies }) => copies.some(({ message }) => delivered.has(message))).map(({ digest }) => digest);
  expect(kept.digests).toEqual(expect.arrayContaining(needed));
  // A file is unfinished when its connection was cut: never more than there were broken attempts.
  const lost = ended.flatMap(({ told, again }) => [...told.repeats, ...(again?.repeats ?? [])]).filter((why) => why === "lost").length;
  expect(kept.unfinished.length).toBeLessThanOrEqual(lost);
}
