import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { skippedFor } from "../support/skipped.ts";
import { findGateway, NO_GATEWAY } from "../support/s3-gateway.ts";
import { readAll } from "./agent.ts";
import { makeAgentKey, makeMailbox } from "./doors.ts";
import { Estate } from "./estate.ts";
import { ADDRESS, OPEN_POLICY, SIGNERS, writeLetters } from "./mail.ts";
import { handOver } from "./mta.ts";
import { Random } from "./random.ts";

const executable = inject("temporalExecutable");
const bucket = findGateway();
const reason = executable === null ? "TEMPORAL_ADDRESS names a server" : bucket === null ? NO_GATEWAY : null;

describe.skipIf(reason !== null)(`two gateways and two workers${skippedFor(reason)}`, { timeout: 120_000 }, () => {
  let estate: Estate;
  let mailbox: string;
  let key: string;

  beforeAll(async () => {
    const env = { POSTERN_LIMIT_ANSWER_SECONDS: "4", POSTERN_LIMIT_CONNECTIONS_PER_PEER: "100" };
    const places = { executable: executable!, bucket: bucket!, bundle: inject("bundleFile")! };
    estate = await Estate.start({ ...places, signers: SIGNERS, gateways: 2, workers: 2, env });
    mailbox = await makeMailbox(estate.admin, ADDRESS.first, OPEN_POLICY);
    key = await makeAgentKey(estate.admin, mailbox);
  });
  afterAll(() => estate?.close());

  it("X-30 what one gateway takes in, a worker judges and every gateway shows at once", async () => {
    const random = new Random(3);
    const [mail] = await writeLetters(random, 1);
    const other = estate.as(key, 1);
    // The other gateway is asked first, and hears of it.
    const waited = other.get<{ type: string; message?: { id: string } }>(`/v1/mailboxes/${mailbox}/wait`, { timeout_s: 20 });
    const told = await handOver(async () => (await estate.gateways[0]!).smtp.port, mail!, random);
    expect(told.code).toBe(250);
    expect(await waited).toMatchObject({ type: "message", message: { id: /msg_[0-9a-z]+/.exec(told.reply)![0] } });
    expect(await readAll(estate.as(key, 0), mailbox)).toEqual(await readAll(other, mailbox));
    for (const worker of estate.workers) {
      const { http } = await worker;
      expect((await fetch(`${http}/readyz`)).status).toBe(200);
      // A worker has no door.
      expect((await fetch(`${http}/v1/mailboxes`, { headers: { authorization: `Bearer ${key}` } })).status).toBe(404);
    }
  });
});
