import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createFileReader } from "../../src/blobs/file-reader.ts";
import type { Client } from "../../src/cli/client.ts";
import type { TenantId } from "../../src/model/ids.ts";
import { Instance } from "../support/instance.ts";
import { makeSigner, sign, write, type Letter } from "../support/signer.ts";
import { SmtpClient } from "../support/smtp-client.ts";

const sender = makeSigner("sender.example", "192.0.2.1");
const FROM = "sam@sender.example";

interface Party {
  readonly tenant: TenantId;
  readonly http: Client;
  readonly mailbox: string;
  readonly address: string;
}

interface Row {
  readonly id: string;
  readonly digest: string;
  readonly thread_id: string;
}

let postern: Instance;
let north: Party;
let south: Party;

beforeAll(async () => {
  postern = await Instance.start({ signers: [sender] });
  [north, south] = [await party("north"), await party("south")];
});
afterAll(() => postern?.close());

/** A tenant with one mailbox, in which one message an hour of a proven sender is welcome. */
async function party(name: string): Promise<Party> {
  const made = await postern.http.send<{ id: TenantId; admin_key: { key: string } }>("POST", "/v1/tenants", { name });
  const http = postern.as(made.admin_key.key);
  const address = `assistant@${name}.example`;
  return { tenant: made.id, http, address, mailbox: await postern.mailbox(address, policy({ rateLimit: { perHour: 3 } }), http) };
}

function policy(rule: object): object {
  const senders = [{ match: { address: FROM }, capabilities: ["read_calendar"], ...rule }];
  return { defaultAction: "bounce", senders, contentGuards: [], auditLog: { retentionDays: 90, includeBodyHash: true } };
}

function letter(more: Partial<Letter> = {}): Promise<string> {
  return sign(write({ from: FROM, to: "undisclosed@sender.example", ...more }), sender);
}

async function deliver(bytes: string, to: Party): Promise<string> {
  const client = await SmtpClient.open(postern.running.smtp.port);
  const reply = await client.send({ from: FROM, to: [to.address], data: Buffer.from(bytes) });
  client.end();
  return reply.slice(0, 3);
}

async function messagesOf({ http, mailbox }: Party): Promise<readonly Row[]> {
  return (await http.get<{ items: Row[] }>(`/v1/mailboxes/${mailbox}/messages`)).items;
}

/** The owners of a blob with the bytes of a message. */
async function blobsOf({ digest }: Row): Promise<readonly TenantId[]> {
  const reader = createFileReader(join(postern.dataDir, "blobs"));
  const owners: TenantId[] = [];
  for (const { tenant } of [north, south]) if ((await reader.get(tenant, digest)) !== null) owners.push(tenant);
  return owners;
}

describe("MB-18 two tenants, one instance", () => {
  it("the same bytes to both are two messages and two blobs, and neither sees the other's", async () => {
    const bytes = await letter();
    for (const to of [north, south]) expect(await deliver(bytes, to)).toBe("250");
    const [[ours], [theirs]] = [await messagesOf(north), await messagesOf(south)] as [[Row], [Row]];
    expect(ours.digest).toBe(theirs.digest);
    expect(ours.id).not.toBe(theirs.id);
    expect(await blobsOf(ours)).toHaveLength(2);
    for (const [who, row] of [[north, theirs] as const, [south, ours] as const]) {
      for (const path of [`/v1/messages/${row.id}`, `/v1/messages/${row.id}/raw`]) {
        await expect(who.http.get(path)).rejects.toMatchObject({ code: "not_found" });
      }
    }
    expect((await north.http.bytes(`/v1/messages/${ours.id}/raw`)).toString()).toBe(bytes);
  });

  it("one transaction reaches one of them: the other's recipient is put off, which tells a sender nothing but to come again", async () => {
    const client = await SmtpClient.open(postern.running.smtp.port);
    await client.command(`MAIL FROM:<${FROM}>`, "250");
    await client.command(`RCPT TO:<${north.address}>`, "250");
    expect(await client.command(`RCPT TO:<${south.address}>`, "452")).not.toMatch(/tenant|south/);
    client.end();
  });

  it("one that refuses takes no bytes from the other", async () => {
    await south.http.send("PUT", `/v1/mailboxes/${south.mailbox}/policy`, policy({ match: { address: "nobody@sender.example" } }));
    const bytes = await letter();
    expect(await deliver(bytes, north)).toBe("250");
    expect(await deliver(bytes, south)).toBe("550");
    const [kept] = (await messagesOf(north)) as [Row];
    // Taken away once the sender has the answer.
    await expect.poll(() => blobsOf(kept), { timeout: 10_000 }).toEqual([north.tenant]);
    expect((await north.http.bytes(`/v1/messages/${kept.id}/raw`)).toString()).toBe(bytes);
    await south.http.send("PUT", `/v1/mailboxes/${south.mailbox}/policy`, policy({ rateLimit: { perHour: 3 } }));
  });

  it("X-28 naming a message of the other's begins a thread of one's own", async () => {
    const [first] = (await messagesOf(north)) as [Row];
    const messageId = `thread-${first.id}@sender.example`;
    expect(await deliver(await letter({ messageId }), north)).toBe("250");
    const opened = (await messagesOf(north)).at(0)!;
    expect(await deliver(await letter({ headers: [`In-Reply-To: <${messageId}>`] }), south)).toBe("250");
    const [answered] = (await messagesOf(south)) as [Row];
    expect(answered.thread_id).not.toBe(opened.thread_id);
  });

  it("MB-07 what one has had of a sender's hour is not taken from the other's", async () => {
    expect(await deliver(await letter(), north)).toBe("550");
    expect(await deliver(await letter(), south)).toBe("250");
  });

  it("a domain that another has is taken, which is all that is said: the same for names that are there and names that are not", async () => {
    const ask = (address_local_part: string) =>
      south.http.send("POST", "/v1/mailboxes", { address_local_part, domain: "north.example", agent_id: "x" });
    for (const name of ["assistant", "nobody"]) {
      await expect(ask(name)).rejects.toMatchObject({ code: "conflict", message: "the domain is taken" });
    }
    const alias = { address_local_part: "assistant", domain: "north.example" };
    await expect(south.http.send("POST", `/v1/mailboxes/${south.mailbox}/aliases`, alias)).rejects.toMatchObject({
      code: "conflict",
      message: "the domain is taken",
    });
  });

  it("the operator's key, which made both, sees into neither", async () => {
    const [ours] = (await messagesOf(north)) as [Row];
    await expect(postern.http.get(`/v1/messages/${ours.id}`)).rejects.toMatchObject({ code: "not_found" });
    await expect(postern.http.get(`/v1/mailboxes/${south.mailbox}`)).rejects.toMatchObject({ code: "not_found" });
  });
});
