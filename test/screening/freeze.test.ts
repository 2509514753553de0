import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { contentHash } from "../../src/mail/content-hash.ts";
import { idBody } from "../../src/model/ids.ts";
import { newId } from "../store/samples.ts";
import { LETTER, openRig, type Rig } from "./rig.ts";

async function textOf(rig: Rig, input: Awaited<ReturnType<Rig["inputOf"]>>): Promise<string> {
  const { revision } = await rig.freeze(input);
  return ((await rig.bytesOf(revision.mime)) as Buffer).toString();
}

/** A field with its folded lines as one. */
function field(text: string, name: string): string | undefined {
  const head = text.slice(0, text.indexOf("\r\n\r\n")).replaceAll(/\r\n[ \t]+/g, " ");
  return new RegExp(`^${name}: (.*)$`, "m").exec(head)?.[1];
}

describe("freezing", () => {
  it("DESIGN §4.2 stores the finished mail and names it by the hash an approval is for", async () => {
    const rig = await openRig();
    const { tenant, mailbox } = rig.world;
    const input = await rig.inputOf();
    const { revision, content } = await rig.freeze(input);
    const { address } = (await rig.store.run("mailboxes.get", { tenant, id: mailbox }))!;
    expect(content).toEqual({
      source: input.source,
      author: input.author,
      envelope_sender: address,
      recipients: [
        { kind: "to", address: "anna@acme.example" },
        { kind: "cc", address: "cc@acme.example" },
        { kind: "bcc", address: "bcc@other.example" },
      ],
      subject: "Dinner",
      rfc_message_id: `${idBody(input.draft)}.1${address.slice(address.indexOf("@"))}`,
    });
    const { envelope_sender, recipients } = content;
    expect(revision).toMatchObject({
      number: 1,
      content_hash: contentHash({ tenant, mailbox, envelope_sender, recipients, mime: revision.mime.digest }),
    });
    const text = await textOf(rig, input);
    expect(text.length).toBe(revision.mime.size);
    expect([field(text, "From"), field(text, "To"), field(text, "Bcc"), field(text, "Date")]).toEqual([
      address,
      "Anna <anna@acme.example>",
      undefined,
      undefined,
    ]);
    expect(field(text, "Message-ID")).toBe(`<${content.rfc_message_id}>`);
  });

  it("DESIGN §4.2 gives the same bytes to whoever asks again, and costs nothing soon after", async () => {
    const rig = await openRig();
    const input = await rig.inputOf();
    const first = await rig.freeze(input);
    expect(await Promise.all([rig.freeze(input), rig.freeze(input)])).toEqual([first, first]);
    expect(rig.calls.compose).toBe(1);
    const writing = { number: 1, source: input.source, author: input.author };
    expect(await rig.newFreezer().freeze(input, writing)).toEqual(first);
    expect(await rig.newFreezer().freeze(input, { ...writing, number: 2 })).not.toMatchObject({ revision: { mime: first.revision.mime } });
  });

  it("DESIGN §4.2 what is remembered is worked out again before its bytes could be collected", async () => {
    const rig = await openRig();
    const input = await rig.inputOf();
    const { revision } = await rig.freeze(input);
    await rig.blobs.remove(input.tenant, revision.mime.digest);
    rig.time.now += 600_000;
    await rig.freeze(input);
    expect(await rig.bytesOf(revision.mime)).not.toBeNull();
  });

  it("the author's mistakes are told, and nothing is stored", async () => {
    const rig = await openRig();
    const input = await rig.inputOf({ to: ["not an address"], cc: [], bcc: [] });
    const frozen = await rig.freezer.freeze(input, { number: 1, source: input.source, author: input.author });
    expect(frozen).toMatchObject({ invalid: [{ path: "to[0]" }] });
    const kept: string[] = [];
    for await (const { digest } of rig.blobs.list(Number.MAX_SAFE_INTEGER)) kept.push(digest);
    expect(kept).toEqual([input.source.digest]);
  });

  it("NY-12 what nobody has stored yet is stored with what is made of it, and nothing of what has mistakes", async () => {
    const rig = await openRig();
    const { source: _, ...draft } = await rig.inputOf();
    const written = (submission: object) => {
      const bytes = Buffer.from(JSON.stringify({ ...LETTER, ...submission }));
      const source = { digest: createHash("sha256").update(bytes).digest("hex"), size: bytes.length };
      return { number: 1, source, bytes, author: draft.author };
    };
    const [good, bad] = [written({ subject: "Not stored" }), written({ to: ["not an address"] })];
    const frozen = await rig.freezer.freeze(draft, good);
    expect(await rig.bytesOf(good.source)).toEqual(good.bytes);
    const { bytes: __, ...stored } = good;
    expect(await rig.newFreezer().freeze(draft, stored)).toEqual(frozen);
    expect(await rig.freezer.freeze(draft, bad)).toMatchObject({ invalid: [{ path: "to[0]" }] });
    expect(await rig.bytesOf(bad.source)).toBeNull();
  });

  it("another tenant's mailbox is none", async () => {
    const [rig, other] = [await openRig(), await openRig()];
    const input = await rig.inputOf({}, { mailbox: other.world.mailbox });
    await expect(rig.freeze(input)).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("an answer", () => {
  const RAW = [
    "From: boss@acme.example",
    "Message-ID: <3@acme.example>",
    "In-Reply-To: <2@acme.example>",
    "References: <1@acme.example> <2@acme.example>",
    "",
    "hello",
    "",
  ].join("\r\n");
  const headline = { rfc_message_id: "3@acme.example" };

  it("MB-15 carries In-Reply-To and References of what it answers", async () => {
    const rig = await openRig();
    const text = await textOf(rig, await rig.inputOf({}, { in_reply_to: await rig.receive(RAW, { headline }) }));
    expect(field(text, "In-Reply-To")).toBe("<3@acme.example>");
    expect(field(text, "References")).toBe("<1@acme.example> <2@acme.example> <3@acme.example>");
  });

  it("MB-15 names at least what it answers when those bytes are gone, and nothing when that has no name", async () => {
    const rig = await openRig();
    const gone = await rig.receive(RAW, { headline });
    await rig.blobs.remove(rig.world.tenant, (await rig.put(RAW)).digest);
    const text = await textOf(rig, await rig.inputOf({}, { in_reply_to: gone }));
    expect([field(text, "In-Reply-To"), field(text, "References")]).toEqual(["<3@acme.example>", "<3@acme.example>"]);
    const nameless = await textOf(rig, await rig.inputOf({}, { in_reply_to: await rig.receive(RAW) }));
    expect([field(nameless, "In-Reply-To"), field(nameless, "References")]).toEqual([undefined, undefined]);
  });

  it("MB-18 to another mailbox's message names nothing of it", async () => {
    const [rig, other] = [await openRig(), await openRig()];
    for (const in_reply_to of [await other.receive(RAW, { headline }), newId("msg")]) {
      const text = await textOf(rig, await rig.inputOf({}, { in_reply_to }));
      expect(field(text, "In-Reply-To")).toBeUndefined();
    }
  });
});
