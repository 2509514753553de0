import { describe, expect, it, onTestFinished } from "vitest";
import { createSandbox, type SunkMail } from "../../src/transports/sandbox.ts";
import type { Transport } from "../../src/transports/transport.ts";
import { ANN, BOB, CAROL, openTransport, send, startPeer } from "./relay.ts";

interface Made {
  readonly transport: Transport;
  /** Recipients of every message that has left. */
  readonly left: () => readonly (readonly string[])[];
}

const KINDS: Record<Transport["kind"], () => Promise<Made>> = {
  smtp: async () => {
    const peer = await startPeer();
    return { transport: openTransport(peer), left: () => peer.taken.map(({ recipients }) => recipients) };
  },
  sandbox: async () => {
    const kept: SunkMail[] = [];
    const transport = createSandbox({ put: async (mail) => void kept.push(mail) });
    onTestFinished(() => transport.close());
    return { transport, left: () => kept.map(({ envelope }) => envelope.recipients) };
  },
};

// What src/transports/transport.ts promises, of each.
describe.each(["smtp", "sandbox"] as const)("%s", (kind) => {
  it("asks once, with the recipients taken, and answers for each in their order", async () => {
    const { transport, left } = await KINDS[kind]();
    expect(transport.kind).toBe(kind);
    const result = await send(transport, { to: [CAROL, ANN, BOB] });
    expect(result).toMatchObject({ end: "completed", claims: [[CAROL, ANN, BOB]] });
    expect(result.replies.map(({ recipient, code }) => [recipient, code])).toEqual([CAROL, ANN, BOB].map((address) => [address, 250]));
    expect(left()).toEqual([[CAROL, ANN, BOB]]);
  });

  it("has the bytes before it asks, once, and lets nothing go before the answer", async () => {
    const { transport, left } = await KINDS[kind]();
    const told: string[] = [];
    await send(transport, {
      bytes: async () => {
        told.push("bytes");
        return Buffer.from("Subject: x\r\n\r\nx\r\n");
      },
      claim: async () => {
        told.push("claim");
        expect(left()).toEqual([]);
        return true;
      },
    });
    expect(told).toEqual(["bytes", "claim"]);
  });

  it("refused, nothing goes", async () => {
    const { transport, left } = await KINDS[kind]();
    const result = await send(transport, { claim: async () => false });
    expect(result).toMatchObject({ end: "failed_before_data", replies: [{ recipient: ANN, code: null, enhanced: null }] });
    expect(left()).toEqual([]);
  });

  it.each(["bytes", "claim"])("when `%s` fails nothing goes, and it fails with the same", async (what) => {
    const { transport, left } = await KINDS[kind]();
    const fails = async (): Promise<never> => {
      throw new Error(`no ${what}`);
    };
    await expect(send(transport, { [what]: fails })).rejects.toThrow(`no ${what}`);
    expect(left()).toEqual([]);
  });

  it("aborted before it asks, nothing goes and nothing is asked", async () => {
    const { transport, left } = await KINDS[kind]();
    const result = await send(transport, { signal: AbortSignal.abort() });
    expect(result).toMatchObject({ end: "failed_before_data", claims: [], replies: [{ code: null }] });
    expect(left()).toEqual([]);
  });

  it("carries one message after the other", async () => {
    const { transport, left } = await KINDS[kind]();
    for (const to of [[ANN], [BOB], [CAROL]]) expect((await send(transport, { to })).end).toBe("completed");
    expect(left()).toEqual([[ANN], [BOB], [CAROL]]);
  });
});

it("the sandbox files an attempt under one name, however often it is repeated", async () => {
  const ids: string[] = [];
  const transport = createSandbox({ put: async ({ id }) => void ids.push(id) });
  const name = { tenant: "ten_0000000000000000", mailbox: "mbx_0000000000000000", draft: "drf_0000000000000000" } as const;
  for (const attempt of [1, 1, 2]) await send(transport, { name: { ...name, attempt } });
  expect(ids[0]).toMatch(/^snk_[0-9a-hjkmnp-tv-z]{26}$/);
  expect(ids[1]).toBe(ids[0]);
  expect(ids[2]).not.toBe(ids[0]);
});
