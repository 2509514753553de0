import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { S3Settings } from "../../src/blobs/s3/settings.ts";
import { Instance } from "../support/instance.ts";
import { findGateway, NO_GATEWAY, startGateway, type Gateway } from "../support/s3-gateway.ts";
import { makeSigner, sign, write } from "../support/signer.ts";

const acme = makeSigner("acme.example", "192.0.2.1");
const OPEN = { senders: [{ match: { domain: "acme.example" }, capabilities: ["mail.raw"] }], contentGuards: [], defaultAction: "bounce" };
const executable = findGateway();

function environmentOf({ endpoint, region, bucket, prefix, accessKeyId, secretAccessKey }: S3Settings): Record<string, string> {
  const place = `s3://${bucket}/${prefix}?endpoint=${encodeURIComponent(endpoint)}&region=${region}`;
  return { POSTERN_BLOBS: place, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
}

describe.skipIf(executable === null)(`mail in a bucket (skipped without it: ${NO_GATEWAY})`, () => {
  let gateway: Gateway;
  let postern: Instance;
  let mailbox: string;

  beforeAll(async () => {
    gateway = await startGateway(executable!);
    postern = await Instance.start({ signers: [acme], env: environmentOf(gateway.settings()) });
    mailbox = await postern.mailbox("assistant@acme.example", OPEN);
  });
  afterAll(async () => {
    await postern?.close();
    await gateway?.close();
  });

  async function fromBoss(text: string) {
    const bytes = await sign(write({ from: "boss@acme.example", to: "assistant@acme.example", text }), acme);
    const verdict = await postern.deliver({ sender: "boss@acme.example", recipient: "assistant@acme.example", ip: acme.ip, bytes });
    return { bytes, verdict };
  }

  it.each([
    ["small", 2_000],
    ["large", 2_000_000],
  ])("PB-09 X-30 a %s message is judged, read and given back byte for byte, and no copy stays here", async (_, size) => {
    const { bytes, verdict } = await fromBoss(`${"lorem ipsum ".repeat(6)}\r\n`.repeat(Math.ceil(size / 74)));
    expect(verdict.code).toBe(250);
    const agent = await postern.agent(mailbox);
    const { items } = await agent.get<{ items: { id: string; size: number }[] }>(`/v1/mailboxes/${mailbox}/messages`);
    expect(items[0]?.size).toBe(Buffer.byteLength(bytes));
    expect(await agent.get(`/v1/messages/${items[0]?.id}`)).toMatchObject({ text: expect.stringContaining("lorem ipsum") });
    const raw = await fetch(`${postern.running.http}/v1/messages/${items[0]?.id}/raw`, {
      headers: { authorization: `Bearer ${await keyOf()}` },
    });
    expect(Buffer.from(await raw.arrayBuffer()).equals(Buffer.from(bytes))).toBe(true);
    expect(await readdir(join(postern.dataDir, "spool"))).toEqual([]);
  });

  it("while the bucket does not answer, mail is told to come again, and nothing is lost or doubled when it does", async () => {
    await gateway.stop();
    const lost = await fromBoss("while it was gone");
    expect(lost.verdict).toMatchObject({ code: 451, enhanced: "4.3.1" });
    await gateway.start();
    const { bytes } = lost;
    const again = await postern.deliver({ sender: "boss@acme.example", recipient: "assistant@acme.example", ip: acme.ip, bytes });
    expect(again.code).toBe(250);
    const { items } = await postern.http.get<{ items: { size: number }[] }>(`/v1/mailboxes/${mailbox}/messages`);
    expect(items.filter(({ size }) => size === Buffer.byteLength(bytes))).toHaveLength(1);
  });

  async function keyOf(): Promise<string> {
    const { key } = await postern.http.send<{ key: string }>("POST", "/v1/keys", {
      name: "reader",
      scopes: ["read"],
      mailboxes: [mailbox],
    });
    return key;
  }
});
